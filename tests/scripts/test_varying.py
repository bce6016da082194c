"""Requests of a load: no text is sent twice, and nothing else differs."""

from __future__ import annotations

import re

REQUEST = b"POST / HTTP/1.1\r\ncontent-length: 40\r\n\r\n"


def test_only_the_marks_differ(program):
    """Each request has other letters than any before, at every mark, and is as long."""
    varying = program("varying")
    request = REQUEST + f'["{varying.MARK} a", "{varying.MARK}"]'.encode()
    asked = varying.Varying(request, 2**30)
    sent = [asked() for _ in range(1000)]
    assert len({request, *sent}) == 1001
    assert {len(each) for each in sent} == {len(request)}
    pattern = re.compile(re.escape(REQUEST) + rb'\["([g-v]{12}) a", "\1"\]')
    assert all(pattern.fullmatch(each) for each in sent)


def test_without_a_mark_all_are_the_same(program):
    """What is signed beforehand cannot be changed."""
    asked = program("varying").Varying(REQUEST, 5)
    assert [asked(), asked()] == [REQUEST, REQUEST]


def test_any_beginning_will_do(program):
    """Numbers are spelled in as many letters as the mark has, from the first to the last that may be drawn."""
    varying = program("varying")
    for number in (1, 16, 2**varying.FIRST_BITS + 10_000_000):
        assert re.fullmatch(b"[g-v]{12}", varying.letters(number))
        assert varying.letters(number) != varying.MARK.encode()
