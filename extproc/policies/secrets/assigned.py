"""Secrets known by the name they are given: `api_key = "..."`, `"token": "..."`, `Authorization: Bearer ...`.

The name says that a secret follows, the value must look like one: random enough, and no word, path, call or stand-in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_letters, digits

from extproc.policies.base import Refine, Span
from extproc.policies.secrets.randomness import entropy, is_hex, is_random, is_stand_in, is_uuid

_BASE64 = f"{ascii_letters}{digits}+/"
_IN_A_NAME = f"{ascii_letters}{digits}_.-"
# The rest of a name, what stands between name and value, and the value itself.
_REST = r"[\w.-]*"
_OPERATOR = r"""[\\"'`\])]{0,4}(?:[ \t]+value)?[ \t]*(?:=>|->|:=|={1,3}|:{1,4}=?|\|\||\?=|,|>)[ \t]*"""
_SCHEME = r"""[\\"'`(\[]{0,4}(?:(?i:bearer|basic|token|api-?key|api-token|ssws|key|value)[ :=]{1,2})?[\\"'`]{0,2}"""
_SAID = r"""[\\"'`]{0,2}[ \t]{1,4}(?:(?i:is|was)[ \t]{1,4})?[\\"'`(]{0,3}"""
_VALUE = r"[A-Za-z0-9_.+/=~:!@#$%^&*?|-]{7,}"
# Where only a blank stands between, the first digit tells a value from the next word.
_TOLD = r"[A-Za-z_.+/=~!@#$%^&*?|-]*[0-9][A-Za-z0-9_.+/=~!@#$%^&*?|-]*"

_PARTS = re.compile(rf"(?s)(.*?[\w.-])(?:{_OPERATOR}{_SCHEME}|{_SAID})({_VALUE})")
# `token=key=AbC1`: the value begins after the last name.
_INNER = re.compile(r"(?:([A-Za-z_-]{2,24})[=:]+)+")
# Names whose value is a secret, by their end.
_SECRET_NAME = re.compile(
    r"(?:token|secret|bearer|api[_. -]?keys?|(?:access|auth|secret|private|signing|encryption|license|insert|service"
    r"|admin|deploy|account|master|shared|client|personal|pre ?shared)[_. -]?keys?"
    r"|auth(?:orization)?|credentials?|creds?)"
    r"(?:[_-]?(?:v?\d+|base|b64|base64|value|string|prod|dev|test|live|key))?$",
    re.IGNORECASE,
)
_PASSWORD_NAME = re.compile(
    r"(?:pass(?:w(?:or)?d|wd|phrase|code)?|pwd)(?:[_-]?(?:\d+|prod|dev|test|base64))?$", re.IGNORECASE
)
_KEY_NAME = re.compile(r"(?:[A-Za-z0-9]Key|[_-]key|[_-]KEY|[A-Z]KEY)s?$")
# A key to something else than a door.
_OTHER_KEY = re.compile(
    r"(?:primary|foreign|sort|cache|partition|object|schema|hash|row|index|unique|idempotency|map|dict|group|data|json"
    r"|public|lookup|bucket|s3|storage|composite|natural|translation|i18n|locale|message|event|query|react|item)"
    r"[_. -]?key$",
    re.IGNORECASE,
)
# Code, paths, addresses, versions and packages.
_CODE = re.compile(
    r"^(?:https?|ftp|file)://|^[./~]|^(?:[A-Za-z_]+\d?[./:#-])*[A-Za-z_]+$|^[A-Za-z_]\w{0,12}(?:\.[A-Za-z_]+)+$"
    r"|^\d+(?:\.\d+)*$|^[#@$%][A-Za-z_.-]+$|@\d|[*+]\d+[*+]|%20"
)


def named_value(candidate: str, before: str) -> Sequence[Span]:
    """The value, if name and value say that it is a secret."""
    parts = _PARTS.fullmatch(candidate)
    if parts is None:
        return ()
    # The expression begins in the middle of a name: what it is a key to may stand before.
    name, value, start = before[len(before.rstrip(_IN_A_NAME)) :] + parts[1], parts[2], parts.start(2)
    names = [name]
    inner = _INNER.match(value)
    if inner and len(value) - inner.end() >= 7:
        names.append(inner[1])
        start += inner.end()
        value = value[inner.end() :]
    # `?api_key=AbC1&lang=en`: it ends where the next name begins.
    value = re.split(r"&(?=[\w.-]+=)", value)[0].rstrip(".:!?,|&")
    quoted = candidate[start - 1] in "\"'`"
    found = len(value) >= 7 and any(_is_secret(name, value, quoted=quoted) for name in names)
    return ((start, start + len(value)),) if found else ()


def _is_secret(name: str, value: str, *, quoted: bool) -> bool:
    if _SECRET_NAME.search(name) and (is_uuid(value) or _is_long(value)):
        return True
    if _CODE.search(value):
        return False
    if _PASSWORD_NAME.search(name):
        return _is_password(value, quoted=quoted)
    if _SECRET_NAME.search(name):
        return is_random(value)
    if _KEY_NAME.search(name) and not _OTHER_KEY.search(name):
        # A variable of an environment that is called key holds one, whatever it looks like.
        return is_random(value, least=12) and (name.endswith("_KEY") or not is_uuid(value))
    return False


def _is_long(value: str) -> bool:
    """Whether a run of letters and digits is too long and varied for a word."""
    run = max(re.findall("[A-Za-z0-9]+", value), key=len, default="")
    return len(run) >= 15 and any(map(str.isdigit, run)) and entropy(run) >= 2.5 and not is_stand_in(value)


def _is_password(value: str, *, quoted: bool) -> bool:
    """Whether it has letters and digits, or in quotation marks letters and punctuation that names do not have."""
    if is_stand_in(value) or value[0] in "$%{(<":
        return False
    letters = any(map(str.isalpha, value))
    marks = not value.translate(_IN_NAMES).isalnum()
    return letters and (any(map(str.isdigit, value)) or (quoted and marks))


_IN_NAMES = str.maketrans("", "", "_-.")


def issued_value(candidate: str, before: str) -> Sequence[Span]:
    """The value behind an issuer's name, if it is random."""
    del before
    parts = _PARTS.fullmatch(candidate)
    if parts is None or _CODE.search(parts[2]) or is_uuid(parts[2]) or not is_random(parts[2], least=14, bits=3.1):
        return ()
    return (parts.span(2),)


def aws_secret(candidate: str, before: str) -> Sequence[Span]:
    """Forty characters of base64 that are no SHA-1, behind the name that AWS gives them."""
    del before
    start = len(candidate.rstrip(_BASE64))
    value = candidate[start:]
    good = len(value) == 40 and not is_hex(value) and is_random(value, bits=3.8)
    return ((start, len(candidate)),) if good else ()


# Services whose keys have no form of their own, in two halves for the sake of the expression's size.
_ISSUERS = (
    (
        "adafruit|adobe|airtable|algolia|alibaba|artifactory|asana|atlassian|beamer|bitbucket|bittrex|clickhouse|cloudflare"
        "|codecov|cohere|coinbase|confluence|confluent|contentful|databricks|datadog|discord|drone|dropbox|duffel|etsy|facebook|fastly"
        "|finicity|finnhub|flickr|freshbooks|gitter|gocardless|heroku|hubspot|intercom|jfrog|jira|kraken|kucoin"
        "|launchdarkly|linkedin|looker"
    ),
    (
        "linear|lob|mailchimp|mailgun|mapbox|mattermost|maxmind|meraki|message[_-]?bird|netlify|new[_-]?relic|nytimes|okta"
        "|plaid|privateai|rapidapi|sendbird|sendinblue|sentry|shippo|snyk|sonar|sourcegraph|splunk|square|squarespace|sumo"
        "|telegram|travis|trello|twilio|twitch|twitter|typeform|yandex|zendesk"
    ),
)

ASSIGNED: tuple[tuple[str, str, Refine], ...] = (
    (
        "aws-secret-key",
        r"(?i)secret[_. -]?(?:access[_. -]?)?key[\"'\\]*\s*(?:=>|:=|[=:]|,)\s*[\"'\\]*(?-i:[A-Za-z0-9/+]+)",
        aws_secret,
    ),
    (
        "named-secret",
        (
            r"(?i)(?:token|secret|pass(?:w(?:or)?d|wd|phrase|code)?|pwd|api[_. -]?key|bearer|auth|cred"
            r"|[_-]key|[a-z]key)"
            rf"{_REST}{_OPERATOR}{_SCHEME}{_VALUE}"
        ),
        named_value,
    ),
    (
        "named-secret",
        rf"(?i)(?:token|secret|pass(?:word|phrase|code)|pwd|api[_-]?key|[_-]key|bearer|auth){_SAID}{_TOLD}",
        named_value,
    ),
    *(("issued-key", rf"(?i)\b(?:{names}){_REST}{_OPERATOR}{_SCHEME}{_VALUE}", issued_value) for names in _ISSUERS),
)
