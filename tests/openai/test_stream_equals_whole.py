"""A stream says what the whole answer says: the one property that the streaming policies rest on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from extproc.openai.stream import Relay
from extproc.openai.text import response_slots
from extproc.policies.chain import Chain
from extproc.policies.table import build
from extproc.policies.verdict import Phase, Place, Text

FIELDS = ("content", "reasoning_content", "refusal", "x_unheard_of", 0, 1)


def chunk(delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    """A chunk as a container sends it."""
    return {"id": "c-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def delta_of(field: str | int, text: str) -> dict[str, Any]:
    """A delta with a piece of a field; numbers are tool calls."""
    if isinstance(field, str):
        return {field: text}
    return {"tool_calls": [{"index": field, "id": f"call-{field}", "function": {"name": "f", "arguments": text}}]}


def message_of(texts: dict[str | int, str]) -> dict[str, Any]:
    """The whole message."""
    calls = [
        {"index": field, "id": f"call-{field}", "function": {"name": "f", "arguments": text}}
        for field, text in texts.items()
        if isinstance(field, int)
    ]
    message: dict[str, Any] = {field: text for field, text in texts.items() if isinstance(field, str)}
    return {**message, "tool_calls": calls} if calls else message


def gather(message: Any, path: tuple[Any, ...], into: dict[tuple[Any, ...], str]) -> None:
    """Add up every string of a message or delta by its path, as an SDK's accumulator does."""
    if isinstance(message, str):
        if path[-1] not in ("id", "name", "role"):
            into[path] = into.get(path, "") + message
    elif isinstance(message, dict):
        for key, value in message.items():
            gather(value, (*path, key), into)
    elif isinstance(message, list):
        for at, value in enumerate(message):
            gather(value, (*path, value.get("index", at) if isinstance(value, dict) else at), into)


def streamed(guard: Any, pieces: list[tuple[str | int, str]]) -> tuple[dict[tuple[Any, ...], str], bool]:
    """The text that a client adds up from a stream of these pieces, and whether it was blocked."""
    relay = Relay(guard, "m", include_usage=False)
    chunks = []
    for field, text in pieces:
        chunks += relay.push(chunk(delta_of(field, text), None))
    chunks += relay.push(chunk({}, "stop"))
    chunks += relay.finish()
    assert relay.error is None
    got: dict[tuple[Any, ...], str] = {}
    for released in chunks:
        (choice,) = released["choices"]
        assert choice["delta"] or choice["finish_reason"], "an empty chunk was sent"
        gather(choice["delta"], (), got)
    return {path: text for path, text in got.items() if text}, relay.block is not None


def whole(guard: Any, texts: dict[str | int, str]) -> tuple[dict[tuple[Any, ...], str], bool]:
    """The text of the same answer when it is judged whole."""
    document = {"choices": [{"index": 0, "message": message_of(texts)}]}
    slots = response_slots(document)
    judgement = guard.judge([slot.text for slot in slots])
    for slot, text in zip(slots, judgement.texts, strict=True):
        slot.replace(text)
    got: dict[tuple[Any, ...], str] = {}
    gather(document["choices"][0]["message"], (), got)
    return {path: text for path, text in got.items() if text}, judgement.block is not None


@st.composite
def cut_answers(draw: st.DrawFn, words: list[str]) -> tuple[dict[str | int, str], list[tuple[str | int, str]]]:
    """Texts by field, and the same in pieces: fields in any order of turns, tool calls one after the other."""
    fields = draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3, unique=True))
    texts = {field: "".join(draw(st.lists(st.sampled_from(words), max_size=5))) for field in fields}
    turns: list[list[tuple[str | int, str]]] = []
    for field, text in texts.items():
        cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
        edges = [0, *cuts, len(text)]
        turns.append([(field, text[a:b]) for a, b in pairwise(edges)])
    calls = [turn for turn in turns if isinstance(turn[0][0], int)]
    lanes = [turn for turn in turns if isinstance(turn[0][0], str)]
    lanes.append([piece for turn in sorted(calls, key=lambda turn: str(turn[0][0])) for piece in turn])
    pieces = []
    while lanes := [lane for lane in lanes if lane]:
        pieces.append(draw(st.sampled_from(lanes)).pop(0))
    return texts, pieces


