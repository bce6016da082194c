"""Who waits for a batch is told how it went, each for its own records."""

import asyncio
import threading

import pytest

from extproc.edge.trail.batch import AuditFailed, Item, documents, outcomes, resolve, tell

ONE, TWO = {"n": 1}, {"n": 2}


def test_each_item_has_the_first_error_of_its_own_documents():
    """One that is no JSON fails those that came with it, and nobody else."""
    wrong, worse = TypeError("no JSON"), TypeError("nor this")
    batch = [Item((ONE,)), Item((ONE, TWO)), Item(()), Item((TWO, TWO))]
    assert documents(batch) == [ONE, ONE, TWO, TWO, TWO]
    assert outcomes(batch, [None, None, wrong, wrong, worse]) == [None, wrong, None, wrong]


def test_who_waits_is_told_in_its_loop():
    """Also from a thread; a fault of the record is told as a failure of the audit."""

    async def play():
        loop = asyncio.get_running_loop()
        batch = [Item((ONE,), loop.create_future(), loop) for _ in range(3)]
        batch[2].waiting.cancel()
        results = [None, TypeError("no JSON"), None]
        thread = threading.Thread(target=tell, args=([*batch, Item((TWO,))], [*results, None]))
        thread.start()
        await batch[0].waiting
        with pytest.raises(AuditFailed, match="no JSON"):
            await batch[1].waiting
        thread.join()
        # What is done is left alone.
        resolve(batch, [AuditFailed("late")] * 3)
        return batch[0].waiting.result(), batch[2].waiting.cancelled()

    assert asyncio.run(play()) == (None, True)


def test_a_loop_that_is_closed_hears_nothing():
    """Its exchanges are over."""
    loop = asyncio.new_event_loop()
    waiting = loop.create_future()
    loop.close()
    tell([Item((ONE,), waiting, loop)], [None])
    assert not waiting.done()
