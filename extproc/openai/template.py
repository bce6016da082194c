"""The bytes around the text of an event: of most of a stream's events the text alone is new.

Which string stands somewhere does not change how JSON is read around it, nor where its lines end. So once an event is
known to say nothing but a text, the next that begins and ends with the same bytes, and has one string between them,
says that text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

# Stands for the text where a template is tried out; no escape of JSON is needed in it.
PROBE = "the text of the event"
_PROBE = orjson.dumps(PROBE)
# An event that holds nothing but a token is shorter, in bytes; larger ones have limits that are not looked at here.
MOST = 8192


@dataclass(frozen=True, slots=True)
class Template:
    """The bytes before a string of JSON, and those after it."""

    before: bytes
    after: bytes

    def read(self, data: bytes) -> str | None:
        """The text between these bytes; None if they are others, more than MOST, or not around one string."""
        if len(data) > MOST or not (data.startswith(self.before) and data.endswith(self.after)):
            return None
        string = data[len(self.before) : len(data) - len(self.after)]
        # JSON has no line break in a string; around one it may have some.
        if not (string.startswith(b'"') and string.endswith(b'"')):
            return None
        try:
            text: str = orjson.loads(string)
        except orjson.JSONDecodeError:
            return None
        return text

    def write(self, text: str) -> bytes:
        """These bytes with a text between them."""
        return self.before + orjson.dumps(text) + self.after


def around_probe(data: bytes) -> Template | None:
    """The bytes around the one PROBE, as orjson writes it; None if there are none or several."""
    before, *after = data.split(_PROBE)
    return Template(before, after[0]) if len(after) == 1 else None


def around_last(name: str, data: bytes) -> Template | None:
    """The bytes around the last string of that name in an event, or what looks like it; None if nothing does.

    That it is one, and says what it should, is for the caller to try out.
    """
    if len(data) > MOST:
        return None
    found = None
    for found in re.finditer(rb'"%s"[ \t]*:[ \t]*("(?:[^"\\]|\\.)*+")' % name.encode(), data):  # noqa: B007 - the last
        pass
    return None if found is None else Template(data[: found.start(1)], data[found.end(1) :])
