"""Lines one after another."""

from __future__ import annotations

import orjson
import pytest

from extproc.audit import signature
from extproc.audit.links import Links, document


@pytest.fixture
def written(trails):
    """A writer with two batches, and its lines."""
    trail = trails()
    writer = trail.writer("w0")
    writer.write({"event": "exchange", "number": 1})
    writer.write({"event": "exchange", "number": 2}, {"event": "exchange", "number": 3})
    return writer, trail.files[writer.file].splitlines()


def told(writer, lines):
    """The codes of all trouble, by the index of the line."""
    links, key = Links(writer.name), signature.loaded(writer.key.public)
    found = []
    for index, line in enumerate(lines):
        parsed = document(line)
        if parsed.get("event") == "seal":
            found += [(index - trouble.before, trouble.code) for trouble in links.seal(line, parsed, key)]
        elif (trouble := links.take(line, parsed)) is not None:
            found.append((index - trouble.before, trouble.code))
    return found


def test_written_lines_are_linked(written):
    """What a chain writes gives no trouble."""
    writer, lines = written
    assert len(lines) == 6
    assert told(writer, lines) == []


def changed(line, **members):
    """A line with other members."""
    return orjson.dumps({**orjson.loads(line), **members})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda each: [*each[:1], *each[2:]], [(1, "missing-lines")]),
        (lambda each: [*each[:2], each[1], *each[2:]], [(2, "misplaced-line")]),
        (lambda each: [each[0], changed(each[1], number=9), *each[2:]], [(2, "changed-line")]),
        (lambda each: [*each[:4], changed(each[4], number=9), each[5]], [(5, "changed-line")]),
        (lambda each: [each[0], b"nonsense", *each[2:]], [(1, "unreadable-line"), (2, "changed-line")]),
        (lambda each: [each[0], b"[]", *each[2:]], [(1, "unreadable-line"), (2, "changed-line")]),
        (lambda each: [each[0], changed(each[1], seq="1"), *each[2:]], [(1, "unreadable-line"), (2, "changed-line")]),
        (lambda each: [each[0], changed(each[1], chain="w1.0"), *each[2:]], [(1, "foreign-line"), (2, "changed-line")]),
        (lambda each: [each[0], each[1][:-1] + b" }", *each[2:]], [(2, "changed-line")]),
        (lambda each: [b" " + each[0], *each[1:]], [(0, "unreadable-line"), (1, "changed-line")]),
        (lambda each: [*each[:5], changed(each[5], count=1)], [(5, "batch"), (5, "signature")]),
        (lambda each: [*each[:5], changed(each[5], root="00")], [(5, "batch"), (5, "signature")]),
        (lambda each: [*each[:5], changed(each[5], sig="AAAA")], [(5, "signature")]),
        (lambda each: [*each[:5], each[5][:-1] + b',"more":1}'], [(5, "signature")]),
        (lambda each: [*each[:5], each[5] + b" "], [(5, "signature")]),
    ],
)
def test_trouble_is_told(written, change, expected):
    """Each kind of change has its code, at its line, and is told once and not of every line that follows."""
    writer, lines = written
    found = told(writer, change(lines))
    # A "changed" line before is told at the line that noticed it, less one.
    shifted = [(index + (code == "changed-line"), code) for index, code in found]
    assert shifted[: len(expected)] == expected
    # Beyond that only the batch is said to be another, once.
    assert [code for _, code in shifted[len(expected) :]] in ([], ["batch"])


def test_adopting_goes_on_from_a_line(written):
    """What a line says of its place is taken over, when it says it."""
    writer, lines = written
    links = Links(writer.name)
    assert links.adopt(document(lines[3]))
    assert links.take(lines[3], document(lines[3])) is None
    for bad in ({}, {"seq": "1", "prev": ""}, {"seq": -1, "prev": ""}, {"seq": True, "prev": ""}, {"seq": 1}):
        assert not links.adopt(bad)


def test_begin_of_a_line(written):
    """A piece may be torn from the next line when it begins so; the numbers count, unless they are not known."""
    writer, lines = written
    links = Links(writer.name)
    for end in (0, 1, 40, len(lines[0])):
        assert links.begins(lines[0][:end])
    assert not links.begins(lines[1])
    assert links.begins(lines[1], anywhere=True)
    assert not links.begins(b"x", anywhere=True)
