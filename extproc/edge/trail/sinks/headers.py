"""Headers from an environment variable, as OTEL_EXPORTER_OTLP_HEADERS holds them, and what a receiver asks for."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from extproc.edge.trail.sinks.sink import Unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

# RFC 9110 §5.6.2 and §5.5: what a name and a value are made of.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


def variable(name: str, environ: Mapping[str, str]) -> str:
    """What a variable holds that must be there.

    Raises:
        Unusable: it is not, or is empty.
    """
    value = environ.get(name, "")
    if not value:
        raise Unusable(f"the environment variable {name} is not set")
    return value


def from_variable(name: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    """`name=value,name=value`, values percent-encoded; none without a variable's name.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables

    Raises:
        Unusable: the variable is not there, or holds something else. It never says what.
    """
    headers = {}
    for entry in variable(name, environ).split(",") if name else ():
        key, found, value = entry.partition("=")
        key, value = key.strip().lower(), unquote(value.strip())
        if not (found and _TOKEN.fullmatch(key) and _VALUE.fullmatch(value)):
            raise Unusable(f"the environment variable {name} does not hold headers: name=value,name=value")
        headers[key] = value
    return headers


def retry_after(value: str | None, now: float) -> float:
    """Seconds that a Retry-After header asks for (RFC 9110 §10.2.3: seconds, or a date); 0 for none or nonsense."""
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0
