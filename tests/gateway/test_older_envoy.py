"""What is rendered for Envoy 1.36 to 1.39, run by the installed Envoy, and by each that scripts/older has fetched."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import openai
import pytest

from extproc.cli import main
from extproc.edge.envoy_binary import find_envoy, version
from extproc.emulator.server import Emulator, EmulatorThread
from extproc.render.versions import HELD_ANSWERS, JUDGED_REPLIES, OLDEST, Version, written
from extproc.routing.targets import Credentials

pytestmark = pytest.mark.envoy

MESSAGES = [{"role": "user", "content": "alpha bravo"}]
ROOT = Path(__file__).resolve().parents[2]
FETCHED = sorted(ROOT.glob(".envoys/*/envoy/_bin/envoy"))
CONFIGS = [*sorted((ROOT / "tests/data/configs").glob("*.yaml")), ROOT / "envoy/compose/policy-config.yaml"]
# What the first target of a model does; for each of them the second answers.
FAILS = ("throttle", "internal", "unavailable", "reset", "forbidden-expired")
# The same, where only the text of the answer says so; and what the client gets where nobody waits for it.
FAILS_IN_TEXT = {"model-error-500": 502, "no-capacity": 503}


class Envoy(NamedTuple):
    """A binary, and the version that is rendered for."""

    binary: Path
    rendered: Version


class Mesh:
    """`kt extproc serve` and an Envoy that somebody else runs, from what `kt envoy render` wrote."""

    def __init__(self, directory: Path, config: str, envoy: Envoy, launch, *options: str) -> None:
        self.port, admin = launch.free_port(), launch.free_port()
        binary, self.version = envoy.binary, envoy.rendered
        self.judges_replies = version(binary) >= JUDGED_REPLIES
        self._directory, self._launch = directory, launch
        (directory / "policy-config.yaml").write_text(config)
        kt, policy = [sys.executable, "-m", "extproc"], ["--policy-config", str(directory / "policy-config.yaml")]
        worker = f"unix:{directory / 'w.sock'}"
        command = [
            *(*kt, "envoy", "render", *policy, "--listen", f"127.0.0.1:{self.port}", "--worker", worker),
            *("--admin", f"127.0.0.1:{admin}", "--access-log", str(directory / "access.log")),
            *("--envoy-version", written(self.version), "--output", str(directory), *options),
        ]
        subprocess.run(command, capture_output=True, check=True, env=launch.environment())
        document = directory / ("envoy.yaml" if "--static" in options else "bootstrap.json")
        self.envoy = [str(binary), "-c", str(document), "--disable-hot-restart", "--concurrency", "2"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._processes = [
            subprocess.Popen(
                [*kt, "extproc", "serve", *policy, "--listen", worker, "--drain-seconds", "5"],
                env=launch.environment(**launch.CREDENTIALS),
                **quiet,
            ),
            subprocess.Popen([*self.envoy, "--log-path", str(directory / "envoy.log")], **quiet),
        ]
        launch.eventually(lambda: launch.get(f"http://127.0.0.1:{self.port}/readyz")[0] == 200)

    def client(self) -> openai.OpenAI:
        """An unchanged client."""
        return openai.OpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", api_key="x", max_retries=0, timeout=60)

    def ask(self, model: str, *, stream: bool = False, **more: object) -> SimpleNamespace:
        """What was answered: text, target, headers."""
        with self.client() as client:
            create = client.chat.completions.with_raw_response.create
            raw = create(model=model, stream=stream, **{"messages": MESSAGES, **more})
            answer = raw.parse()
            if stream:
                text = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
            else:
                text = answer.choices[0].message.content
            return SimpleNamespace(text=text, target=raw.headers["x-kt-target"], headers=raw.headers)

    def refused(self, model: str) -> SimpleNamespace:
        """The error that a client gets: status, error, headers."""
        with self.client() as client, pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model=model, messages=MESSAGES)
        answer = caught.value.response
        return SimpleNamespace(status=answer.status_code, error=answer.json()["error"], headers=answer.headers)

    def attempts(self, headers) -> list[tuple[str, int]]:
        """Those that the audit trail has of an exchange."""

        def found():
            text = "".join(path.read_text() for path in self._directory.glob("audit/*.jsonl"))
            lines = [json.loads(line) for line in text.splitlines() if headers["x-request-id"] in line]
            return [line for line in lines if line["event"] == "exchange"]

        (line,) = self._launch.eventually(found)
        return [(attempt["target"], attempt["status"]) for attempt in line.get("attempts", ())]

    def unless_envoys_own(self, attempts: list[tuple[str, int]]) -> list[tuple[str, int]]:
        """What the trail has of an exchange that ends in a reply of Envoy's own: before 1.37 no attempt."""
        return attempts if self.judges_replies else []

    def stop(self) -> list[int]:
        """End both; their statuses."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        return [process.wait(30) for process in self._processes]


def _named(one: Path | Version) -> str:
    return one.parts[-4] if isinstance(one, Path) else f"installed-{written(one)}"


@pytest.fixture(scope="module", params=[OLDEST, HELD_ANSWERS, *FETCHED], ids=_named)
def envoy(request) -> Envoy:
    """Each older Envoy there is, and the installed one with what is rendered for the two kinds of older ones."""
    if isinstance(request.param, Path):
        return Envoy(request.param, version(request.param))
    return Envoy(find_envoy(), request.param)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory, regions, launch, envoy):
    """Two regions; models whose first target fails in its way, or all of them; one with three targets."""
    east, west = regions

    def target(name: str, region, behaviour: str, model: str, **fields: object) -> str:
        # An endpoint's name is a model's, too: of its own, so that it makes no group.
        return launch.target(name, region, f"{behaviour}--{name}", model=model, **fields)

    targets = target("east", east, "chat", "m") + target("west", west, "chat", "m")
    for kind in (*FAILS, *FAILS_IN_TEXT):
        targets += target(f"{kind}-east", east, kind, f"m-{kind}") + target(f"{kind}-west", west, "chat", f"m-{kind}")
    for name, place in (("refused", "http://127.0.0.1:9"), ("nohost", "http://no-such-host.invalid")):
        targets += target(f"{name}-east", east, "chat", f"m-{name}", base_url=place)
        targets += target(f"{name}-west", west, "chat", f"m-{name}")
        targets += target(f"{name}-only", west, "chat", f"{name}-alone", base_url=place)
    for name, endpoint in (("stall-east", "stall"), ("stall-west", "chat")):
        targets += target(name, west, endpoint, "m-stall", timeout_seconds=4)
    targets += target("stall-only", west, "stall", "stall-alone", timeout_seconds=1)
    targets += target("down-east", east, "unavailable", "m-down") + target("down-west", west, "unavailable", "m-down")
    targets += target("three-1", east, "internal", "m-three", max_context_tokens=200)
    targets += target("three-2", east, "unavailable", "m-three")
    targets += target("three-3", west, "stateful", "m-three", sessions=True)
    running = Mesh(tmp_path_factory.mktemp("mesh"), launch.pack(targets, launch.ENTERPRISE), envoy, launch)
    yield running
    assert running.stop() == [0, 0]


@pytest.mark.parametrize("stream", [False, True])
def test_the_first_target_answers(mesh, stream):
    """A chat and a stream, from the first of two healthy regions."""
    answer = mesh.ask("m", stream=stream)
    assert (answer.text, answer.target, mesh.attempts(answer.headers)) == ("alpha bravo", "east", [("east", 200)])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", [*FAILS, "refused", "nohost"])
def test_a_failed_target_is_followed_by_the_next(mesh, kind, stream):
    """Ten requests at once are all answered by the second region, each attempt with a signature of its own."""
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: mesh.ask(f"m-{kind}", stream=stream), range(10)))
    assert {(answer.text, answer.target) for answer in answers} == {("alpha bravo", f"{kind}-west")}


@pytest.mark.parametrize("kind", FAILS_IN_TEXT)
def test_an_error_that_only_its_text_tells_is_tried_elsewhere_where_envoy_can_wait_for_it(mesh, kind):
    """From 1.37 on; before, it is the client's error, from the first region, and Envoy goes on living."""
    if mesh.version >= HELD_ANSWERS:
        assert mesh.ask(f"m-{kind}").target == f"{kind}-west"
        return
    refused = mesh.refused(f"m-{kind}")
    assert refused.status == FAILS_IN_TEXT[kind]
    assert [target for target, _ in mesh.attempts(refused.headers)] == [f"{kind}-east"]


