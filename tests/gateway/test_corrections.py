"""Roles, credentials that AWS no longer knows, and a wrong clock, end to end."""

import time
from types import SimpleNamespace

import openai
import pytest

from extproc.emulator.server import Emulator, EmulatorThread
from extproc.routing.targets import Credentials

MESSAGES = [{"role": "user", "content": "alpha bravo"}]
ROLE = "arn:aws:iam::123456789012:role/invoke"


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


def test_a_role_signs_and_is_assumed_anew_once_aws_has_forgotten_it(gateways, launch, sts):
    """The SDK's own retry already meets the new credentials; STS was asked twice in all."""
    emulator = Emulator(region="us-east-1", credentials=[])
    with EmulatorThread(emulator) as running:
        region = SimpleNamespace(name="us-east-1", url=running.url)
        targets = launch.target("t", region, "chat", aws_role_arn=ROLE, aws_external_id="partner")
        env = {**launch.CREDENTIALS, "AWS_ENDPOINT_URL_STS": sts.url}
        gateway = gateways(launch.pack(targets), "--workers", "1", env=env)
        launch.eventually(lambda: sts.issued)
        running.runtime.keys = {sts.issued[0].access_key: sts.issued[0]}
        assert ask(gateway, "chat") == "alpha bravo"
        assert running.requests[-1].headers["x-amz-security-token"] == sts.issued[0].token
        # The session is revoked: from now on only the next set is known.
        running.runtime.keys = {}
        with pytest.raises(openai.InternalServerError):
            ask(gateway, "chat")
        launch.eventually(lambda: len(sts.issued) == 2)
        running.runtime.keys = {sts.issued[1].access_key: sts.issued[1]}
        assert ask(gateway, "chat", max_retries=2) == "alpha bravo"
        assert [call["ExternalId"] for call in sts.calls] == ["partner"] * 2
        assert "123456789012" not in gateway.log()
