"""What a container that is given one text makes of it: the last thing that the user said, whatever the template.

A text `spell:ge gm` is answered by what its pairs of letters spell (a to p are the digits of a byte): a gateway's
policies on requests see no text in it, so that its policies on answers can be tested.
"""

from __future__ import annotations

import re

_USER_TURNS = (
    re.compile(r"<\|start_header_id\|>user<\|end_header_id\|>\n\n(.*?)<\|eot_id\|>", re.DOTALL),
    re.compile(r"<\|im_start\|>user\n(.*?)<\|im_end\|>", re.DOTALL),
    re.compile(r"<\|user\|>\n(.*?)\n<\|", re.DOTALL),
    re.compile(r"\[INST\] ?(?:<<SYS>>.*?<</SYS>>\n\n)?(.*?) ?\[/INST\]", re.DOTALL),
    re.compile(r"^User: (.*?)\n+(?:Assistant|Falcon):", re.DOTALL | re.MULTILINE),
)
_SPELLED = re.compile(r"spell:((?: ?[a-p]{2})*)")


def last_user_text(prompt: str) -> str:
    """Return the last user turn of a prompt; of a prompt without turns, all of it."""
    for pattern in _USER_TURNS:
        found = pattern.findall(prompt)
        if found:
            return spelled(str(found[-1]))
    return spelled(prompt)


def spelled(text: str) -> str:
    """Return the text, or what it spells."""
    match = _SPELLED.fullmatch(text.strip())
    if match is None:
        return text
    digits = match[1].replace(" ", "").encode()
    data = bytes(16 * (high - 97) + low - 97 for high, low in zip(digits[::2], digits[1::2], strict=True))
    return data.decode("utf-8", "replace")


def spell(text: str) -> str:
    """Return what is answered by the text."""
    pairs = (f"{chr(97 + byte // 16)}{chr(97 + byte % 16)}" for byte in text.encode())
    return f"spell:{' '.join(pairs)}"
