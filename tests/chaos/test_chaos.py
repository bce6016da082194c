"""What clients see while one of two regions breaks, or a part of the gateway: chaos_cases.py says what it may be."""

import pytest
from chaos_cases import CASES
from chaos_report import failures, of
from clients import KINDS

pytestmark = pytest.mark.envoy
BROKEN = [case for case in CASES if case.breaks == "region"]


def name(value):
    """Of a case."""
    return getattr(value, "name", value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES, ids=name)
def test_requests_fail_only_where_no_sound_region_can_help(broken, case, kind):
    """Of requests made while it is broken none fails; where the case says that some do, they do in that way only."""
    observed = broken[case]
    # A gateway that is to end takes nothing new.
    assert of(kind, observed.open() if case.ends else observed.during())
    answers = of(kind, observed.during())
    if expected := getattr(case, kind):
        assert set(failures(answers)) == expected
    else:
        assert failures(answers) == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES, ids=name)
def test_what_was_under_way_ends_as_the_case_says(broken, case, kind):
    """An answer that has begun may be cut off where its region or its worker dies, and nowhere else."""
    assert set(failures(of(kind, broken[case].open()))) <= case.under_way(kind)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_nothing_fails_before_or_afterwards(broken, case):
    """The clients' requests succeed while all is sound, and again from the moment that it is mended."""
    observed = broken[case]
    assert failures(observed.before()) == {}
    assert failures(observed.after()) == {}


@pytest.mark.parametrize("case", [case for case in CASES if case.returns], ids=name)
def test_a_mended_region_is_used_again(broken, case):
    """A region that is sound again serves again."""
    assert broken[case].back() is not None


@pytest.mark.parametrize("case", BROKEN, ids=name)
def test_the_sound_region_never_sees_more_than_the_clients_asked(broken, case):
    """Failover sends a request to the other region once at most: an outage here is no flood there."""
    observed = broken[case]
    # What began before it broke may have arrived there afterwards.
    assert observed.received["west"] <= len(observed.open()) + len(observed.during())


@pytest.mark.parametrize("case", CASES, ids=name)
def test_every_answer_is_audited_once(broken, case):
    """Whoever refused it, cut it off or died with it: the audit trail has one line of each exchange."""
    observed = broken[case]
    ids = [answer.request_id for answer in observed.answers if answer.request_id]
    assert [observed.audited.get(each) for each in ids] == [1] * len(ids)
