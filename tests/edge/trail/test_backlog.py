"""What a sink gets next, and how long what it has not got has waited."""

import random

import pytest

from extproc.audit.segment import Segment
from extproc.config.sink_settings import SinkSettings
from extproc.edge.trail.backlog import Backlog
from extproc.edge.trail.piece import Piece
from extproc.edge.trail.watch import Growth, Seen

WALL = 1_770_120_000.0


def part_of(chain, number=1):
    """A segment."""
    return Segment(f"{chain}.0123456789ab", number, "2026-02-03")


def seen(*growths, modified=WALL, gone=()):
    """Growths as (chain, number, size)."""
    return Seen(
        tuple(Growth(part_of(chain, number), size, modified) for chain, number, size in growths), frozenset(gone)
    )


def backlog(delivered=(), **settings):
    """A backlog and its `interval` 10 s."""
    return Backlog(SinkSettings(**{"name": "s", "interval": 10.0, "batch_bytes": 1000, **settings}), dict(delivered))


def take(waiting, part, size=None, *, looked=None, more=False):
    """Deliver so many bytes of a part, all it has if not said."""
    size = part.size - part.delivered if size is None else size
    piece = Piece(None, part.delivered, b"x" * size, looked or part.delivered + size, more)
    waiting.delivered(part, piece, size)


def test_lines_are_collected_for_the_interval():
    """Nothing is due before the interval has passed, and it is said when that will be."""
    waiting = backlog()
    waiting.note(Seen(), 0.0, WALL)
    waiting.note(seen(("a", 1, 100)), 50.0, WALL)
    waiting.note(seen(("a", 1, 200)), 55.0, WALL)
    assert waiting.next(59.0) == (None, 60.0)
    part, _ = waiting.next(60.0)
    assert (part.segment, part.pending) == (part_of("a"), 200)
    take(waiting, part)
    assert waiting.next(60.0) == (None, None)
    assert waiting.cursor() == {part_of("a").name: 200}


@pytest.mark.parametrize("sizes", [[("a", 1, 1000)], [("a", 1, 10), ("a", 2, 10)]])
def test_enough_for_a_batch_or_a_finished_segment_is_due_at_once(sizes):
    """What can get no larger, or is large enough, does not wait."""
    waiting = backlog()
    waiting.note(Seen(), 0.0, WALL)
    waiting.note(seen(*sizes), 50.0, WALL)
    assert waiting.next(50.0)[0].segment == part_of("a", 1)


def test_all_is_due_when_it_is_the_end():
    """Flushing waits for nothing."""
    waiting = backlog()
    waiting.note(seen(("a", 1, 10)), 50.0, WALL)
    assert waiting.next(50.0, flush=True)[0] is not None


def test_a_chain_keeps_its_order():
    """The second segment comes after all of the first, also when the first is delivered in parts or has failed."""
    waiting = backlog()
    waiting.note(seen(("a", 1, 1500), ("a", 2, 10)), 50.0, WALL)
    part, _ = waiting.next(60.0)
    take(waiting, part, 1000, more=True)
    part.not_before = 70.0
    assert waiting.next(61.0) == (None, 70.0)
    assert waiting.next(70.0)[0] is part
    take(waiting, part)
    assert waiting.next(70.0)[0].segment.number == 2


def test_what_is_not_sealed_does_not_wait():
    """Bytes behind the last seal are no backlog and no lag, and hold nothing up; with the next seal they are."""
    waiting = backlog()
    waiting.note(Seen(), 0.0, WALL)
    waiting.note(seen(("a", 1, 150), ("a", 2, 30)), 50.0, WALL)
    take(waiting, waiting.next(60.0)[0], 100, looked=150)
    part, _ = waiting.next(60.0)
    assert part.segment.number == 2
    take(waiting, part, 0, looked=30)
    assert (waiting.next(99.0), waiting.size(), waiting.since(fresh=True)) == ((None, None), 0, None)
    waiting.note(seen(("a", 2, 50)), 99.0, WALL)
    assert (waiting.size(), waiting.since(fresh=True)) == (50, 50.0)


def test_old_and_new_take_turns():
    """What was there at the start is caught up beside what comes, the oldest first of each."""
    waiting = backlog(interval=0.0)
    waiting.note(seen(("a", 1, 10), ("b", 1, 10)), 50.0, WALL)
    waiting.note(seen(("c", 1, 10), ("d", 1, 10)), 51.0, WALL)
    order = []
    while (part := waiting.next(60.0)[0]) is not None:
        order.append(part.segment.chain[0])
        take(waiting, part)
    assert order == ["c", "a", "d", "b"]


def test_a_chain_that_fails_lets_others_pass():
    """One whose delivery failed comes again after its pause, behind what has waited for longer by then."""
    waiting = backlog(interval=0.0)
    waiting.note(Seen(), 0.0, WALL)
    waiting.note(seen(("a", 1, 10)), 50.0, WALL)
    failing, _ = waiting.next(50.0)
    failing.not_before = 52.0
    waiting.note(seen(("b", 1, 10)), 51.0, WALL)
    waiting.note(seen(("c", 1, 10)), 53.0, WALL)
    order = []
    while (part := waiting.next(60.0)[0]) is not None:
        order.append(part.segment.chain[0])
        take(waiting, part)
    assert order == ["b", "a", "c"]


