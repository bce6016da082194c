"""The known fault number 17 of other gateways: credentials that expire, end to end with a role and STS."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import openai
import pytest

from extproc.emulator.server import Emulator, EmulatorThread

MESSAGES = [{"role": "user", "content": "alpha bravo"}]
ROLE = "arn:aws:iam::123456789012:role/invoke"
# Within botocore's last ten minutes, so that the keeper's next round renews them: well before they expire.
LIFETIME = 300.0


def ask(gateway, **options) -> str:
    """The answer's text."""
    answer = gateway.client(**options).chat.completions.create(model="chat", messages=MESSAGES)
    return answer.choices[0].message.content


def start(gateway_of, launch, sts, emulator):
    """A gateway whose target has a role that STS knows."""
    region = SimpleNamespace(name="us-east-1", url=emulator.url)
    target = launch.target("t", region, "chat", aws_role_arn=ROLE, aws_external_id="partner")
    env = {**launch.CREDENTIALS, "AWS_ENDPOINT_URL_STS": sts.url}
    return gateway_of(launch.pack(target), "--workers", "1", env=env)


@pytest.fixture(scope="module", autouse=True)
def renewing(tmp_path_factory, launch, lasting_sts):
    """A gateway whose role's credentials expire soon; started first, for the keeper comes round once a minute."""
    lasting_sts.lifetime = LIFETIME
    with EmulatorThread(Emulator(region="us-east-1", credentials=[])) as emulator:
        directory = tmp_path_factory.mktemp("renewing")

        def gateway_of(*arguments, **options):
            return launch.gateway(directory, *arguments, **options)

        gateway = start(gateway_of, launch, lasting_sts, emulator)
        yield gateway, emulator
        assert gateway.stop() == 0


def test_fault_17_credentials_that_aws_has_forgotten_are_fetched_anew(gateways, launch, sts):
    """Requests refused at the same time do not each ask STS, and the SDK's own retry meets what was brought."""
    with EmulatorThread(Emulator(region="us-east-1", credentials=[])) as running:
        gateway = start(gateways, launch, sts, running)
        launch.eventually(lambda: sts.issued)
        running.runtime.keys = {sts.issued[0].access_key: sts.issued[0]}
        assert ask(gateway) == "alpha bravo"
        assert running.requests[-1].headers["x-amz-security-token"] == sts.issued[0].token
        # The session is revoked: from now on only the next set is known.
        running.runtime.keys = {}

        def refused(_):
            with pytest.raises(openai.InternalServerError) as caught:
                ask(gateway)
            return caught.value.status_code, caught.value.code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(refused, range(16))) == {(503, "upstream_auth")}
        launch.eventually(lambda: len(sts.issued) > 1)
        running.runtime.keys = {issued.access_key: issued for issued in sts.issued[1:]}
        assert ask(gateway, max_retries=2) == "alpha bravo"
        # One, but for a machine so slow that the sixteen take longer than refreshes are apart.
        assert len(sts.calls) <= 4
        assert {call["ExternalId"] for call in sts.calls} == {"partner"}
        assert "123456789012" not in gateway.log()


def test_fault_17_credentials_are_renewed_before_they_expire(renewing, launch, lasting_sts):
    """Minutes ahead of it, and in the background: no request is ever signed with what AWS takes no more."""
    gateway, emulator = renewing
    launch.eventually(lambda: lasting_sts.issued)
    emulator.runtime.keys = {lasting_sts.issued[0].access_key: lasting_sts.issued[0]}
    assert ask(gateway) == "alpha bravo"
    launch.eventually(lambda: len(lasting_sts.issued) > 1, seconds=180)
    emulator.runtime.keys = {issued.access_key: issued for issued in lasting_sts.issued}

    def renewed():
        assert ask(gateway) == "alpha bravo"
        return emulator.requests[-1].headers["x-amz-security-token"] != lasting_sts.issued[0].token

    launch.eventually(renewed)
    assert {entry.status for entry in emulator.requests} == {200}
