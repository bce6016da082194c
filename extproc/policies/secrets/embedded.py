"""Secrets inside a structure that gives them away: key files, signed tokens, URLs, connection strings, commands."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Sequence

from extproc.policies.base import Refine, Span
from extproc.policies.secrets.randomness import is_stand_in


def key_file(candidate: str, before: str) -> Sequence[Span]:
    """The key with its frame, if there is a body at all."""
    del before
    body = re.sub(r"-----[^-]*-----|\\[nr]|\s", "", candidate)
    return ((0, len(candidate)),) if len(body) >= 32 else ()


def signed_token(candidate: str, before: str) -> Sequence[Span]:
    """The token if its header decodes to the beginning of a JSON object (RFC 7515 §3)."""
    del before
    header = candidate.partition(".")[0]
    try:
        decoded = urlsafe_b64decode(header[: len(header) // 4 * 4])
    except ValueError:
        return ()
    return ((0, len(candidate)),) if re.match(rb'\{\s*"', decoded) else ()


def url_password(candidate: str, before: str) -> Sequence[Span]:
    """The password of `scheme://user:password@`."""
    del before
    start = candidate.index(":", candidate.index("://") + 3) + 1
    password = candidate[start:-1]
    return (
        ()
        if len(password) < 3 or is_stand_in(password) or _VARIABLE.match(password)
        else ((start, len(candidate) - 1),)
    )


# A template's variable or a word in capitals stands for the password.
_VARIABLE = re.compile(r"[$%{\[(]|[A-Z_]+$|(?i:user(?:name)?|pass(?:word|wd)?|pwd)$")
_DATABASE = re.compile(
    r"(?i)(?:\bserver|\bhost(?:name)?|data source|database|initial catalog|\buser(?: ?id)?|\buid|endpoint|accountname"
    r"|sharedaccesskeyname|\bprovider|\bdriver) ?=[^\n]*$"
)


def connection_password(candidate: str, before: str) -> Sequence[Span]:
    """The password or key among the `name=value;` pairs of a connection string."""
    name, _, value = candidate.partition("=")
    start = len(name) + 1 + len(value) - len(value.lstrip())
    value = candidate[start:]
    if (
        is_stand_in(value)
        or value[0] in "$%{[(#"
        or re.search(r"[(),]|^\w+\.\w+$", value)
        or not (_DATABASE.search(before) or "key" in name.lower())
    ):
        return ()
    return ((start, len(candidate)),)


def command_password(candidate: str, before: str) -> Sequence[Span]:
    """The `user:password` after curl's -u."""
    del before
    found = re.search(r"""[ =]["']{0,2}([^"']*)["']{0,2}:["']{0,2}([^"']*)""", candidate)
    if found is None or is_stand_in(found[2]) or _VARIABLE.match(found[2]) or found[2].isdigit():
        # curl takes a key on either side of the colon.
        if found is None or found[2] or len(found[1]) < 8 or is_stand_in(found[1]) or _VARIABLE.match(found[1]):
            return ()
        return (found.span(1),)
    return (found.span(2),) if len(found[2]) >= 4 else (found.span(1),) if len(found[1]) >= 8 else ()


# Between the lines of a key file: the line's end, as it is or as a program's text writes it.
_GAP = r"""(?:\s|\\[nrt]|["'+,\\])*"""

# RFC 3986 §3.2.1; the first colon ends the name.
# Bounded, for without a bound any long word could still become a scheme, and a stream would hold it.
URL_WITH_LOGIN = r"\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[!$-.0-9;=A-Z_a-z~]{0,128}:[!$-.0-;=A-Z^-~]{1,256}@"

EMBEDDED: tuple[tuple[str, str, Refine], ...] = (
    # RFC 7468; a body without an end is a key all the same.
    (
        "private-key",
        (
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
            rf"(?:{_GAP}(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset):[!-[\]-~ \t]*|[A-Za-z0-9+/=]{{16,}}))+"
            rf"(?:(?:{_GAP}[A-Za-z0-9+/=]+){{0,2}}{_GAP}-----END [A-Z0-9 ]*-----)?"
        ),
        key_file,
    ),
    ("jwt", r"\bey[\w-]+\.ey[\w-]+\.[\w-]*", signed_token),
    (
        "url-password",
        URL_WITH_LOGIN,
        url_password,
    ),
    (
        "connection-password",
        r"(?i)\b(?:password|pwd|(?:shared)?access(?:key|signature)|account ?key) ?= ?[!#-%(-:=?-~]+",
        connection_password,
    ),
    (
        "command-password",
        r"""(?:\s-u {0,2}|--user(?:=| {1,2}))["']{0,2}[!#-&(-9;-~]*["']{0,2}:["']{0,2}[!#-&(-~]*""",
        command_password,
    ),
    # crypt(5): a hash of a password can be tried offline.
    (
        "password-hash",
        r"\$(?:1|2[abxy]?|5|6|7|8|y|argon2i?d?)\$[A-Za-z0-9./=,+$-]{20,}|\$krb5\w+\$[A-Za-z0-9.$:@-]{20,}",
        lambda c, _: ((0, len(c)),),
    ),
    (
        "sas-signature",
        r"[?&](?:sig|X-Amz-Signature|X-Goog-Signature)=[A-Za-z0-9%+/]{20,}",
        lambda c, _: ((c.index("=") + 1, len(c)),),
    ),
)
