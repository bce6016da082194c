"""The attempt filter's text. What it does is tested in tests/envoy/test_attempt.py."""

import pytest

from extproc.edge.corrections import PATIENCE_SECONDS
from extproc.edge.signer import METHOD, SERVICE
from extproc.render.attempt import attempt_filter
from extproc.render.processor import ATTEMPTS, OUTCOMES, PLAN
from extproc.render.workers import WORKERS
from extproc.sagemaker.ticket import SIGNATURE


def source(target_id):
    """The Lua that a target's cluster runs."""
    return attempt_filter(target_id)["typed_config"]["default_source_code"]["inline_string"]


def test_each_target_has_its_name_in_its_script():
    """The script is the shipped one, after one line that names the target and one that lets it wait for bodies."""
    first, _, rest = source("east").partition("\n")
    assert first == 'local TARGET = "east"'
    assert rest.startswith("local WAITS = true\n--")
    assert "function envoy_on_request" in rest
    assert rest == source("west").partition("\n")[2]


@pytest.mark.parametrize(
    "name", [WORKERS, f"/{SERVICE}/{METHOD}", ATTEMPTS, PLAN, OUTCOMES, *sorted(SIGNATURE - {"authorization"})]
)
def test_the_script_and_the_rest_use_the_same_names(name):
    """Of the workers' cluster, the signer's method, the metadata, and the headers of a signature."""
    assert f'"{name}"' in source("east")


def test_envoy_waits_longer_for_a_signature_than_a_worker_for_credentials():
    """So that it is the worker who gives up, and answers."""
    _, _, rest = source("east").partition("local RESIGN_MS = ")
    assert int(rest.partition("\n")[0]) > 1000 * PATIENCE_SECONDS


@pytest.mark.parametrize("target_id", ['a"b', "a\\b", "a\nb", "ü", "--]]", "a.b-c"])
def test_a_name_cannot_leave_its_string(target_id):
    """Any byte but a letter or digit is a decimal escape, so no id can add code."""
    literal = source(target_id).partition("\n")[0].removeprefix("local TARGET = ")
    inside = literal[1:-1].encode().decode("unicode_escape") if "\\" not in literal else literal[1:-1]
    parts = inside.split("\\")
    decoded = parts[0].encode() + b"".join(bytes([int(part[:3])]) + part[3:].encode() for part in parts[1:])
    assert decoded.decode() == target_id
