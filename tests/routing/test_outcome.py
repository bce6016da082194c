"""What an attempt's outcome says of its target."""

from __future__ import annotations

import pytest

from extproc.events import AttemptOutcome
from extproc.routing.outcome import FAILURES, KINDS, TRIGGERS, kind_of
from extproc.routing.row import Row
from extproc.routing.settings import EVERY_TRIGGER


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"status": 200}, "success"),
        ({"status": 0}, "no_answer"),
        ({"status": 429, "error_type": "NoHealthyHost"}, "no_answer"),
        ({"status": 429}, "throttled"),
        ({"status": 400, "error_type": "ThrottlingException"}, "throttled"),
        ({"status": 424, "original_status": 429}, "throttled"),
        ({"status": 400, "error_type": "ValidationError", "error_code": "NO_CAPACITY"}, "no_capacity"),
        ({"status": 400, "error_type": "ValidationError", "error_code": "NO_SUCH_ENDPOINT"}, "refused"),
        ({"status": 403, "error_type": "AccessDeniedException"}, "refused"),
        ({"status": 401, "error_code": "BEARER_REFUSED"}, "refused"),
        ({"status": 400, "error_type": "RequestExpired", "error_code": "CLOCK_SKEW"}, "refused"),
        ({"status": 500}, "server_error"),
        ({"status": 503}, "server_error"),
        ({"status": 504}, "timeout"),
        ({"status": 408}, "timeout"),
        ({"status": 424, "original_status": 0}, "timeout"),
        ({"status": 424, "original_status": 504}, "timeout"),
        ({"status": 424, "original_status": 500}, "server_error"),
        ({"status": 424}, "server_error"),
        ({"status": 424, "original_status": 400}, "rejected"),
        ({"status": 400, "error_type": "ValidationError"}, "rejected"),
        ({"status": 413}, "rejected"),
    ],
)
def test_kind(fields: dict[str, object], kind: str) -> None:
    """Statuses mean little with SageMaker: type, code and the container's status decide."""
    assert kind_of(AttemptOutcome("east", **fields)) == kind


def test_every_kind_is_counted() -> None:
    """Each kind is a field of Row, and those that open a breaker are kinds."""
    assert set(KINDS) <= set(Row._fields)
    assert set(KINDS) > FAILURES


def test_triggers_have_longer_names() -> None:
    """Each name that a configuration may use stands for one of the three triggers."""
    assert set(TRIGGERS.values()) == set(EVERY_TRIGGER) <= set(TRIGGERS)
