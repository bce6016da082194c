"""What AWS's refusals teach: credentials fetched anew, and the clock set right, region by region."""

import asyncio
from email.utils import formatdate

import pytest
from structlog.testing import capture_logs

from extproc.edge.corrections import MAX_OFFSET, REFUSED, TOLERATED_SECONDS, Corrections
from extproc.events import AttemptOutcome
from extproc.routing.targets import Identity
from extproc.testing import NOW, make_target

TEAM = Identity(profile="team")
TARGETS = (
    make_target("east"),
    make_target("west", region="us-west-2"),
    make_target("team", region="eu-west-1", identity=TEAM),
)


class Keeper:
    """Counts refreshes."""

    def __init__(self) -> None:
        self.refreshed: list[Identity] = []

    async def refresh(self, identity: Identity) -> None:
        """Take a moment, as STS does."""
        self.refreshed.append(identity)
        await asyncio.sleep(0)


def learnt(*outcomes: AttemptOutcome, now: float = NOW) -> tuple[Corrections, Keeper]:
    """What is known after each outcome in turn."""

    async def main():
        keeper = Keeper()
        corrections = Corrections(keeper)
        for outcome in outcomes:
            corrections.learn([outcome], TARGETS, now)
        await corrections.settle()
        return corrections, keeper

    with capture_logs():
        return asyncio.run(main())


def skewed(target: str, seconds: float) -> AttemptOutcome:
    """A refusal by a region whose clock is so far ahead of ours."""
    return AttemptOutcome(target, 403, "InvalidSignatureException", formatdate(NOW + seconds, usegmt=True))


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_refused_credentials_are_fetched_anew(kind):
    """Those of the target's identity, and no others."""
    _, keeper = learnt(AttemptOutcome("team", 403, kind))
    assert keeper.refreshed == [TEAM]


def test_a_refused_bearer_token_is_refused_credentials():
    """401 is said on the OpenAI route only, and of the token."""
    assert learnt(AttemptOutcome("east", 401, "whatever"))[1].refreshed == [Identity()]


def test_a_thousand_refusals_are_one_refresh():
    """However many requests were under way with the same credentials; another identity's are another matter."""
    outcomes = [AttemptOutcome(name, 403, "ExpiredTokenException") for name in ("east", "west", "team")] * 333
    assert learnt(*outcomes)[1].refreshed == [Identity(), TEAM]


@pytest.mark.parametrize(
    "outcome",
    [
        AttemptOutcome("east", 403, "AccessDeniedException"),
        AttemptOutcome("east", 400, "ThrottlingException"),
        AttemptOutcome("east", 0),
        AttemptOutcome("gone", 403, "ExpiredTokenException"),
        AttemptOutcome("gone", 403, "InvalidSignatureException", formatdate(NOW + 900, usegmt=True)),
    ],
)
def test_other_outcomes_teach_nothing(outcome):
    """Nor do those of a target that the configuration no longer has."""
    corrections, keeper = learnt(outcome)
    assert (dict(corrections.clock), keeper.refreshed) == ({}, [])


def test_a_regions_clock_is_learnt_from_its_date():
    """Each region has its own; AWS ahead of us is positive."""
    corrections, keeper = learnt(skewed("east", 900), skewed("west", -1200))
    assert dict(corrections.clock) == {"us-east-1": 900.0, "us-west-2": -1200.0}
    assert keeper.refreshed == []


def test_a_clock_that_was_set_right_needs_no_correction_any_more():
    """The refusal that the old correction causes then takes it away."""
    corrections, _ = learnt(skewed("east", 900), skewed("west", 900), skewed("east", TOLERATED_SECONDS - 1))
    assert dict(corrections.clock) == {"us-west-2": 900.0}


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Foo 2033 08:12:31 GMT", formatdate(NOW + MAX_OFFSET + 2)])
def test_a_date_that_is_none_is_no_lesson(date):
    """Garbage and far-off times leave the clock alone."""
    outcome = AttemptOutcome("east", 403, "InvalidSignatureException", date)
    assert dict(learnt(outcome)[0].clock) == {}
