"""No matched text is left in what is printed."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.verdict import Finding, Phase, Place
from extproc.trial.discretion import masked, masked_body, masks
from extproc.trial.witness import Found

PLACE = Place(Phase.REQUEST, "user")


def found(text: str, *spans: tuple[int, int]) -> list[Found]:
    """Findings of an entity E at these spans of a text."""
    return [Found(Finding("p", "E", start, end), PLACE, text) for start, end in spans]


def test_matched_texts_are_masked_wherever_they_stand() -> None:
    """In values and keys, at any depth, as often as they occur; numbers and other texts stay."""
    hide = masks(found("my name is zephyr", (11, 17)))
    document = {"a": ["zephyr, zephyr", 7, None], "zephyr": {"b": "other"}}
    assert masked(document, hide) == {
        "a": ["<E: 6 characters>, <E: 6 characters>", 7, None],
        "<E: 6 characters>": {"b": "other"},
    }
    assert masked_body(b'{"a": "say \\"zephyr\\""}', hide) == {"a": 'say "<E: 6 characters>"'}


def test_longer_matches_go_first_and_masks_stay_whole() -> None:
    """A match inside another does not cut it, and a mask is not masked by a match that it happens to hold."""
    hide = masks(found("ab a char", (0, 2), (0, 1), (5, 9)))
    assert masked("ab, a, char", hide) == "<E: 2 characters>, <E: 1 characters>, <E: 4 characters>"


def test_nothing_found_hides_nothing() -> None:
    """Without findings, or with an empty one, a value stays as it is."""
    assert masked({"a": "b"}, masks(found("b", (0, 0)))) == {"a": "b"}


@given(
    st.lists(st.text(alphabet='abé"\\', min_size=1, max_size=3), max_size=4), st.text(alphabet='abé"\\ ', max_size=20)
)
def test_no_match_is_left(matches: list[str], text: str) -> None:
    """Whatever was matched, none of it stands between the masks."""
    hide = masks(each for match in matches for each in found(match, (0, len(match))))
    shown = masked_body(orjson.dumps([text]), hide)[0]
    for mask in hide.values():
        shown = shown.replace(mask, "\0")
    assert not any(match in shown for match in matches)
