"""What an exchange leaves behind when it is over, however it ends: nothing."""

import asyncio
import gc
from collections import Counter

import pytest

STREAM = "application/vnd.amazon.eventstream"
# Of each kind; the first ones fill what is kept once, such as caches.
FIRST, MORE = 30, 500


def ours():
    """How many objects of ours there are, by their kinds."""
    gc.collect()
    kinds = [type(each) for each in gc.get_objects()]
    names = (f"{kind.__module__}.{kind.__name__}" for kind in kinds)
    return Counter(name for name in names if name.startswith("extproc."))


def lines(stage, kind):
    """What Envoy says in an exchange of a kind."""
    if kind == "refused":
        return [stage.head(), stage.asked("open sesame")]
    if kind == "whole":
        return [stage.head(), stage.asked(), stage.answered(), stage.body(stage.completion())]
    begun = [stage.head(), stage.asked(stream=True), stage.answered(content_type=STREAM)]
    begun.append(stage.body(stage.delta("one two three four five six seven eight "), last=False))
    return begun if kind == "aborted" else [*begun, stage.body(stage.delta("nine", "stop") + stage.FINISHED)]


@pytest.mark.parametrize("kind", ["whole", "streamed", "aborted", "refused"])
def test_an_exchange_that_is_over_leaves_nothing(stage, kind):
    """After 500 more there are as many objects of every kind of ours as before, and no more tasks."""

    async def play(envoy):
        async def some(count):
            for _ in range(count):
                call = envoy.call()
                await stage.exchange(call, *lines(stage, kind))
                if kind == "aborted":
                    call.cancel()
                else:
                    await call.done_writing()
                    await call.read()
            await stage.until(lambda: not envoy.processor.open)
            # The last stream is closed at the connection's end, too.
            await asyncio.sleep(0.05)
            stage_trail.lines.clear()
            return ours(), len(asyncio.all_tasks())

        before = await some(FIRST)
        return before, await some(MORE)

    stage_trail = stage.Sink()
    ((before, tasks), (after, tasks_after)), _ = stage.run(play, trail=stage_trail)
    assert {name: count - before[name] for name, count in after.items() if count > before[name]} == {}
    assert tasks_after == tasks
