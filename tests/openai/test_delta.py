"""The deltas of one choice: places, their order, and what spells the text out."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import UpstreamFailed
from extproc.openai.delta import Blocked, ChoiceStream, Room
from extproc.policies.verdict import Phase


def arguments(index: int, text: str, **fields: Any) -> dict[str, Any]:
    """A delta with a piece of a tool call's arguments."""
    return {"tool_calls": [{"index": index, "function": {"arguments": text}, **fields}]}


@pytest.fixture
def choice(word_guard: Any) -> ChoiceStream:
    """Choice 2 of a stream, guarded everywhere."""
    return ChoiceStream(2, word_guard(), [])


def push(choice: ChoiceStream, delta: dict[str, Any], *, last: bool = False) -> tuple[list[Any], Any]:
    """The deltas before, and the delta as it goes on."""
    before, _ = choice.push(delta, last=last)
    return before, delta


def test_a_place_is_named_as_in_a_whole_answer(word_guard: Any) -> None:
    """Policies see the same place in a stream as in a whole answer."""
    guard = word_guard()
    choice = ChoiceStream(2, guard, [])
    push(choice, {"role": "assistant", "content": "a", "reasoning": "b", "refusal": "c", "x": {"y": ["d"]}})
    push(choice, arguments(1, "e", id="c1", type="function"))
    assert [(place.kind, place.choice, place.path) for place in guard.places] == [
        ("content", 2, ("choices", 2, "message", "content")),
        ("reasoning", 2, ("choices", 2, "message", "reasoning")),
        ("refusal", 2, ("choices", 2, "message", "refusal")),
        ("other", 2, ("choices", 2, "message", "x", "y", 0)),
        ("tool_arguments", 2, ("choices", 2, "message", "tool_calls", 1, "function", "arguments")),
    ]
    assert {(place.phase, place.role) for place in guard.places} == {(Phase.RESPONSE, "assistant")}


def test_held_text_leaves_no_trace_in_the_delta(choice: ChoiceStream) -> None:
    """A delta whose text is held is empty, down to the tool call that held it."""
    assert push(choice, {"content": "sec"}) == ([], {})
    assert push(choice, {"role": "assistant", "content": "ret", "refusal": None}) == (
        [],
        {"role": "assistant", "content": "[X]", "refusal": None},
    )
    assert push(choice, arguments(0, "se")) == ([], {})
    assert push(choice, arguments(0, "se", id="c", type="function")) == (
        [],
        {"tool_calls": [{"index": 0, "function": {"arguments": "se"}, "id": "c", "type": "function"}]},
    )


def test_the_end_releases_every_place_before_it(choice: ChoiceStream) -> None:
    """What other places hold goes before the last delta; the last delta's own text is complete in itself."""
    push(choice, {"reasoning_content": "th se"})
    push(choice, arguments(3, "x s"))
    before, delta = push(choice, {"content": "hi sec"}, last=True)
    assert before == [{"reasoning_content": "se"}, arguments(3, "s")]
    assert delta == {"content": "hi sec"}


def test_a_tool_call_ends_when_the_next_begins(choice: ChoiceStream) -> None:
    """Clients run a call when the next one begins, so all of it goes before that."""
    push(choice, arguments(0, "{} se", id="c0"))
    assert push(choice, arguments(1, "", id="c1")) == ([arguments(0, "se")], arguments(1, "", id="c1"))


def test_a_new_id_under_an_old_index_is_another_call(choice: ChoiceStream) -> None:
    """Servers that number every call 0 tell them apart by id; one call's text does not run into the next one's."""
    push(choice, arguments(0, "{} sec", id="c0"))
    assert push(choice, arguments(0, "ret", id="c1")) == ([arguments(0, "sec")], arguments(0, "ret", id="c1"))


def test_the_same_id_repeated_is_the_same_call(choice: ChoiceStream) -> None:
    """Servers that repeat the id, or leave it empty, do not end the call."""
    push(choice, arguments(0, "sec", id="c0"))
    assert push(choice, arguments(0, "re", id="c0")) == ([], {"tool_calls": [{"index": 0, "id": "c0"}]})
    assert push(choice, arguments(0, "t", id="")) == ([], arguments(0, "[X]", id=""))


def test_several_calls_in_one_delta_are_whole(choice: ChoiceStream) -> None:
    """Each but the last of several calls ends within the delta."""
    calls = [{"function": {"arguments": "a se"}}, {"function": {"arguments": "b se"}}]
    before, delta = push(choice, {"tool_calls": calls})
    assert before == []
    assert [call["function"]["arguments"] for call in delta["tool_calls"]] == ["a se", "b "]
    assert choice.finish() == [arguments(1, "se")]


def test_text_after_the_end_of_its_place_is_refused(choice: ChoiceStream) -> None:
    """What was released at an end could be one half of a match, so the other half must not follow."""
    push(choice, arguments(0, "sec"))
    push(choice, arguments(1, "x"))
    with pytest.raises(UpstreamFailed) as broken:
        push(choice, arguments(0, "ret"))
    assert "after its end" in broken.value.detail


