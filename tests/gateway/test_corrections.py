"""Roles, credentials that AWS no longer knows, and a wrong clock, end to end: no client notices any of it."""

import asyncio
import subprocess
import sys
import time
from types import SimpleNamespace

import openai
import pytest

from extproc.edge.envoy_binary import find_envoy
from extproc.emulator.server import Emulator, EmulatorThread
from extproc.routing.targets import Credentials

MESSAGES = [{"role": "user", "content": "alpha bravo"}]
ROLE = "arn:aws:iam::123456789012:role/invoke"
ROUTES = ["invocations", "openai"]


def ask(gateway, model, *, stream=False) -> str:
    """The answer's text."""
    answer = gateway.client().chat.completions.create(model=model, messages=MESSAGES, stream=stream)
    if not stream:
        return answer.choices[0].message.content
    return "".join(choice.delta.content or "" for chunk in answer for choice in chunk.choices)


def attempts(gateway) -> list[list[tuple[str, int]]]:
    """Each audited exchange's attempts, oldest exchange first."""
    lines = [line for line in gateway.audit() if line["event"] == "exchange"]
    return [[(attempt["target"], attempt["status"]) for attempt in line["attempts"]] for line in lines]


class Session:
    """What AWS knows: the sets that STS has issued, but for the first ones, which are revoked."""

    def __init__(self, sts) -> None:
        self._sts = sts
        self._revoked = 0

    def revoke(self) -> None:
        """Forget every set that there is."""
        self._revoked = len(self._sts.issued)

    def get(self, access_key: str) -> Credentials | None:
        """As the emulator asks."""
        return next((one for one in self._sts.issued[self._revoked :] if one.access_key == access_key), None)


@pytest.fixture
def role(gateways, launch, sts):
    """Start gateways that assume a role; what AWS knows of it, and the emulated region."""
    with EmulatorThread(Emulator(region="us-east-1", credentials=[])) as running:
        session = running.runtime.keys = Session(sts)
        region = SimpleNamespace(name="us-east-1", url=running.url)
        env = {**launch.CREDENTIALS, "AWS_ENDPOINT_URL_STS": sts.url}

        def start(*more: str, workers: int = 1, **fields):
            fields = {"aws_role_arn": ROLE, "aws_external_id": "partner", **fields}
            targets = launch.target("t", region, "chat", model="m", **fields)
            return gateways(launch.pack(targets + "".join(more)), "--workers", str(workers), env=env)

        yield SimpleNamespace(start=start, session=session, region=running)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", ROUTES)
def test_a_wrong_clock_is_set_right_within_the_first_request(gateways, launch, route, stream):
    """A region seventeen minutes ahead refuses one signature; the only target is asked again, and then never twice."""
    keys = [Credentials(launch.CREDENTIALS["AWS_ACCESS_KEY_ID"], launch.CREDENTIALS["AWS_SECRET_ACCESS_KEY"])]
    emulator = Emulator(region="us-east-1", credentials=keys, clock=lambda: time.time() + 1000)
    with EmulatorThread(emulator) as ahead:
        region = SimpleNamespace(name="us-east-1", url=ahead.url)
        gateway = gateways(launch.pack(launch.target("t", region, "chat", route=route)), "--workers", "1")
        assert [ask(gateway, "chat", stream=stream) for _ in range(3)] == ["alpha bravo"] * 3
        refused = ahead.requests[0].status
        assert refused in (401, 403)
        assert [entry.status for entry in ahead.requests] == [refused, 200, 200, 200]
        launch.eventually(lambda: len(attempts(gateway)) == 3)
        assert attempts(gateway) == [[("t", refused), ("t", 200)], [("t", 200)], [("t", 200)]]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", ROUTES)
def test_a_role_is_assumed_anew_once_aws_has_forgotten_it(role, launch, sts, route, stream):
    """The client that meets the revoked session waits for the next one; STS was asked twice in all."""
    gateway = role.start(route=route)
    assert ask(gateway, "m", stream=stream) == "alpha bravo"
    role.session.revoke()
    assert ask(gateway, "m", stream=stream) == "alpha bravo"
    assert [call["ExternalId"] for call in sts.calls] == ["partner"] * 2
    statuses = [entry.status for entry in role.region.requests]
    assert statuses in ([200, 403, 200], [200, 401, 200])
    launch.eventually(lambda: len(attempts(gateway)) == 2)
    assert attempts(gateway)[1] == [("t", statuses[1]), ("t", 200)]
    # Nothing of it is told to anybody.
    told = gateway.log() + "".join(map(str, gateway.audit()))
    private = [text for issued in sts.issued for text in (issued.secret_key, issued.token)]
    assert [text for text in (*private, "123456789012", "AWS4-HMAC", "sagemaker-api-key") if text in told] == []


