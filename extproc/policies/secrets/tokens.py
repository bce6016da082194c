"""Tokens that their issuer gave a form of their own: a prefix, a length, an alphabet.

Sources are the issuers' documentation of their token formats; lengths are lower bounds, since issuers lengthen tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from extproc.policies.base import Refine, Span
from extproc.policies.secrets.randomness import entropy, is_hex, is_random, is_stand_in, is_uuid, turns


def varied(candidate: str, before: str, *, least: int = 10, bits: float = 3.0) -> Sequence[Span]:
    """The whole candidate, unless it is too short or regular to be a key or shows only where one goes."""
    del before
    short = len(candidate) < least
    return () if short or entropy(candidate) < bits or is_stand_in(candidate) else ((0, len(candidate)),)


def random_enough(candidate: str, before: str) -> Sequence[Span]:
    """The candidate if as a whole it looks random: its prefix alone says little."""
    del before
    return ((0, len(candidate)),) if is_random(candidate, least=24, bits=3.2) else ()


def mixed(candidate: str, before: str, *, least: int = 10) -> Sequence[Span]:
    """The candidate if its letters and digits are mixed as dice mix them: many names begin as these tokens do."""
    tail = re.split("[_.-]", candidate)[-1]
    good = turns(tail) >= 0.15 * len(tail) and len(set(tail)) > 9
    return varied(candidate, before, least=least, bits=3.4) if good else ()


def numbered(candidate: str, before: str) -> Sequence[Span]:
    """The candidate if it holds the numbers that the issuer puts into it, and something secret behind them."""
    good = sum(map(str.isdigit, candidate)) >= 6 and len(re.split("[/-]", candidate)[-1]) >= 8
    return varied(candidate, before, least=24, bits=2.4) if good else ()


def standing_alone(candidate: str, before: str) -> Sequence[Span]:
    """The same, where nothing that could belong to it stands before it: a prefix in the middle of base64 is chance."""
    joined = before[-1:].isalnum() or before[-1:] in ("+", "/", "_")
    return () if joined or not 37 <= len(candidate) <= 40 else varied(candidate, before)


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
    if _STANDS_FOR_A_DIGEST.search(candidate) or len(re.findall("[_.-]", candidate)) > 8:
        return ()
    tail = max(_RUN.findall(candidate), key=len)
    if is_hex(tail):
        ok = len(tail) >= 32 and candidate[candidate.index(tail) - 1] == "_"
    else:
        ok = is_random(tail, least=18, bits=3.2) and turns(tail.lower()) > 1
    return ((0, len(candidate)),) if ok and not is_uuid(candidate[-36:]) and not is_stand_in(candidate) else ()


# An expression asks for no more characters than set a token apart, and its refinement for the rest: each position that
# an expression counts is one more state that a stream may be in.
TOKENS: tuple[tuple[str, str, Refine], ...] = (
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html; base 32, so neither 0, 1, 8 nor 9.
    ("aws-access-key-id", r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", varied),
    ("aws-bedrock-key", r"\b(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/]+={0,2}", partial(varied, least=32, bits=2)),
    ("github-token", r"\b(?:gh[oprsu]|github_pat)_\w+", partial(varied, least=40)),
    (
        "gitlab-token",
        r"\b(?:gl(?:pat|dt|rt|rtr|ptt|cbt|ft|ffct|imt|agent|oas|soat)-|GR1348941)[\w.-]+",
        partial(varied, least=25),
    ),
    (
        "slack-token",
        (
            r"\b(?:xox[a-z]|xapp)[.-][A-Za-z0-9./-]+"
            r"|hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]+"
        ),
        numbered,
    ),
    ("stripe-key", r"\b(?:[rsp]k_(?:test|live|prod)|whsec)_[A-Za-z0-9]+", partial(varied, least=18)),
    ("google-key", r"\b(?:AIza|GOCSPX-|ya29\.)[\w-]+", partial(varied, least=27)),
    ("azure-client-secret", r"[\w~.]{3}\dQ~[\w~.-]+", standing_alone),
    ("openai-key", r"\bsk-[\w-]+", partial(varied, least=23, bits=3.4)),
    ("huggingface-token", r"\b(?:hf|api_org)_[A-Za-z0-9]+", partial(mixed, least=33)),
    ("npm-token", r"\bnpm_[A-Za-z0-9]+", partial(varied, least=40)),
    ("pypi-token", r"\bpypi-AgE[\w-]+", partial(varied, least=50)),
    ("twilio-key", r"\b(?:SK|AC)[0-9a-f]{32}\b", varied),
    ("sendgrid-key", r"\bSG\.[\w-]+\.[\w-]+", partial(varied, least=36)),
    ("telegram-token", r"\b\d{8,10}:AA[\w-]+", partial(varied, least=43)),
    ("discord-token", r"\b[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]+", partial(varied, least=58, bits=4)),
    ("vault-token", r"\b(?:hv[sbr]|[sbr])\.[\w-]{20,}", random_enough),
    ("age-key", r"\bAGE-SECRET-KEY-1[0-9A-Z]+", partial(varied, least=74, bits=1)),
    (
        "service-token",
        (
            r"\b(?:EZ[AT]K|EAA|dapi|sha256~|dckr_pat_|A3-|da2-|ATATT3|pscale_(?:pw|tkn|oauth)_|lin_api_|sgp_"
            r"|NR(?:AK|AA|II|IQ|RA|JS)-|eyJrIjoi|FlyV1 fm\d_|dp\.(?:pt|st|ct|sa|scim|audit)\.)[\w.=+/,-]{20,}"
        ),
        random_enough,
    ),
    (
        "service-key",
        (
            r"\b(?:00D[A-Za-z0-9]{12,15}!|oy2|\d{15,16}(?:\||%7C))[\w.-]{25,}"
            r"|[\w-]\.webhook\.office\.com/webhookb2/[\w@/-]+|outlook\.office\.com/webhook/[\w@/-]+"
        ),
        random_enough,
    ),
    (
        "prefixed-token",
        r"\b[A-Za-z][A-Za-z0-9]{1,11}(?:[_.-][A-Za-z0-9]+)*[_.-][A-Za-z0-9]{18,}(?:[_.-][A-Za-z0-9]+)*={0,2}",
        prefixed,
    ),
)