def test_a_place_at_rest_may_go_on_after_another(choice: ChoiceStream) -> None:
    """Nothing held, nothing at risk: calls may take turns."""
    push(choice, arguments(0, "a"))
    push(choice, arguments(1, "b"))
    assert push(choice, arguments(0, "c")) == ([], arguments(0, "c"))


def test_thought_and_speech_may_take_turns(choice: ChoiceStream) -> None:
    """A match lies across an interruption as it would in the whole text."""
    assert push(choice, {"reasoning": "a sec"})[1] == {"reasoning": "a "}
    assert push(choice, {"content": "b"})[1] == {"content": "b"}
    assert push(choice, {"reasoning": "ret"})[1] == {"reasoning": "[X]"}


def test_a_block_stops_everything(choice: ChoiceStream) -> None:
    """The refusal carries what the policy said."""
    with pytest.raises(Blocked) as blocked:
        push(choice, {"content": "a poison"})
    assert blocked.value.block.rule == "poison"


def test_places_nobody_looks_at_pass_at_once(word_guard: Any) -> None:
    """Without a window there is nothing to hold, whatever the text."""
    choice = ChoiceStream(0, word_guard(lambda place: place.kind != "content"), [])
    assert push(choice, {"content": "sec"}) == ([], {"content": "sec"})
    assert push(choice, {"content": "ret"}, last=True) == ([], {"content": "ret"})


def logprobs(*tokens: str) -> dict[str, Any]:
    """OpenAI's shape, reduced to what matters."""
    return {"content": [{"token": token} for token in tokens], "refusal": None}


def test_probabilities_wait_with_their_text(choice: ChoiceStream) -> None:
    """They go out once all text before them has, in one piece."""
    first, second = (
        {"logprobs": logprobs("a", " s"), "token_ids": [1, 2]},
        {"logprobs": logprobs("o"), "token_ids": [3]},
    )
    choice.take_spelled_out(first)
    push(choice, {"content": "a s"})
    choice.give_spelled_out(first)
    assert first == {"logprobs": None, "token_ids": None}
    choice.take_spelled_out(second)
    push(choice, {"content": "o"})
    choice.give_spelled_out(second)
    assert second == {"logprobs": logprobs("a", " s", "o"), "token_ids": [1, 2, 3]}
    third: dict[str, Any] = {"logprobs": logprobs("!")}
    choice.take_spelled_out(third)
    choice.give_spelled_out(third)
    assert third == {"logprobs": logprobs("!")}


def test_probabilities_of_a_redacted_choice_are_dropped_for_good(choice: ChoiceStream) -> None:
    """Once anything was redacted, none follow: they would spell it out."""
    for text in ("a ", "sec", "ret", " b"):
        part = {"logprobs": logprobs(text)}
        choice.take_spelled_out(part)
        push(choice, {"content": text})
        choice.give_spelled_out(part)
        assert part == {"logprobs": logprobs(text) if text == "a " else None}


def test_probabilities_that_wait_are_bounded(word_guard: Any) -> None:
    """Too many for the room there is are dropped, for good, and the room is there for others again."""
    room = Room(spelled_out=200)
    choice = ChoiceStream(0, word_guard(), [], room=room)
    push(choice, {"content": "sec"})
    for at in range(100):
        part = {"logprobs": logprobs(f"token {at}")}
        choice.take_spelled_out(part)
        choice.give_spelled_out(part)
        assert part == {"logprobs": None}
        assert 0 <= room.spelled_out <= 200
    push(choice, {"content": "ond"})
    part = {"logprobs": logprobs("ond")}
    choice.take_spelled_out(part)
    choice.give_spelled_out(part)
    assert (part, room.spelled_out) == ({"logprobs": None}, 200)


def test_probabilities_are_not_copied_for_every_chunk(choice: ChoiceStream) -> None:
    """What waits grows where it is: a copy each time would take quadratic time."""
    push(choice, {"content": "sec"})
    first: list[Any] = [1]
    for value in (first, [2], [3]):
        choice.take_spelled_out({"token_ids": value})
    assert first == [1, 2, 3]


def test_places_are_bounded_over_all_choices(word_guard: Any) -> None:
    """Ever new fields end the stream, in whichever choice they come; those known may go on."""
    room = Room(places=3)
    one, two = (ChoiceStream(index, word_guard(), [], room=room) for index in (0, 1))
    for _ in range(2):
        assert push(one, {"content": "a", "x": "b"}) == ([], {"content": "a", "x": "b"})
        assert push(two, {"content": "c"}) == ([], {"content": "c"})
    with pytest.raises(UpstreamFailed):
        push(two, {"y": "d"})


def test_a_call_that_has_ended_gives_its_place_back(word_guard: Any) -> None:
    """One call after the other under one index may go on for as long as they like."""
    choice = ChoiceStream(0, word_guard(), [], room=Room(places=2))
    for at in range(50):
        assert push(choice, arguments(0, "{}", id=f"c{at}"))[1] == arguments(0, "{}", id=f"c{at}")


def test_text_received_is_counted(choice: ChoiceStream) -> None:
    """Characters of all places count, as received and not as redacted."""
    push(choice, {"role": "assistant", "content": "secret", "reasoning": "ab"})
    assert choice.characters == 8
