"""Tokens that their issuer gave a form of their own: a prefix, a length, an alphabet.

Sources are the issuers' documentation of their token formats; lengths are lower bounds, since issuers lengthen tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from extproc.policies.base import Refine, Span
from extproc.policies.secrets.randomness import entropy, is_hex, is_random, is_stand_in, is_uuid, turns


def varied(candidate: str, before: str, *, bits: float = 3.0) -> Sequence[Span]:
    """The whole candidate, unless it is too regular to be a key or shows only where one goes."""
    del before
    return () if entropy(candidate) < bits or is_stand_in(candidate) else ((0, len(candidate)),)


def mixed(candidate: str, before: str) -> Sequence[Span]:
    """The candidate if its letters and digits are mixed as dice mix them: many names begin as these tokens do."""
    tail = re.split("[_.-]", candidate)[-1]
    return varied(candidate, before, bits=3.4) if turns(tail) >= 0.15 * len(tail) and len(set(tail)) > 9 else ()


def numbered(candidate: str, before: str) -> Sequence[Span]:
    """The candidate if it holds the numbers that the issuer puts into it."""
    return varied(candidate, before, bits=2.4) if sum(map(str.isdigit, candidate)) >= 6 else ()


def standing_alone(candidate: str, before: str) -> Sequence[Span]:
    """The same, where nothing that could belong to it stands before it: a prefix in the middle of base64 is chance."""
    return () if before[-1:].isalnum() or before[-1:] in ("+", "/", "_") else varied(candidate, before)


_STANDS_FOR_A_DIGEST = re.compile(
    r"(?i)(?:^|[_-])(?:md5|sha\d*|hash|digest|etag|rev|commit|checksum|blake\w*|id|uuid|guid|file|img|image|asset|chunk"
    r"|bundle|test|call|toolu|chatcmpl|msg|run|thread|asst|req|request|resp|cus|evt|price|prod|sub|pi|ch|in)[_-]"
)
_RUN = re.compile(r"[A-Za-z0-9]{16,}")


def prefixed(candidate: str, before: str) -> Sequence[Span]:
    """A token of an issuer that no rule here knows: a short name, then many random characters.

    Names of content (`sha256-`, `img_`) and of records (`cus_`, `chatcmpl-`) are not secrets; a hexadecimal tail counts
    only after an underscore: after a hyphen it is a build's file name more often.
    """
    if before[-1:].isalnum() or before[-1:] in ("/", ".", "-", "_", "+", "=", "%", "#"):
        return ()
    if _STANDS_FOR_A_DIGEST.search(candidate):
        return ()
    tail = max(_RUN.findall(candidate), key=len)
    if is_hex(tail):
        ok = len(tail) >= 32 and candidate[candidate.index(tail) - 1] == "_"
    else:
        ok = is_random(tail, least=18, bits=3.2) and any(map(str.isdigit, tail))
    return ((0, len(candidate)),) if ok and not is_uuid(candidate[-36:]) and not is_stand_in(candidate) else ()


TOKENS: tuple[tuple[str, str, Refine], ...] = (
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html; base 32, so neither 0, 1, 8 nor 9.
    ("aws-access-key-id", r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", varied),
    (
        "aws-bedrock-key",
        r"\b(?:ABSK[A-Za-z0-9+/]{60,}|bedrock-api-key-[A-Za-z0-9+/]{16,})={0,2}",
        partial(varied, bits=2),
    ),
    ("github-token", r"\b(?:gh[oprsu]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{36,})", varied),
    (
        "gitlab-token",
        r"\b(?:gl(?:pat|dt|rt|rtr|ptt|cbt|ft|ffct|imt|agent|oas|soat)-[\w.-]{20,}|GR1348941[\w-]{20,})",
        varied,
    ),
    (
        "slack-token",
        (
            r"\bxox[a-z](?:\.xox[a-z])?-(?:\d-)?[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9/-]{20,}"
            r"|hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,}"
        ),
        numbered,
    ),
    ("stripe-key", r"\b(?:[rsp]k_(?:test|live|prod)_|whsec_)[A-Za-z0-9]{10,}", varied),
    ("google-key", r"\bAIza[\w-]{35}|\bGOCSPX-[\w-]{20,}|\bya29\.[\w-]{20,}", varied),
    ("azure-client-secret", r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}", standing_alone),
    ("openai-key", r"\bsk-(?:(?:proj|svcacct|admin|None)-)?[A-Za-z0-9_-]{20,}", partial(varied, bits=3.4)),
    ("huggingface-token", r"\b(?:hf|api_org)_[A-Za-z0-9]{30,}", mixed),
    ("npm-token", r"\bnpm_[A-Za-z0-9]{36}", varied),
    ("pypi-token", r"\bpypi-AgE[\w-]{50,}", varied),
    ("twilio-key", r"\b(?:SK|AC)[0-9a-f]{32}\b", varied),
    ("sendgrid-key", r"\bSG\.[\w-]{16,32}\.[\w-]{16,64}", varied),
    ("telegram-token", r"\b\d{8,10}:AA[\w-]{32,33}\b", varied),
    ("discord-token", r"\b[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,38}\b", partial(varied, bits=4)),
    ("vault-token", r"\b(?:hv[sbr]\.[\w-]{20,}|[sbr]\.[A-Za-z0-9]{24}\b)", mixed),
    ("age-key", r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b", partial(varied, bits=1)),
    (
        "service-token",
        (
            r"\b(?:EZ[AT]K[A-Za-z0-9]{40,}|EAA[A-Za-z0-9]{60,}|dapi[a-f0-9]{32}(?:-\d)?|sha256~[\w-]{40,}|dckr_pat_[\w-]{20,}"
            r"|A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}|da2-[a-z0-9]{26}|ATATT3[\w=-]{60,}"
            r"|pscale_(?:pw|tkn|oauth)_[\w=.-]{20,}|oy2[a-z0-9]{43}|lin_api_[A-Za-z0-9]{30,}|sgp_[\w-]{40,})"
        ),
        varied,
    ),
    (
        "service-key",
        (
            r"\b(?:00D[A-Za-z0-9]{12,15}![\w.]{40,}|NR(?:AK|AA|II|IQ|RA|JS)-[\w-]{18,}|eyJrIjoi[A-Za-z0-9+/]{40,}"
            r"|FlyV1 fm\d_[A-Za-z0-9+/=,_]{40,}|dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9]{30,}"
            r"|\d{15,16}(?:\||%7C)[\w-]{27,40}"
            r"|[\w-]{1,40}\.webhook\.office\.com/webhookb2/[\w@/-]{40,}|outlook\.office\.com/webhook/[\w@/-]{40,})"
        ),
        varied,
    ),
    (
        "prefixed-token",
        r"\b[A-Za-z][A-Za-z0-9]{1,11}(?:[_.-][A-Za-z0-9]{1,15}){0,4}[_.-][A-Za-z0-9]{18,}(?:[_.-][A-Za-z0-9]+)*={0,2}",
        prefixed,
    ),
)
