"""Our scripts as filters. What they do is tested in tests/envoy."""

from extproc.render.processor import ENCLOSED
from extproc.render.script import script_filter


def source(*arguments):
    """The Lua that a filter runs."""
    return script_filter("name", *arguments)["typed_config"]["default_source_code"]["inline_string"]


def test_settings_come_before_the_script():
    """So that it can read them."""
    alone = source("enclose.lua")
    assert "function envoy_on_request" in alone
    assert source("enclose.lua", "local A = 1\n") == "local A = 1\n" + alone


def test_both_scripts_enclose_in_the_same_way():
    """The same metadata, which the worker is sent, and the same limit."""
    request, answer = source("enclose.lua"), source("attempt.lua")
    assert f'local ENCLOSED = "{ENCLOSED}"\n' in request
    assert f'local ENCLOSED = "{ENCLOSED}"\n' in answer
    assert "local MOST = 65536\n" in request
    assert "local MOST_ENCLOSED = 65536\n" in answer