# What pii-detector is told of where and how it judges.
PLACED: tuple[dict[str, Any], ...] = (
    {},
    {"mode": "observe"},
    {"apply_to": {"phases": ["request"]}},
    {"apply_to": {"tools": []}},
    {"apply_to": {"roles": [], "tools": ["tool_arguments"]}},
)
CHAINS = tuple(
    Chain(
        (
            build("pii-detector", placed),
            build("dlp-filter", {"patterns": [{"name": "ticket", "regex": r"TCK-\d{4,6}", "action": "redact"}]}),
        )
    )
    for placed in PLACED
)
WORDS = [
    "mail jo@example.com",
    "jo@exam",
    "ple.com",
    "078-05-1120",
    "078-05-",
    "1120",
    "4111 1111 1111 1111",
    "TCK-1234",
    "TCK-",
    "56",
    " ",
    ", ",
    "word",
    "+1 (415) 555-",
    "2671",
    "日本",
]


@given(cut_answers(["secret", "sec", "ret", "s", "po", "ison", " ", "日", '{"a": ']))
def test_with_one_word(word_guard: Any, answer: Any) -> None:
    """However an answer is cut, and in whatever turns its fields come, its parts add up to the whole answer's text."""
    agree(word_guard, answer)


@given(cut_answers(WORDS), st.sampled_from(CHAINS))
def test_with_the_real_policies(answer: Any, chain: Chain) -> None:
    """The same holds of real detectors and their hold-back, whatever they read and whether they only observe."""
    agree(chain.guard, answer)


REVERSIBLE = Chain((build("pii-detector", {"redaction": {"reversible": True}, "detect_patterns": ["<[^>]*>"]}),))
PLACEHOLDERS = [
    *("[EMAIL_1]", "[EMAIL_1", "0]", "]", "[email 2]", r"\[EMAIL\_2\]", r"\\[CUSTOM\\_1\\]", "[CUSTOM", "_", "1]"),
    *("[", "\\"),
    *(r"\u005bCUSTOM\u005f1]", r"\u00", "5b", "eve@example.com", "eve@exam", "ple.com", " ", '{"a": "', '"}', "日"),
]


@given(cut_answers(PLACEHOLDERS))
def test_with_values_put_back(answer: Any) -> None:
    """The same holds of placeholders that become values again, with what JSON has to escape in arguments."""

    def guard() -> Any:
        made = REVERSIBLE.guard()
        asked = 'jo@x.org amy@x.org <a "b" \\ \n c>'
        assert made.judge([Text(Place(Phase.REQUEST, "user"), asked)]).texts == ("[EMAIL_1] [EMAIL_2] [CUSTOM_1]",)
        return made

    agree(guard, answer)


def agree(guard: Any, answer: Any) -> None:
    """Both ways give the same text, or both are blocked."""
    texts, pieces = answer
    got, blocked = streamed(guard(), pieces)
    expected, refused = whole(guard(), texts)
    assert blocked == refused
    assert blocked or got == expected


BLOCKING = Chain(
    (
        build("pii-detector", {"entities": ["EMAIL"]}),
        build("dlp-filter", {"patterns": [{"name": "project", "regex": "PRJ-[0-9]{4}", "action": "block"}]}),
    )
)


@given(st.lists(st.integers(0, 60), max_size=8), st.sampled_from(["content", "reasoning_content"]))
def test_what_stood_before_a_refused_match_is_delivered(cuts: list[int], field: str) -> None:
    """All of it, redacted, and nothing more, wherever the stream was cut."""
    text = "Ask jo@example.com about PRJ-1234 and PRJ-5678."
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    got, blocked = streamed(BLOCKING.guard(), [(field, text[a:b]) for a, b in pairwise(edges)])
    assert blocked
    assert got == {(field,): "Ask [EMAIL_REDACTED] about "}
