"""Views of a text without its disguises: what the model scores besides the text as it stands.

A view is made only where something calls for it, and says nothing by itself: harmless text in Base64 or leetspeak is
harmless text.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode
from codecs import encode
from collections.abc import Iterator, Mapping
from html import unescape
from itertools import islice
from urllib.parse import unquote

import re2

from extproc.policies.disguise import undone
from extproc.policies.scan import candidates, gate, options

# Decoded at most: an attacker hides one text, not a hundred; and characters of each.
_SEGMENTS = 16
_SEGMENT_LENGTH = 8192


def _folds() -> dict[int, str | None]:
    """Letters with accents and points to those without; one character for each, so that positions stay."""
    table: dict[int, str | None] = {}
    for code in (*range(0xC0, 0x250), *range(0x370, 0x530), *range(0x622, 0x627), *range(0x1E00, 0x2000)):
        base = unicodedata.normalize("NFD", chr(code))[0].lower()
        if len(base) == 1 and ord(base) != code:
            table[code] = base
    table |= {ord(written): read for written, read in zip("ßæœøłđðħıŀŧþ", "saoolddhiltp", strict=True)}
    # Marks by themselves: Latin, Greek and Cyrillic ones; Hebrew points; Arabic vowel signs and the long stroke.
    marks = (*range(0x300, 0x370), *range(0x591, 0x5C8), 0x640, *range(0x64B, 0x653))
    return table | dict.fromkeys(marks)


_FOLDS = _folds()
_FOLDED = frozenset(map(chr, _FOLDS))
_MARKS = frozenset(chr(code) for code, read in _FOLDS.items() if read is None)
# Letters that look like Latin ones (a part of Unicode's confusables.txt, small capitals, letters upside down), after
# folding. The first row is of living alphabets, Cyrillic, Greek and Armenian.
_ALPHABETS = "абвгезіјкмнорстухѕԁһԛԝαβγεικνορτυχωսոօհցզ", "a6bre3ijkmhopctyxsdhqwabyeikvoptuxwunohgq"
_SIGNS = (
    "ɡɑɪɢɴᴀᴃᴄᴅᴇꜰɢʜᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ" + "".join(map(chr, range(0x1F150, 0x1F16A)))
    + "".join(map(chr, range(0x1F170, 0x1F18A))) + "".join(map(chr, range(0x1F1E6, 0x1F200))),
    "gaignabcdefghjklmnoprstuvwyzacefghijkmrtvwy" + "abcdefghijklmnopqrstuvwxyz" * 3,
)  # fmt: skip
_LOOKALIKES = str.maketrans(_ALPHABETS[0] + _SIGNS[0], _ALPHABETS[1] + _SIGNS[1])
_SIGNS_ALONE = frozenset(_SIGNS[0])
_ASCII = bytes(range(128))
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())
# Letters of those alphabets that look like no Latin one: who writes them writes Russian, Greek or Armenian.
_GENUINE = frozenset("джийлпфцчшщъыьэюяєғқңұδζηθλμξπσςφψաբգդեթիլխծկձճմյնշչպջռվտր")
_SIMILAR = frozenset(map(chr, _LOOKALIKES))
_MIXING = re.compile("[a-z][^\x00-\x7f]|[^\x00-\x7f][a-z]")
_MIXED = re.compile(r"\w*(?:[a-z][^\W\d_a-z]|[^\W\d_a-z][a-z])\w*")
# So many different characters are cheaper to replace one after the other.
_FEW = 8


def plain(text: str, *, unicode: bool = True, lookalikes: bool = True) -> str:
    """The text in lower case and without the disguises of single characters.

    `unicode`: in compatibility form, without invisible characters and accents. `lookalikes`: letters of other scripts
    that look like Latin ones are read as those, where Latin letters stand beside them.
    """
    if text.isascii():
        return text.lower()
    if unicode:
        changed = undone(text)
        # The one letter that becomes two in lower case.
        text = (changed[0] if changed else text).replace("\u0130", "i").lower()
        text = _translated(text, _foreign(text) & _FOLDED, _FOLDS)
    else:
        text = text.lower()
    foreign = _foreign(text)
    if not lookalikes or not (similar := foreign & _SIMILAR):
        return text
    latin = len(text.encode("ascii", "ignore").translate(None, _NO_LETTERS))
    # A Russian text may hold a Latin name; a disguise mixes.
    if 10 * sum(map(text.count, foreign & _GENUINE)) > latin:
        if _MIXING.search(text):
            text = _MIXED.sub(lambda word: word.group().translate(_LOOKALIKES), text)
        return _translated(text, similar & _SIGNS_ALONE, _LOOKALIKES)
    return _translated(text, similar if latin else similar & _SIGNS_ALONE, _LOOKALIKES)


def _foreign(text: str) -> set[str]:
    """The different characters beyond ASCII."""
    return set(text.encode("utf-8", "replace").translate(None, _ASCII).decode())


def _translated(text: str, kinds: set[str], table: Mapping[int, str | int | None]) -> str:
    if len(kinds) > _FEW:
        return text.translate({ord(kind): table[ord(kind)] for kind in kinds})
    for kind in kinds:
        text = text.replace(kind, kind.translate(table))
    return text


def written(text: str, start: int, end: int, *, unicode: bool = True) -> tuple[int, int]:
    """Where the characters from `start` to before `end` of the plain text stand in the text as written."""
    if not unicode or text.isascii():
        return start, end
    changed = undone(text)
    shown = changed[0] if changed else text
    # Only marks vanish after that.
    kept = [at for at, character in enumerate(shown) if character.lower() not in _MARKS]
    first, last = kept[start], kept[end - 1]
    return changed[1].span(first, last + 1) if changed else (first, last + 1)


_BASE64 = re2.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}", options())
_HEX = re2.compile(r"(?i)(?:(?:\\x|0x|%)?[0-9a-f]{2}[\s,:]?){12,}", options())
_BINARY = re2.compile(r"(?:[01]{8}\s?){6,}", options())
# Common words of English and of attacks; reversed or rotated they are no words that one meets elsewhere.
_TELLTALE = (
    "the|you|your|for|that|this|from|have|all|can|with|give|make|tell|say|previous|instructions|ignore|prompt|system|reveal"
    "|rules|forget|disregard|what|write|please|which|how|about|will|would|print|repeat|answer|respond"
)
_ROTATED = re2.compile(rf"\b(?:{encode(_TELLTALE + '|and|not|are|is|of|to', 'rot13')})\b", options())
_REVERSED = re2.compile(rf"\b(?:{_TELLTALE[::-1]})\b", options())
_SPACED = re2.compile(r"(?:\S\s{1,3}){6,}\S|(?:[^\W_][ \t.,*_|/\\+~-]{1,3}){5,}[^\W_]", options())
_LEET = re2.compile(r"[a-z][0134578@$!|]+[a-z]|\b[0134578@$]+[a-z]{2}|[a-z]{2}[013457@$]+\b", options())
_LEET_LETTERS = bytes.maketrans(b"013456789@$!|", b"oieasgtbgasii")
_LEET_LETTERS_L = bytes.maketrans(b"013456789@$!|", b"oleasgtbgasii")
_ALPHABET = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ROTATION = bytes.maketrans(_ALPHABET, encode(_ALPHABET.decode(), "rot13").encode())
_ESCAPED = re2.compile(r"(?i)&#?\w+;|\\u[0-9a-f]{4}|\\n|(?:%[0-9a-f]{2}){3}", options())
_WORD = re.compile(r"\w+")

_CALLS = (_ROTATED, _REVERSED, _SPACED, _LEET, _ESCAPED, _BASE64, _HEX, _BINARY)
# One pass says that most texts have nothing of all this.
_GATES = gate([(expression.pattern, expression.programsize) for expression in _CALLS])


def views(text: str, shown: str, *, decode: bool = True) -> Iterator[tuple[str, int, int]]:
    """Further readings of a text whose plain form is `shown`, and which part of the text each is of.

    Letters rotated by 13, reversed, spaced out, leetspeak, escapes; and, with `decode`, what segments of Base64,
    hexadecimal and binary digits hold, once more in each of those.
    """
    data = shown.encode("utf-8", "replace")
    found = candidates(_GATES, data)
    if not found:
        return
    which = {id(_CALLS[index]) for index in found}
    if not shown.isascii():
        # A lone surrogate is none in UTF-8: "?", one character for one.
        text, shown = text.encode("utf-8", "replace").decode(), data.decode()
    for view in _letters(shown, which):
        yield view, 0, len(text)
    if not decode or which.isdisjoint(map(id, (_BASE64, _HEX, _BINARY))):
        return
    for hidden, start, end in decoded(text):
        inner = plain(hidden)
        yield inner, start, end
        for view, _, _ in views(hidden, inner, decode=False):
            yield view, start, end


def _letters(text: str, which: set[int]) -> Iterator[str]:
    """The readings of all of a plain text that the expressions in `which` call for."""
    if id(_ROTATED) in which:
        yield _exchanged(text, _ROTATION)
    if id(_REVERSED) in which:
        yield text[::-1]
        yield _WORD.sub(lambda word: word.group()[::-1], text)
    if id(_SPACED) in which:
        yield _SPACED.sub(_together, text)
    if id(_LEET) in which and len(list(islice(_LEET.finditer(text), 2))) > 1:
        yield _exchanged(text, _LEET_LETTERS)
        if "1" in text:
            yield _exchanged(text, _LEET_LETTERS_L)
    if id(_ESCAPED) in which:
        shown = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), text.replace("\\n", "\n"))
        shown = unescape(unquote(shown, errors="replace"))
        # Escapes of surrogates come in pairs.
        shown = plain(shown.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        if shown != text:
            yield shown


def _exchanged(text: str, table: bytes) -> str:
    """A text with other characters of ASCII: by way of UTF-8, as `str.translate` takes 0.7 ms for 16 KB, this 10 µs."""
    return text.encode().translate(table).decode()


def decoded(text: str) -> Iterator[tuple[str, int, int]]:
    """What segments of Base64, hexadecimal and binary digits hold, where that is text, and where they stand."""
    for segment in islice(_BASE64.finditer(text), _SEGMENTS):
        body = segment.group().rstrip("=")[:_SEGMENT_LENGTH]
        body = body[: len(body) - (len(body) % 4 == 1)]
        try:
            hidden = b64decode(body + "=" * (-len(body) % 4), altchars=b"-_" if "-" in body or "_" in body else None)
        except ValueError:
            continue
        if shown := _readable(hidden):
            yield shown, *segment.span()
    for expression, base, width in ((_HEX, 16, 2), (_BINARY, 2, 8)):
        for segment in islice(expression.finditer(text), _SEGMENTS):
            digits = re.sub(r"\\x|0x|[^0-9a-fA-F]", "", segment.group()[: 5 * _SEGMENT_LENGTH])
            try:
                hidden = bytes(int(digits[at : at + width], base) for at in range(0, len(digits) - width + 1, width))
            except ValueError:
                continue
            if shown := _readable(hidden):
                yield shown, *segment.span()


def _readable(data: bytes) -> str:
    """The text that bytes are; empty where they are none."""
    try:
        # A segment may have been cut inside a character.
        shown = data.decode("utf-8", "strict" if len(data) < _SEGMENT_LENGTH // 2 else "ignore")
    except UnicodeDecodeError:
        return ""
    return shown if sum(c.isprintable() or c.isspace() for c in shown) >= 0.95 * len(shown) else ""


def _together(run: re2._Match[str]) -> str:
    """A run of single letters without what stands between them; a wider gap parts words."""
    spaced: str = run.group()
    between = r"\s+" if spaced[1].isspace() else r"[\W_]+"
    gaps = re.findall(between, spaced)
    usual = min(map(len, gaps))
    if any(len(gap) > usual for gap in gaps):
        return re.sub(between, lambda gap: " " if len(gap.group()) > usual else "", spaced)
    return spaced.replace(max(set(gaps), key=gaps.count), "")
