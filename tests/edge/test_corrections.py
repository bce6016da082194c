"""What AWS's refusals teach: credentials fetched anew, and the clock set right, region by region."""

import asyncio
from email.utils import formatdate

import pytest
from structlog.testing import capture_logs

from extproc.edge import corrections as module
from extproc.edge.corrections import MAX_OFFSET, TOLERATED_SECONDS, Corrections
from extproc.events import AttemptOutcome
from extproc.routing.targets import Credentials, Identity
from extproc.sagemaker.ticket import Claim
from extproc.testing import NOW, make_target

TEAM = Identity(profile="team")
TARGETS = (
    make_target("east"),
    make_target("west", region="us-west-2"),
    make_target("team", region="eu-west-1", identity=TEAM),
)
OLD = Credentials("ASIAOLD", "secret", "token")
NEW = Credentials("ASIANEW", "secret", "token")


class Keeper:
    """Counts refreshes; each takes a moment, as STS does, and brings new credentials while there are any."""

    def __init__(self, fresh: Credentials | None = NEW) -> None:
        self.refreshed: list[Identity] = []
        self.snapshot = {Identity(): OLD, TEAM: OLD}
        self.changed = {Identity(): NOW - 60, TEAM: NOW - 60}
        self.fresh = fresh
        self.gate: asyncio.Event | None = None

    async def refresh(self, identity: Identity) -> None:
        """Wait for the gate, if there is one."""
        self.refreshed.append(identity)
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.fresh is not None:
            self.snapshot = {**self.snapshot, identity: self.fresh}
            self.changed = {**self.changed, identity: NOW + 1}


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


def date(seconds: float) -> str:
    """The Date header of a clock that is so far ahead of ours."""
    return formatdate(NOW + seconds, usegmt=True)


def skewed(target: str, seconds: float) -> AttemptOutcome:
    """A refusal by a region whose clock is so far ahead of ours."""
    return AttemptOutcome(target, 403, "InvalidSignatureException", date(seconds))


def expired(target: str, by: Credentials = OLD, when: str = "") -> AttemptOutcome:
    """A refusal of these credentials; with a date it is one of a bearer token."""
    return AttemptOutcome(target, 403, "ExpiredTokenException", when, by.fingerprint)


def test_refused_credentials_are_fetched_anew():
    """Those of the target's identity, and no others."""
    _, keeper = learnt(expired("team"))
    assert keeper.refreshed == [TEAM]


def test_credentials_that_are_not_in_use_any_more_are_not_fetched_anew():
    """The signer, or the renewal in the background, was there first."""
    assert learnt(expired("east", by=NEW))[1].refreshed == []


def test_a_thousand_refusals_are_one_refresh():
    """However many requests were under way with the same credentials; another identity's are another matter."""
    outcomes = [expired(name) for name in ("east", "west", "team")] * 333
    assert learnt(*outcomes)[1].refreshed == [Identity(), TEAM]


