"""What a test may turn, in an endpoint's name and in a request's body."""

from __future__ import annotations

from dataclasses import fields

import pytest

from extproc.emulator.knobs import DEFAULT, SHORT, BadKnob, Knobs, from_body, from_name, is_fault


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chat", DEFAULT),
        ("my--model", DEFAULT),
        ("chat--frame", DEFAULT),
        ("chat--frame0", DEFAULT),
        ("chat--frames7", DEFAULT),
        ("chat--frame7", Knobs(frame_bytes=7)),
        ("chat--frame7--write3--delay5", Knobs(frame_bytes=7, write_bytes=3, delay_ms=5)),
        ("throttle-east--utf8--empty--unknown", Knobs(split_utf8=True, empty_frames=True, unknown_events=True)),
        ("bad-crc--after0", Knobs(after=0)),
        ("tgi--unended", Knobs(unended=True)),
        ("chat--tokens500--chars2--bytes9", Knobs(tokens=500, token_chars=2, bytes=9)),
        ("chat--first2000", Knobs(first_ms=2000)),
        ("chat--events3--chunk4", Knobs(events_per_frame=3, frames_per_chunk=4)),
    ],
)
def test_a_name_sets_knobs(name, expected) -> None:
    """Known short names with a usable number set a knob; anything else is just a name."""
    assert from_name(name) == expected


def test_every_short_name_is_a_knob() -> None:
    """The table of short names names existing knobs, each once."""
    assert set(SHORT.values()) <= {field.name for field in fields(Knobs)}
    assert len(set(SHORT.values())) == len(SHORT)


def test_the_body_wins() -> None:
    """What the body sets is set, what it leaves out stays as the name has it."""
    knobs = from_body(Knobs(frame_bytes=7, delay_ms=5), {"frame_bytes": 1, "text": "ü", "split_utf8": True})
    assert knobs == Knobs(frame_bytes=1, delay_ms=5, text="ü", split_utf8=True)
    assert from_body(DEFAULT, {"delay_ms": 0.5, "fault": "model-error-503"}).fault == "model-error-503"


def test_a_faults_knobs_win() -> None:
    """What stands at the end of a fault is set over what the request asked for, and nothing else is."""
    assert from_name("chat--first9", Knobs(first_ms=1, delay_ms=2)) == Knobs(first_ms=9, delay_ms=2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, True) for name in ("throttle", "model-error-503", "chat--first2000", "bad-crc--after1--utf8")),
        *((name, False) for name in ("no-such", "chat--frist2000", "chat--first", "chat--", "chat--after1--x")),
    ],
)
def test_a_fault_may_end_in_knobs(name, expected) -> None:
    """A kind is a fault, also with knobs; a word after it that is no knob is not just a name there."""
    assert is_fault(name) is expected


def test_text_may_be_given_as_code_points() -> None:
    """`text_codes` is the text, one number a character."""
    assert from_body(DEFAULT, {"text_codes": [71, 114, 252, 0x1F600]}).text == "Grü😀"


def test_a_stream_may_be_given_event_by_event() -> None:
    """`raw` is kept as it is, line ends and marks included."""
    assert from_body(DEFAULT, {"raw": ["\ufeffdata: 1\r\n", ""]}).raw == ("\ufeffdata: 1\r\n", "")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([], "must be an object"),
        ({"frame_byte": 1}, "not one of .*frame_bytes"),
        ({"frame_bytes": "1"}, "must be a int"),
        ({"frame_bytes": True}, "must be a int"),
        ({"split_utf8": 1}, "must be a bool"),
        ({"text": None}, "must be a str"),
        ({"frame_bytes": 0}, "too small"),
        ({"delay_ms": -1}, "too small"),
        ({"fault": "no-such"}, "none of .*throttle"),
        ({"text_codes": [-1]}, "code points"),
        ({"text_codes": "abc"}, "code points"),
        ({"text_codes": [0x110000]}, "code points"),
        ({"raw": "data: {}"}, "must be a list"),
        ({"raw": ["data: {}", 1]}, "list of texts"),
    ],
)
def test_what_means_nothing_is_refused(given, text) -> None:
    """A wrong name, type or number in the body is an error that says which, not a silent default."""
    with pytest.raises(BadKnob, match=text):
        from_body(DEFAULT, given)
