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


def test_a_larger_window_for_a_while():
    """What was lent is not given back when it is consumed; what was consumed and not told yet comes first."""
    window = ReceiveWindow(100)
    assert window.take(60)
    assert window.give(40) == 0
    assert [window.extend(250), window.extend(250), window.extend(10)] == [210, 0, 0]
    assert window.take(250)
    assert [window.give(20), window.give(150), window.give(50), window.give(50)] == [0, 0, 50, 50]
    assert window.left == 100


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 300))))
def test_what_is_out_never_exceeds_it(steps):
    """What the peer may still send and what was not consumed yet: no more than the window, or than was asked for."""
    window, allowed, unread, largest = ReceiveWindow(100), 100, 0, 100
    for came, consumed, asked in steps:
        count = min(came, allowed)
        assert window.take(count)
        allowed, unread = allowed - count, unread + count
        if asked > 250:
            allowed += window.extend(asked)
            assert allowed >= asked
            largest = max(largest, allowed + unread)
        count = min(consumed, unread)
        unread -= count
        allowed += window.give(count)
        assert window.left == allowed
        assert 50 - 1 < allowed + unread <= largest
