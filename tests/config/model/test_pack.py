"""`pack`: required keys, SemVer, lengths."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from extproc.config.model.pack import Pack

GOOD = {"name": "n", "version": "1.0.0", "enabled": True}


@pytest.mark.parametrize(
    "version", ["0.0.0", "1.2.3", "10.20.30", "1.0.0-alpha.1", "1.0.0-0a", "1.0.0+build.5", "1.0.0-x+y"]
)
def test_semantic_versions(version: str) -> None:
    """SemVer's own examples pass."""
    assert Pack.model_validate({**GOOD, "version": version}).version == version


@pytest.mark.parametrize(
    "version", ["1", "1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0\n", ""]
)
def test_other_versions(version: str) -> None:
    """What SemVer forbids is refused."""
    with pytest.raises(ValidationError):
        Pack.model_validate({**GOOD, "version": version})


@pytest.mark.parametrize("key", ["name", "version", "enabled"])
def test_required(key: str) -> None:
    """Without name, version or enabled there is no configuration."""
    with pytest.raises(ValidationError, match="required"):
        Pack.model_validate({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize(("key", "most"), [("name", 200), ("id", 200), ("author", 200), ("description", 2000)])
def test_lengths(key: str, most: int) -> None:
    """Each text has its documented length, and not one character more."""
    assert getattr(Pack.model_validate({**GOOD, key: "x" * most}), key) == "x" * most
    with pytest.raises(ValidationError):
        Pack.model_validate({**GOOD, key: "x" * (most + 1)})
