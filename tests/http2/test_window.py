"""A receive window."""

from hypothesis import given
from hypothesis import strategies as st

from extproc.http2.window import ReceiveWindow


def test_nothing_may_come_beyond_it():
    """Exactly its size may, one byte more not."""
    window = ReceiveWindow(10)
    assert window.take(10)
    assert not window.take(1)


def test_the_peer_is_told_when_half_of_it_was_consumed():
    """Not of every byte, and then of all."""
    window = ReceiveWindow(100)
    assert window.take(90)
    assert [window.give(30), window.give(19), window.give(1), window.give(10)] == [0, 0, 50, 0]
    assert window.owed == 30


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50))))
def test_what_is_out_never_exceeds_it(steps):
    """What the peer may still send and what was not consumed yet are together never more than the window."""
    window, allowed = ReceiveWindow(100), 100
    for came, consumed in steps:
        count = min(came, allowed)
        assert window.take(count)
        allowed -= count
        allowed += window.give(min(consumed, window.owed))
        assert allowed + window.owed <= 100
        assert allowed + window.owed > 50 - 1