def test_ages_are_those_of_what_is_left():
    """After a part was delivered, the age is that of the bytes behind it."""
    waiting = backlog()
    waiting.note(Seen(), 0.0, WALL)
    for second in range(5):
        waiting.note(seen(("a", 1, 100 * (second + 1))), 50.0 + second, WALL)
    part, _ = waiting.next(70.0)
    take(waiting, part, 250, more=True)
    assert waiting.since(fresh=True) == 52.0


def test_ages_take_bounded_memory_and_are_never_too_young():
    """However often a segment grows, few marks are kept; what they say is at least the true age."""
    waiting = backlog()
    waiting.note(Seen(), 0.0, WALL)
    true = []
    for second in range(3000):
        waiting.note(seen(("a", 1, second + 1)), float(second), WALL)
        true.append(float(second))
    part, _ = waiting.next(9999.0)
    assert len(part.marks) <= 257
    dice = random.Random(1)
    while part.pending > 10:
        take(waiting, part, dice.randrange(1, 10), more=True)
        assert waiting.since(fresh=True) <= true[part.delivered]


def test_what_was_there_before_counts_by_itself():
    """Its age is taken from the segment's time of change; it is not fresh until it was caught up once."""
    waiting = backlog({part_of("b").name: 10})
    waiting.note(seen(("a", 1, 100), ("b", 1, 10), modified=WALL - 1000), 5000.0, WALL)
    assert (waiting.since(fresh=True), waiting.since(fresh=False), waiting.size()) == (None, 4000.0, 100)
    waiting.note(seen(("a", 1, 110), ("b", 1, 20)), 5010.0, WALL)
    assert (waiting.since(fresh=True), waiting.since(fresh=False)) == (5010.0, 4000.0)
    take(waiting, waiting.next(5020.0)[0])
    take(waiting, waiting.next(5020.0)[0])
    waiting.note(seen(("a", 1, 120)), 5030.0, WALL)
    assert (waiting.since(fresh=True), waiting.since(fresh=False)) == (5030.0, None)


def test_the_cursor_is_gone_on_from():
    """What the cursor says is delivered is not delivered again; entries of segments that are gone are dropped."""
    waiting = backlog({part_of("a").name: 60, part_of("z").name: 5})
    assert waiting.cursor() == {part_of("a").name: 60, part_of("z").name: 5}
    waiting.note(seen(("a", 1, 100)), 50.0, WALL)
    assert waiting.next(60.0)[0].delivered == 60
    assert waiting.cursor() == {part_of("a").name: 60}


def test_a_cursor_behind_the_end_begins_again():
    """A segment shorter than what was delivered of it is another one than that."""
    waiting = backlog({part_of("a").name: 60})
    waiting.note(seen(("a", 1, 50)), 50.0, WALL)
    assert (waiting.next(60.0)[0].delivered, waiting.size()) == (0, 50)


def test_what_is_gone_is_forgotten():
    """A removed segment is neither waited for nor in the cursor; it is said which had not been delivered."""
    waiting = backlog()
    waiting.note(seen(("a", 1, 100), ("b", 1, 100)), 50.0, WALL)
    take(waiting, waiting.next(60.0)[0])
    lost = waiting.note(seen(gone=[part_of("a").name, part_of("b").name]), 70.0, WALL)
    assert lost == (part_of("b").name,)
    assert (waiting.next(80.0), waiting.cursor(), waiting.size()) == ((None, None), {}, 0)


def test_more_than_was_known_may_be_delivered():
    """A sink that has more already than it was offered is taken at its word."""
    waiting = backlog(interval=0.0)
    waiting.note(seen(("a", 1, 100)), 50.0, WALL)
    part, _ = waiting.next(60.0)
    waiting.delivered(part, Piece(None, 0, b"x" * 100, 100), 150)
    assert (waiting.cursor(), waiting.next(60.0)) == ({part_of("a").name: 150}, (None, None))
    waiting.note(seen(("a", 1, 150)), 61.0, WALL)
    assert waiting.next(99.0) == (None, None)


def test_hurry_forgets_pauses():
    """At the end what has failed is tried once more at once."""
    waiting = backlog()
    waiting.note(seen(("a", 1, 100)), 50.0, WALL)
    part, _ = waiting.next(60.0)
    part.not_before = 900.0
    assert waiting.next(60.0, flush=True) == (None, 900.0)
    waiting.hurry()
    assert waiting.next(60.0, flush=True)[0] is part


def test_a_segment_that_cannot_be_found_is_forgotten():
    """One that turns out to be gone holds nothing up."""
    waiting = backlog()
    waiting.note(seen(("a", 1, 100), ("a", 2, 100)), 50.0, WALL)
    waiting.forget(waiting.next(60.0)[0])
    assert waiting.next(60.0)[0].segment.number == 2
