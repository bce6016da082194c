"""What structure looks like.

A field that names or selects something is exempt from the policies only while its value has that look; anything else
that stands there is text, whoever put it there and whatever the field is called.
"""

from __future__ import annotations

import re

# Ids, roles, types and reasons: "chatcmpl-8f…", "fp_44709d6fcb", "functions.get_weather:0", "call_1|fc_2", "pt-BR".
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:|/#=+-]{0,255}")
# A key that is no more than a field's name. AWS's access key ids have 20 characters.
_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.-]{0,18}|[a-z_]{1,40}")
# Both alphabets of RFC 4648, padding, and the line breaks of MIME.
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=\r\n"


def is_name(value: str) -> bool:
    """Whether a string can be an identifier: no white space, no "@", at most 256 characters."""
    return _NAME.fullmatch(value) is not None


def is_key(value: str) -> bool:
    """Whether an object's key is no more than the name of a field."""
    return _KEY.fullmatch(value) is not None


def is_base64(value: str) -> bool:
    """Whether a string can be base64 and nothing else. Runs at memory speed: images are megabytes."""
    return value.isascii() and not value.encode().translate(None, _BASE64)