@pytest.mark.parametrize("stream", [False, True])
def test_policies_see_the_answer_after_a_failover(mesh, answer, stream):
    """A value is redacted, in a whole answer as in a stream."""
    said = {"emulator": answer("write to bob@example.com, please", token_chars=5)}
    assert mesh.ask("m-internal", stream=stream, extra_body=said).text == "write to [EMAIL_REDACTED], please"


def test_a_stream_is_blocked_in_the_middle(mesh, answer):
    """An error event ends it, not a broken connection."""
    said = {"emulator": answer("here is the key AKIAIOSFODNN7EXAMPLE as you asked", token_chars=5)}
    with mesh.client() as client, pytest.raises(openai.APIError) as caught:
        list(client.chat.completions.create(model="m-internal", messages=MESSAGES, stream=True, extra_body=said))
    assert (caught.value.code, caught.value.type) == ("output_blocked", "policy_violation")


def test_what_is_large_passes(mesh):
    """A request of 2 MiB and its answer of the same size, on the second attempt: Envoy's own limits are 1 MiB."""
    text = " ".join(["bravo"] * 350_000)
    answer = mesh.ask("m-internal", messages=[{"role": "user", "content": text}])
    assert (answer.text == text, answer.target) == (True, "internal-west")


def test_every_planned_target_is_tried_once_in_the_files_order(mesh):
    """The third of three answers after the first two have failed."""
    answer = mesh.ask("m-three")
    assert mesh.attempts(answer.headers) == [("three-1", 500), ("three-2", 503), ("three-3", 200)]