@pytest.mark.parametrize(
    "outcome",
    [
        AttemptOutcome("east", 403, "AccessDeniedException"),
        AttemptOutcome("east", 400, "ThrottlingException"),
        AttemptOutcome("east", 0),
        expired("gone"),
        skewed("gone", 900),
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


@pytest.mark.parametrize(("seconds", "refreshed"), [(900, []), (0, [Identity()])])
def test_a_refused_bearer_token_blames_the_clock_first(seconds, refreshed):
    """For it comes without a reason: where the clock is wrong, nothing speaks against the credentials."""
    assert learnt(expired("east", when=date(seconds)))[1].refreshed == refreshed


def test_a_clock_that_was_set_right_needs_no_correction_any_more():
    """The refusal that the old correction causes then takes it away."""
    corrections, _ = learnt(skewed("east", 900), skewed("west", 900), skewed("east", TOLERATED_SECONDS - 1))
    assert dict(corrections.clock) == {"us-west-2": 900.0}


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Foo 2033 08:12:31 GMT", formatdate(NOW + MAX_OFFSET + 2)])
def test_a_date_that_is_none_is_no_lesson(date):
    """Garbage and far-off times leave the clock alone."""
    outcome = AttemptOutcome("east", 403, "InvalidSignatureException", date)
    assert dict(learnt(outcome)[0].clock) == {}


def claim(cause: str, *, when: str = "", by: Credentials = OLD, clock: float = 0.0) -> Claim:
    """A refused attempt at east."""
    return Claim(TARGETS[0], cause, when, "", by.fingerprint, clock, NOW, {})


def cured(*claims: Claim, keeper: Keeper | None = None) -> tuple[list[bool], Corrections, Keeper]:
    """What becomes of claims that come at the same time."""
    keeper = keeper or Keeper()

    async def main():
        corrections = Corrections(keeper)
        answers = await asyncio.gather(*(corrections.cure(each, NOW) for each in claims))
        return answers, corrections, keeper

    with capture_logs():
        return asyncio.run(main())


def test_twenty_refused_attempts_wait_for_one_refresh():
    """Each may then be signed again."""
    answers, _, keeper = cured(*[claim("credentials")] * 20)
    assert (answers, keeper.refreshed) == ([True] * 20, [Identity()])


def test_credentials_that_are_newer_than_the_request_are_taken_at_once():
    """They came while it was under way."""
    keeper = Keeper()
    keeper.snapshot, keeper.changed = {Identity(): NEW}, {Identity(): NOW + 1}
    answers, _, _ = cured(claim("credentials"), keeper=keeper)
    assert (answers, keeper.refreshed) == ([True], [])


def test_credentials_of_the_same_age_are_not_better():
    """Each worker assumes a role for itself: where one's session is revoked or over, so is another's."""
    answers, _, keeper = cured(claim("credentials", by=Credentials("ASIAOTHER", "secret", "token")))
    assert (answers, keeper.refreshed) == ([True], [Identity()])


def test_a_refresh_that_brings_nothing_new_cures_nothing():
    """The same credentials would be refused again; nor is the source asked again so soon."""

    async def main():
        keeper = Keeper(fresh=None)
        corrections = Corrections(keeper)
        return [await corrections.cure(claim("credentials"), NOW) for _ in range(3)], keeper.refreshed

    assert asyncio.run(main()) == ([False] * 3, [Identity()])


def test_a_slow_refresh_is_not_awaited_for_long(monkeypatch):
    """The attempt is given up, the refresh goes on, and who comes later has its credentials."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(module, "REFRESH_SECONDS", 0.0)

    async def main():
        keeper = Keeper()
        keeper.gate = asyncio.Event()
        corrections = Corrections(keeper)
        early = [await corrections.cure(claim("credentials"), NOW) for _ in range(2)]
        keeper.gate.set()
        await corrections.settle()
        return early, await corrections.cure(claim("credentials"), NOW), keeper.refreshed

    assert asyncio.run(main()) == ([False, False], True, [Identity()])


def test_a_wrong_clock_is_set_before_the_attempt_is_signed_again():
    """Without a word about the credentials."""
    answers, corrections, keeper = cured(claim("clock", when=date(900)))
    assert (answers, dict(corrections.clock), keeper.refreshed) == ([True], {"us-east-1": 900.0}, [])


def test_a_signature_that_grew_old_is_made_anew_by_a_right_clock():
    """As when the attempts before it took minutes."""
    answers, corrections, _ = cured(claim("clock", when=date(1)))
    assert (answers, dict(corrections.clock)) == ([True], {})


def test_without_a_date_there_is_no_right_time():
    """The same wrong clock would sign again."""
    answers, _, keeper = cured(claim("clock"))
    assert (answers, keeper.refreshed) == ([False], [])


@pytest.mark.parametrize(
    ("seconds", "clock", "refreshed"),
    [
        (900, 0.0, []),  # signed by the wrong clock
        (900, 900.0, [Identity()]),  # signed by the corrected one
        (0, 900.0, []),  # signed by a correction that is not needed any more
        (0, 0.0, [Identity()]),
    ],
)
def test_a_bearer_token_is_made_anew_by_the_right_clock_or_newer_credentials(seconds, clock, refreshed):
    """The clock is blamed when the token was made by another time than AWS's; else the credentials are."""
    answers, _, keeper = cured(claim("bearer", when=date(seconds), clock=clock))
    assert (answers, keeper.refreshed) == ([True], refreshed)
