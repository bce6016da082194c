"""What an attempt's outcome says of its target, and which of them let a request go on to another one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.events import AttemptOutcome

# The kinds, each a count of Row.
SUCCESS = "success"  # an answer
REJECTED = "rejected"  # the request was at fault: the target is alive
THROTTLED = "throttled"  # it asked to be left alone
SERVER_ERROR = "server_error"
TIMEOUT = "timeout"  # the target said that it took too long
NO_ANSWER = "no_answer"  # not reached, no healthy host, broke off, or silent for all its time
NO_CAPACITY = "no_capacity"  # scaled to zero: only requests wake it
REFUSED = "refused"  # our credentials, or the endpoint, are not what the configuration says
BROKEN_OFF = "broken_off"  # the answer began, and could not be used to its end

KINDS = (SUCCESS, REJECTED, THROTTLED, SERVER_ERROR, TIMEOUT, NO_ANSWER, NO_CAPACITY, REFUSED, BROKEN_OFF)
# Those that the circuit breaker counts.
FAILURES = frozenset({SERVER_ERROR, TIMEOUT, NO_ANSWER, REFUSED, BROKEN_OFF})

# What `providers.fallback.triggers` may name → attempt.lua's word for it.
TRIGGERS: Mapping[str, str] = MappingProxyType(
    {
        "rate_limit": "rate_limit",
        "server_error": "server_error",
        "timeout": "timeout",
        "rate_limit_exceeded": "rate_limit",
        "service_unavailable": "server_error",
        "5xx": "server_error",
    }
)

# attempt.lua's code for an endpoint whose component has no copy.
_ASLEEP = "NO_CAPACITY"
# And its name for an attempt that found no host: nobody upstream has seen the request.
NO_HEALTHY_HOST = "NoHealthyHost"
_THROTTLES = frozenset({"ThrottlingException", "Throttling"})
_SETUP = frozenset({"NO_SUCH_ENDPOINT", "INFERENCE_COMPONENT", "CLOCK_SKEW", "BEARER_REFUSED"})


def kind_of(outcome: AttemptOutcome) -> str:
    """One of KINDS."""
    status, original = outcome.status, outcome.original_status
    if 200 <= status < 300:
        return SUCCESS
    if status == 0 or outcome.error_type == NO_HEALTHY_HOST:
        return NO_ANSWER
    if outcome.error_code == _ASLEEP:
        return NO_CAPACITY
    if outcome.error_code in _SETUP or status in (401, 403):
        return REFUSED
    if status == 429 or outcome.error_type in _THROTTLES:
        return THROTTLED
    if status == 424 and original is not None:
        return _of_container(original)
    if status in (408, 504):
        return TIMEOUT
    return SERVER_ERROR if status >= 500 or status == 424 else REJECTED


def _of_container(status: int) -> str:
    """Of what the container answered; 0 is the platform's own limit of time."""
    if status == 429:
        return THROTTLED
    if status in (0, 408, 504):
        return TIMEOUT
    return SERVER_ERROR if status >= 500 else REJECTED