def test_a_target_that_was_not_planned_is_not_tried(mesh):
    """A request too large for the first target's context goes to the other two only."""
    answer = mesh.ask("m-three", messages=[{"role": "user", "content": "alpha " * 400}])
    assert mesh.attempts(answer.headers) == [("three-2", 503), ("three-3", 200)]


def test_the_target_that_a_request_asks_for_is_tried_first(mesh):
    """A session's target comes first, though it is the file's last."""
    opened = mesh.ask("m-three", extra_headers={"x-sagemaker-session-id": "new"})
    session = opened.headers["x-sagemaker-session-id"].partition(";")[0]
    answer = mesh.ask("m-three", extra_headers={"x-sagemaker-session-id": session})
    assert mesh.attempts(answer.headers) == [("three-3", 200)]


def test_when_all_targets_fail_the_client_gets_the_error(mesh):
    """Each was tried once; what the last one said is the answer, as an OpenAI error."""
    refused = mesh.refused("m-down")
    assert (refused.status, refused.error["type"]) == (503, "server_error")
    assert mesh.attempts(refused.headers) == [("down-east", 503), ("down-west", 503)]
    # Until both are ejected, and then on.
    again = [mesh.refused("m-down") for _ in range(15)]
    assert {(each.status, each.error["type"]) for each in again} == {(503, "server_error")}


def test_a_target_that_keeps_failing_is_left_alone_and_tried_again_later(mesh, launch):
    """Envoy ejects it, and takes it back."""

    def tried() -> str:
        return mesh.attempts(mesh.ask("m-unavailable").headers)[0][0]

    launch.eventually(lambda: tried() == "unavailable-west")
    launch.eventually(lambda: tried() == "unavailable-east")
    assert mesh.ask("m-unavailable").target == "unavailable-west"


def test_a_target_that_says_nothing_is_followed_by_the_next(mesh):
    """When its time is over; without another one, the client is told so after one attempt."""
    answer = mesh.ask("m-stall")
    assert mesh.attempts(answer.headers) == [("stall-east", 0), ("stall-west", 200)]
    refused = mesh.refused("stall-alone")
    assert (refused.status, refused.error["code"]) == (504, "timeout")
    assert mesh.attempts(refused.headers) == mesh.unless_envoys_own([("stall-only", 0)])


