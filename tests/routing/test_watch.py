"""What the ledger is told of an exchange, however it goes."""

from __future__ import annotations

from extproc.events import AttemptOutcome, Closed, DeadlinePassed, ResponseBody
from extproc.routing.breaker import RESTRAINED, Breaker
from extproc.routing.ledger import Ledger
from extproc.routing.watch import Watch
from extproc.testing import (
    NOW,
    answer_headers,
    chat_body,
    chat_headers,
    completion,
    make_exchange,
    make_runtime,
    make_target,
    streamed,
)

TARGETS = (make_target("east"), make_target("west"))
SERVED = (AttemptOutcome("east", 200, elapsed=2.0),)
FAILED_OVER = (AttemptOutcome("east", 503), AttemptOutcome("west", 200, elapsed=0.5))


class Play:
    """An exchange that is watched."""

    def __init__(self, **request):
        self.ledger = Ledger(TARGETS, Breaker(), 60.0, chance=lambda: 0.0)
        self.exchange = make_exchange(make_runtime(*TARGETS))
        self.watch = Watch(self.ledger)
        self.feed(NOW, chat_headers(), chat_body("hi", **request))

    def feed(self, now, *events):
        """Feed events at that time."""
        for event in events:
            self.exchange.feed(event, now)
            self.watch.saw(event, self.exchange.record, now)
        return self

    def end(self, now):
        """Envoy closes the exchange."""
        self.exchange.feed(Closed(), now)
        self.watch.ended(self.exchange.record, now)
        return self

    def row(self, target):
        """What is known of a target."""
        return self.ledger.of(target, NOW)


def test_a_whole_answer():
    """In flight from the request to the end; latency to its head, tokens over the whole time."""
    play = Play()
    assert play.row("east").in_flight == 1
    play.feed(NOW + 2, answer_headers("east", outcomes=SERVED))
    assert (play.row("east").in_flight, play.row("east").success) == (1, 1)
    play.feed(NOW + 3, completion("Hi", usage={"prompt_tokens": 1, "completion_tokens": 30})).end(NOW + 3)
    row = play.row("east")
    assert (row.in_flight, row.latency, row.throughput) == (0, 2.0, 10.0)


def test_after_a_failover_the_target_that_answers_is_in_flight():
    """Every attempt is counted; latency and tokens are those of the one that answers."""
    play = Play().feed(NOW + 2, answer_headers("west", outcomes=FAILED_OVER))
    assert [play.row(name).in_flight for name in ("east", "west")] == [0, 1]
    assert (play.row("east").server_error, play.row("west").success) == (1, 1)
    play.feed(NOW + 3, completion("Hi", usage={"prompt_tokens": 1, "completion_tokens": 30})).end(NOW + 3)
    assert (play.row("west").latency, play.row("west").throughput, play.row("west").in_flight) == (0.5, 20.0, 0)
    assert play.row("east").latency is None


def test_an_error_of_all_targets():
    """Nothing is in flight once Envoy has given up."""
    outcomes = (AttemptOutcome("east", 503), AttemptOutcome("west", 0))
    play = Play().feed(NOW + 1, answer_headers("west", 503, outcomes=outcomes))
    assert [play.row(name).in_flight for name in ("east", "west")] == [0, 0]
    play.feed(NOW + 1, ResponseBody(b"{}", end_of_stream=True)).end(NOW + 1)
    assert (play.row("east").streak, play.row("west").no_answer) == (1, 1)


def test_a_throttle_says_how_long():
    """The target rests for as long as it asked."""
    outcomes = (AttemptOutcome("east", 429, retry_after=9.0), AttemptOutcome("west", 200))
    play = Play().feed(NOW, answer_headers("west", outcomes=outcomes))
    assert (play.row("east").open_until, play.row("east").cause) == (NOW + 9, RESTRAINED)


def test_a_client_that_leaves():
    """Before the answer or in it: nothing stays in flight, and the target is not to blame."""
    waiting = Play().end(NOW + 1)
    assert waiting.row("east").in_flight == 0
    reading = Play(stream=True).feed(NOW, answer_headers("east", stream=True, outcomes=SERVED), *streamed("Hi")[:1])
    assert reading.row("east").in_flight == 1
    reading.end(NOW + 1)
    assert (reading.row("east").in_flight, reading.row("east").broken_off) == (0, 0)


def test_an_answer_that_breaks_off_is_a_failure():
    """A stream that cannot be used to its end, and one that outlives its time, count against the target."""
    broken = Play(stream=True).feed(NOW, answer_headers("east", stream=True, outcomes=SERVED), *streamed("Hi")[:1])
    broken.feed(NOW, ResponseBody(b"", end_of_stream=True)).end(NOW)
    assert (broken.row("east").broken_off, broken.row("east").streak) == (1, 1)
    late = Play(stream=True).feed(NOW, answer_headers("east", stream=True, outcomes=SERVED), *streamed("Hi")[:1])
    late.feed(NOW + 60, DeadlinePassed()).end(NOW + 60)
    assert late.row("east").broken_off == 1


def test_a_probe_is_counted_until_its_outcome_is_known():
    """Others go elsewhere meanwhile; once its head has come, the next probe may go, however long the answer is."""
    play = Play()
    for _ in range(Breaker().failure_threshold):
        play.ledger.attempted("east", "server_error", NOW - 60)
    assert play.row("east").probing == 0
    play.exchange = make_exchange(make_runtime(*TARGETS), observer=play.ledger)
    play.watch = Watch(play.ledger)
    play.feed(NOW, chat_headers(), chat_body("hi", stream=True))
    assert (play.exchange.record.planned[0], play.row("east").probing) == ("east", 1)
    assert play.exchange.record.routing["reasons"] == {"east": "probe"}
    other = make_exchange(make_runtime(*TARGETS), observer=play.ledger)
    for event in (chat_headers(), chat_body("hi")):
        other.feed(event, NOW)
    assert other.record.planned == ("west", "east")
    play.feed(NOW, answer_headers("east", stream=True, outcomes=SERVED))
    assert (play.row("east").probing, play.row("east").open_until) == (0, 0)
    gone = Watch(play.ledger)
    for _ in range(Breaker().failure_threshold):
        play.ledger.attempted("west", "server_error", NOW - 60)
    left = make_exchange(make_runtime(*TARGETS[1:]), observer=play.ledger)
    for event in (chat_headers(), chat_body("hi")):
        left.feed(event, NOW)
        gone.saw(event, left.record, NOW)
    assert play.row("west").probing == 1
    gone.ended(left.record, NOW)
    assert play.row("west").probing == 0


def test_what_asks_no_target_tells_nothing():
    """A refused request changes no row."""
    play = Play(model="unknown").end(NOW)
    assert {play.row(name).in_flight for name in ("east", "west")} == {0}
