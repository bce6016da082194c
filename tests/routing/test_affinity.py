"""What keeps a client at its target."""

from __future__ import annotations

import pytest

from extproc.routing.affinity import affinity


def test_the_same_name_is_the_same_client() -> None:
    """One name, one digest, everywhere and always; the name is not in it."""
    assert affinity("jane") == affinity("jane") != affinity("joe")
    assert b"jane" not in affinity("jane")


@pytest.mark.parametrize("named", ["", None, 7, ["jane"], {}])
def test_what_is_no_text_names_nobody(named: object) -> None:
    """A client may send anything as `user`."""
    assert affinity(named) == b""


def test_a_lone_surrogate_is_a_name_too() -> None:
    """JSON can carry what UTF-8 cannot."""
    assert len(affinity("\ud800")) == 16