@pytest.mark.parametrize("name", ["refused", "nohost"])
def test_a_model_without_any_reachable_host_is_unavailable(mesh, name):
    """The error is ours, and says nothing of hosts."""
    refused = mesh.refused(f"{name}-alone")
    assert (refused.status, refused.error["type"], refused.error["code"]) == (
        503,
        "server_error",
        "service_unavailable",
    )
    assert "upstream" not in refused.error["message"]
    made = {"refused": [("refused-only", 0)] * 2, "nohost": []}[name]
    assert mesh.attempts(refused.headers) == mesh.unless_envoys_own(made)


@pytest.fixture
def meshes(tmp_path, launch, envoy):
    """Start meshes of the test's own, from one static document."""
    started = []

    def start(targets: str, *options: str) -> Mesh:
        started.append(Mesh(tmp_path, launch.pack(targets), envoy, launch, "--static", *options))
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def ahead(launch):
    """A region whose clock is seventeen minutes ahead, so that it refuses the first signature."""
    keys = [Credentials(launch.CREDENTIALS["AWS_ACCESS_KEY_ID"], launch.CREDENTIALS["AWS_SECRET_ACCESS_KEY"])]
    emulator = Emulator(region="us-east-1", credentials=keys, clock=lambda: time.time() + 1000)
    with EmulatorThread(emulator) as running:
        yield SimpleNamespace(name="us-east-1", url=running.url)


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_signature_is_made_anew_where_envoy_can_wait_for_it(meshes, launch, ahead, stream):
    """The only target is asked again with the clock corrected; before 1.37 the refusal is the client's error."""
    mesh = meshes(launch.target("skewed", ahead, "chat"))
    if mesh.version < HELD_ANSWERS:
        refused = mesh.refused("chat")
        assert (refused.status, mesh.attempts(refused.headers)) == (503, [("skewed", 403)])
        return
    answer = mesh.ask("chat", stream=stream)
    assert (answer.text, mesh.attempts(answer.headers)) == ("alpha bravo", [("skewed", 403), ("skewed", 200)])


def test_a_new_signature_comes_after_the_other_targets(meshes, launch, ahead, regions):
    """The refusing target's turn is when the one after it has failed, too; before 1.37 there is no new signature."""
    targets = launch.target("skewed", ahead, "chat--skewed", model="m")
    mesh = meshes(targets + launch.target("broken", regions[1], "internal--broken", model="m"))
    if mesh.version < HELD_ANSWERS:
        assert mesh.attempts(mesh.refused("m").headers) == [("skewed", 403)]
        return
    answer = mesh.ask("m")
    assert mesh.attempts(answer.headers) == [("skewed", 403), ("broken", 500), ("skewed", 200)]


def test_each_target_of_a_cluster_has_its_own_transport(meshes, launch, regions, tmp_path, request):
    """Of three targets two want TLS, one by a name that the certificate does not have: nobody answers for it."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kt tests"]
    files = ("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate)
    subprocess.run([*command, *files], check=True, capture_output=True, timeout=60)
    secure = launch.region("us-east-1", "--tls-cert", str(certificate), "--tls-key", str(key), secure=True)
    request.addfinalizer(lambda: (secure.process.terminate(), secure.process.wait()))
    wrong = f"https://127.0.0.1:{secure.port}"
    targets = launch.target("wrong", secure, "chat--wrong", model="m", base_url=wrong)
    targets += launch.target("plain", regions[1], "internal--plain", model="m")
    targets += launch.target("right", secure, "chat--right", model="m")
    mesh = meshes(targets, "--ca-file", str(certificate))
    answer = mesh.ask("m")
    assert mesh.attempts(answer.headers) == [("wrong", 0), ("plain", 500), ("right", 200)]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_each_envoy_accepts_what_every_shipped_configuration_renders_to(envoy, config, monkeypatch, capsys):
    """By its own validation."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    wanted = ["--envoy", str(envoy.binary), "--envoy-version", written(envoy.rendered)]
    assert main(["envoy", "validate", "--policy-config", str(config), *wanted]) == 0
    assert "Envoy accepts" in capsys.readouterr().out