@pytest.mark.parametrize(("workers", "most"), [(1, 2), (2, 4)])
def test_twenty_at_once_cost_one_refresh(role, sts, workers, most):
    """All are served; each worker assumes the role when it starts and once more, and signs what others have planned."""
    gateway = role.start(workers=workers)
    assert ask(gateway, "m") == "alpha bravo"
    role.session.revoke()

    async def at_once() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="unused", max_retries=0) as client:
            asking = (client.chat.completions.create(model="m", messages=MESSAGES) for _ in range(20))
            return [answer.choices[0].message.content for answer in await asyncio.gather(*asking)]

    assert asyncio.run(at_once()) == ["alpha bravo"] * 20
    assert workers < len(sts.calls) <= most


def test_what_cannot_be_renewed_is_a_refusal_as_before(role, sts):
    """Where STS refuses, too: the error says whose fault it is, and the refused signature is not sent twice."""
    gateway = role.start()
    assert ask(gateway, "m") == "alpha bravo"
    role.session.revoke()
    sts.denied = True
    with pytest.raises(openai.InternalServerError) as caught:
        ask(gateway, "m")
    assert (caught.value.status_code, caught.value.code) == (503, "upstream_auth")
    assert [entry.status for entry in role.region.requests] == [200, 403]


def test_another_target_serves_what_cannot_be_renewed(role, launch, sts, regions):
    """Failover is what it was: one try, then the next target."""
    gateway = role.start(launch.target("next", regions[0], "chat", model="m"))
    role.session.revoke()
    sts.denied = True
    regions[0].reset()
    assert ask(gateway, "m") == "alpha bravo"
    launch.eventually(lambda: attempts(gateway))
    assert attempts(gateway) == [[("t", 403), ("next", 200)]]


def test_rotated_keys_are_read_from_their_file(gateways, launch, tmp_path):
    """ExpiredTokenException for keys that an agent has replaced on disk meanwhile: the request goes on with the new."""
    old, new = Credentials("ASIAOLD", "old", "token-1"), Credentials("ASIANEW", "new", "token-2")
    path = tmp_path / "credentials"

    def write(keys: Credentials) -> None:
        pairs = (("aws_access_key_id", keys.access_key), ("aws_secret_access_key", keys.secret_key))
        text = "".join(f"{name}={value}\n" for name, value in (*pairs, ("aws_session_token", keys.token)))
        path.write_text(f"[default]\n{text}")

    write(old)
    with EmulatorThread(Emulator(region="us-east-1", credentials=[old, new])) as running:
        region = SimpleNamespace(name="us-east-1", url=running.url)
        targets = launch.target("t", region, "chat")
        env = {"AWS_SHARED_CREDENTIALS_FILE": str(path)}
        gateway = gateways(launch.pack(targets), "--workers", "1", env=env)
        assert ask(gateway, "chat") == "alpha bravo"
        write(new)
        running.fault("chat", "forbidden-expired", times=1)
        assert ask(gateway, "chat") == "alpha bravo"
        tokens = [entry.headers["x-amz-security-token"] for entry in running.requests]
        assert tokens == ["token-1", "token-1", "token-2"]


def test_it_works_in_an_envoy_of_ones_own(launch, sts, tmp_path, tmp_path_factory):
    """`kt envoy render` and `kt extproc serve`, without a supervisor: as in a mesh."""
    directory = tmp_path_factory.mktemp("m")
    port, trap = (launch.free_port() for _ in range(2))
    started = []
    with EmulatorThread(Emulator(region="us-east-1", credentials=[])) as running:
        session = running.runtime.keys = Session(sts)
        region = SimpleNamespace(name="us-east-1", url=running.url)
        config = tmp_path / "policy-config.yaml"
        config.write_text(launch.pack(launch.target("t", region, "chat", aws_role_arn=ROLE)))
        environment = launch.environment(**launch.CREDENTIALS, AWS_ENDPOINT_URL_STS=sts.url)

        def run(*command: str, **more) -> subprocess.Popen:
            started.append(subprocess.Popen(command, env=environment, **more))
            return started[-1]

        kt = (sys.executable, "-m", "extproc")
        worker = f"unix:{directory}/w.sock"
        options = ("--listen", f"127.0.0.1:{port}", "--worker", worker, "--trap", f"127.0.0.1:{trap}")
        files = ("--admin", f"unix:{directory}/admin.sock", "--access-log", f"{directory}/log", "--static")
        rendering = run(*kt, "envoy", "render", "--policy-config", config, *options, *files, "--output", directory)
        assert rendering.wait(60) == 0
        try:
            serving = run(
                *kt, "extproc", "serve", "--policy-config", config, "--listen", worker, stdout=subprocess.PIPE
            )
            assert serving.stdout.readline() == b"ready\n"
            run(find_envoy(), "-c", directory / "envoy.yaml", "--use-dynamic-base-id", "--log-level", "error")
            launch.eventually(lambda: launch.get(f"http://127.0.0.1:{port}/readyz")[0] == 200)
            with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="unused", max_retries=0) as client:
                for statuses in ([200], [200, 403, 200]):
                    answer = client.chat.completions.create(model="chat", messages=MESSAGES)
                    assert answer.choices[0].message.content == "alpha bravo"
                    assert [entry.status for entry in running.requests] == statuses
                    session.revoke()
        finally:
            for process in started:
                process.terminate()
                process.communicate(timeout=60)
