"""Rates, and that the limits go together."""

from extproc.http2.frames import LARGEST
from extproc.http2.limits import Allowance, Limits, Rate


def test_a_burst_is_allowed_and_then_the_rate():
    """So many at once, then as many as the time that has passed brings."""
    allowance = Allowance(Rate(burst=3, per_second=2), now=10.0)
    assert [allowance.spend(10.0) for _ in range(5)] == [True, True, True, False, False]
    assert [allowance.spend(11.0) for _ in range(3)] == [True, True, False]


def test_what_is_not_used_does_not_add_up():
    """After a day of silence it is the burst again, and no more."""
    allowance = Allowance(Rate(burst=3, per_second=2), now=0.0)
    assert all(allowance.spend(0.0) for _ in range(3))
    assert [allowance.spend(86_400.0) for _ in range(5)] == [True, True, True, False, False]


def test_less_than_one_is_kept():
    """Asking too early, again and again, takes nothing away from what is coming."""
    allowance = Allowance(Rate(burst=1, per_second=1), now=0.0)
    assert allowance.spend(0.0)
    assert [allowance.spend(quarter / 4) for quarter in range(1, 9)] == [False, False, False, True] * 2


def test_the_windows_are_ones_that_http2_has():
    """They fit in a window's 31 bits, and no single stream can use the connection's up."""
    limits = Limits()
    assert limits.stream_window < limits.connection_window <= LARGEST
    assert limits.max_message_bytes < limits.max_held_bytes
