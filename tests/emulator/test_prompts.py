"""The last user text of a prompt, from whatever template."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.emulator.prompts import last_user_text, spell, spelled
from extproc.sagemaker.conversation import Turn
from extproc.sagemaker.templates import TEMPLATES

TALK = (Turn("system", "S", 0), Turn("user", "U1", 1), Turn("assistant", "A1", 2), Turn("user", "U2", 3))


@pytest.mark.parametrize("name", sorted(set(TEMPLATES) - {"plain"}))
@pytest.mark.parametrize("talk", [TALK, TALK[:2], TALK[1:2]], ids=len)
def test_the_last_user_turn_is_found(name, talk) -> None:
    """In every template; where there is no system, what it would have said is the first user's."""
    folded = "S\n\n" if len(talk) == 2 and name in ("mistral", "mixtral") else ""
    assert last_user_text(TEMPLATES[name].prompt(talk)) == folded + talk[-1].text


def test_a_text_without_turns_is_all_the_users() -> None:
    """A plain prompt."""
    assert last_user_text("just this") == "just this"


@given(st.text())
def test_what_is_spelled_is_read(text) -> None:
    """Any text, through letters and spaces only."""
    assert spelled(spell(text)) == text


@pytest.mark.parametrize("text", ["spell:zz", "spell:a", "tell:aa", "spell:aa!"])
def test_what_spells_nothing_is_itself(text) -> None:
    """Only pairs of the sixteen letters spell."""
    assert spelled(text) == text
