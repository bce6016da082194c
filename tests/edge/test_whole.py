"""Awaiting what must not be left half done."""

import asyncio

import pytest

from extproc.edge.whole import whole


def run(main):
    """Run it; anything the loop complains of is an error."""
    complaints = []

    async def watched():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        return await main()

    result = asyncio.run(watched())
    assert complaints == []
    return result


def test_the_result_is_passed_on():
    """Without a cancellation it is an ordinary await."""
    assert run(lambda: whole(asyncio.sleep(0, "done"))) == "done"


def test_an_error_is_passed_on():
    """The same for what goes wrong."""

    async def fail():
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(lambda: whole(fail()))


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("fails", [False, True])
def test_a_cancellation_waits_for_the_end(times, fails):
    """However often it is asked for; the work is done, its result or error is dropped."""

    async def main():
        go_on, order = asyncio.Event(), []

        async def work():
            await go_on.wait()
            order.append("work")
            if fails:
                raise KeyError("x")

        task = asyncio.create_task(whole(work()))
        for _ in range(times):
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        order.append("cancelled")
        return order

    assert run(main) == ["work", "cancelled"]


def test_work_that_is_cancelled_itself():
    """Then there is no result, and that is told."""

    async def main():
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await whole(future)
        return future.cancelled()

    assert run(main)
