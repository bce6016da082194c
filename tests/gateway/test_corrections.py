"""A wrong clock, end to end."""

import time
from types import SimpleNamespace

import openai
import pytest

from extproc.emulator.server import Emulator, EmulatorThread
from extproc.routing.targets import Credentials

MESSAGES = [{"role": "user", "content": "alpha bravo"}]


def ask(gateway, model, **options) -> str:
    """The answer's text."""
    answer = gateway.client(**options).chat.completions.create(model=model, messages=MESSAGES)
    return answer.choices[0].message.content


@pytest.mark.parametrize("route", ["invocations", "openai"])
def test_a_wrong_clock_is_set_right_by_the_first_refusal(gateways, launch, route):
    """A region seventeen minutes ahead refuses one request, fails one over, and takes all that follow."""
    keys = [Credentials(launch.CREDENTIALS["AWS_ACCESS_KEY_ID"], launch.CREDENTIALS["AWS_SECRET_ACCESS_KEY"])]
    emulator = Emulator(region="us-east-1", credentials=keys, clock=lambda: time.time() + 1000)
    with EmulatorThread(emulator) as ahead:
        region = SimpleNamespace(name="us-east-1", url=ahead.url)
        targets = launch.target("signed", region, "chat", model="m")
        targets += launch.target("after", region, "chat", model="after", route=route)
        gateway = gateways(launch.pack(targets), "--workers", "1")
        with pytest.raises(openai.InternalServerError) as caught:
            ask(gateway, "m")
        assert caught.value.code == "upstream_auth"
        assert [ask(gateway, model) for model in ("m", "after", "m")] == ["alpha bravo"] * 3
        assert [entry.status for entry in ahead.requests] == [403, 200, 200, 200]
