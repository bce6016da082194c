"""Room for large messages."""

from hypothesis import given
from hypothesis import strategies as st

from extproc.http2.room import Room


class Asking:
    """One who asks."""

    def __init__(self):
        self.told = 0

    def admitted(self):
        """It has room."""
        self.told += 1


def test_who_does_not_fit_waits_for_its_turn():
    """And is not passed by smaller ones that came later."""
    room, (first, large, small) = Room(100), (Asking() for _ in range(3))
    room.ask(first, 60)
    room.ask(large, 50)
    room.ask(small, 10)
    assert ([each.told for each in (first, large, small)], room.used, room.waiting) == ([1, 0, 0], 60, 2)
    room.leave(first)
    assert ([each.told for each in (first, large, small)], room.used, room.waiting) == ([1, 1, 1], 60, 0)


def test_one_alone_always_fits():
    """Or a message over the limit could never come; nobody comes in beside it."""
    room, (huge, other) = Room(100), (Asking(), Asking())
    room.ask(huge, 1_000)
    room.ask(other, 1)
    assert (huge.told, other.told) == (1, 0)
    room.leave(huge)
    assert (other.told, room.used) == (1, 1)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 60))))
def test_nobody_is_forgotten(steps):
    """Whoever comes and goes: no more than the limit is had, and when all others have left each one was told once."""
    room, asking = Room(100), {}
    for number, size in steps:
        if number in asking:
            room.leave(asking.pop(number))
        else:
            asking[number] = Asking()
            room.ask(asking[number], size)
        assert room.used <= 100
        assert sum(each.told for each in asking.values()) + room.waiting == len(asking)
    for each in list(asking.values()):
        assert each.told == 1 or room.used
        room.leave(each)
    assert (room.used, room.waiting) == (0, 0)
