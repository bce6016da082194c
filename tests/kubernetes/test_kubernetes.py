"""What `kubectl apply -k envoy/kubernetes` makes: held against Kubernetes' own schemas, and a pod of it run by hand.

Without a cluster, containers become processes and volumes folders; arguments, probes and the drain are the files'.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import certifi
import httpx
import kubernetes_validate
import pytest
import yaml

from extproc.edge.envoy_binary import find_envoy, validate
from extproc.edge.listening import free_port

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "envoy" / "kubernetes"
DOCUMENTS = list(yaml.safe_load_all((HERE / "gateway.yaml").read_text(encoding="utf-8")))
BY_KIND = {document["kind"]: document for document in DOCUMENTS}
POD = BY_KIND["StatefulSet"]["spec"]["template"]
WORKERS = POD["spec"]["initContainers"]
[ENVOY] = POD["spec"]["containers"]
KUSTOMIZATION = yaml.safe_load((HERE / "kustomization.yaml").read_text(encoding="utf-8"))
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDPOD", "AWS_SECRET_ACCESS_KEY": "pods/only+secret"}


@pytest.mark.parametrize("version", ["1.33", "1.37"])
@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda document: f"{document['kind']} {document['metadata']['name']}"
)
def test_kubernetes_accepts_every_document(document, version):
    """Strictly: a field that it does not know is refused."""
    assert kubernetes_validate.validate(document, version, strict=True) == version


def test_a_misspelled_field_would_be_refused():
    """So the yes above means something."""
    wrong = json.loads(json.dumps(BY_KIND["StatefulSet"]).replace("startupProbe", "startUpProbe"))
    with pytest.raises(kubernetes_validate.ValidationError, match="startUpProbe"):
        kubernetes_validate.validate(wrong, "1.33", strict=True)


def test_what_the_kustomization_names_is_there():
    """Files, images, and the configuration by the name that the pod mounts it by."""
    assert KUSTOMIZATION["resources"] == ["gateway.yaml"]
    [config] = KUSTOMIZATION["configMapGenerator"]
    assert all((HERE / name).is_file() for name in config["files"])
    [mounted] = [volume["configMap"]["name"] for volume in POD["spec"]["volumes"] if "configMap" in volume]
    assert mounted == config["name"]
    assert {image["name"] for image in KUSTOMIZATION["images"]} == {each["image"] for each in (*WORKERS, ENVOY)}
    assert BY_KIND["Namespace"]["metadata"]["name"] == KUSTOMIZATION["namespace"]
    assert sum(len((HERE / name).read_bytes()) for name in config["files"]) < 1_000_000


@pytest.mark.parametrize("container", [*WORKERS, ENVOY], ids=lambda container: container["name"])
def test_a_container_is_confined(container):
    """Unprivileged, without capabilities, on a read-only file system, with bounds; it writes to volumes alone."""
    spec = POD["spec"]["securityContext"]
    assert (spec["runAsNonRoot"], spec["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    known = {volume["name"] for volume in POD["spec"]["volumes"]}
    known |= {claim["metadata"]["name"] for claim in BY_KIND["StatefulSet"]["spec"]["volumeClaimTemplates"]}
    assert {mount["name"] for mount in container["volumeMounts"]} <= known


def test_workers_begin_before_envoy_and_end_after_it():
    """Sidecars (restartPolicy Always among the init containers): each starts once the one before serves."""
    assert [worker["restartPolicy"] for worker in WORKERS] == ["Always"] * 2
    assert all("startupProbe" in worker for worker in WORKERS)
    names = [word for worker in WORKERS for word in worker["args"] if word.startswith("--writer=")]
    assert names == ["--writer=$(POD)-w0", "--writer=$(POD)-w1"]


def test_selectors_find_the_pods():
    """Of services, the budget and the network policy; ports by the names that containers give them."""
    labels = POD["metadata"]["labels"]
    assert BY_KIND["StatefulSet"]["spec"]["selector"]["matchLabels"] == labels
    assert BY_KIND["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert BY_KIND["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    services = [document["spec"] for document in DOCUMENTS if document["kind"] == "Service"]
    assert [service["selector"] for service in services] == [labels] * 2
    ports = {port["name"] for container in (*WORKERS, ENVOY) for port in container["ports"]}
    allowed = {port["port"] for rule in BY_KIND["NetworkPolicy"]["spec"]["ingress"] for port in rule["ports"]}
    assert ports == allowed == {"http", "metrics-0", "metrics-1"}


@pytest.mark.envoy
def test_envoy_accepts_the_committed_configuration(tmp_path):
    """As it stands, but for where this machine has its certificate authorities."""
    text = (HERE / "envoy.yaml").read_text(encoding="utf-8")
    (tmp_path / "envoy.yaml").write_text(text.replace("/etc/ssl/certs/ca-certificates.crt", certifi.where()))
    assert validate(find_envoy(), tmp_path / "envoy.yaml") == ""


@contextmanager
def child(command, log, **more):
    """A process that must end well when it is asked to."""
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, **more)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    assert process.returncode == 0, log.read_text()


def until(condition, seconds=60):
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


@pytest.fixture
def pod(tmp_path):
    """A pod's processes, with an emulated region in AWS's place: the ports by those that the files name, its folder."""
    ports = {port: free_port() for port in (41002, 9901, 41009, 50051, 50052, 9464, 9465, 8080)}
    policies = yaml.safe_load((HERE / "policy-config.yaml").read_text(encoding="utf-8"))
    for target in policies["providers"]["targets"]:
        target["base_url"] = f"http://127.0.0.1:{ports[8080]}"
        target["aws_region"] = "us-east-1"
    policies["policy"]["audit-logger"]["path"] = str(tmp_path / "audit")
    (tmp_path / "policy-config.yaml").write_text(yaml.safe_dump(policies))
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | KEYS
    environ["PYTHONPATH"] = str(ROOT)

    def here(words):
        """A command with this machine's ports and folders."""
        moved = [re.sub(r":(\d+)$", lambda port: f":{ports[int(port[1])]}", word) for word in words]
        for there in ("/etc/kt", "/etc/envoy", "/var/lib/kt/shared"):
            moved = [word.replace(there, str(tmp_path)) for word in moved]
        return [word.replace("$(POD)", "kt-gateway-0").replace("0.0.0.0", "127.0.0.1") for word in moved]

    kt = [sys.executable, "-m", "extproc"]
    rendered = subprocess.run(
        [
            *kt, *("envoy", "render", "--static", "--policy-config", str(tmp_path / "policy-config.yaml")),
            *here(["--listen=127.0.0.1:41002", "--admin=127.0.0.1:9901", "--trap=127.0.0.1:41009"]),
            *here(["--worker=127.0.0.1:50051", "--worker=127.0.0.1:50052"]), "--access-log=/dev/stdout",
        ],
        check=True, capture_output=True, text=True, env=environ,
    )  # fmt: skip
    (tmp_path / "envoy.yaml").write_text(rendered.stdout)
    drain = (HERE / "drain.sh").read_text(encoding="utf-8")
    (tmp_path / "drain.sh").write_text(drain.replace("127.0.0.1/9901", f"127.0.0.1/{ports[9901]}"))
    with ExitStack() as stack:
        region = [
            *kt, *here(["sagemaker", "emulate", "--listen=127.0.0.1:8080"]),
            *("--access-key", KEYS["AWS_ACCESS_KEY_ID"], "--secret-key", KEYS["AWS_SECRET_ACCESS_KEY"]),
        ]  # fmt: skip
        stack.enter_context(child(region, tmp_path / "region.log", env=environ))
        for worker in WORKERS:
            log = tmp_path / f"{worker['name']}.log"
            stack.enter_context(child([*kt, *here(worker["args"])], log, env=environ))
            probe = [*kt, *here(worker["startupProbe"]["exec"]["command"][1:])]
            until(lambda probe=probe: subprocess.run(probe, check=False, env=environ).returncode == 0)
        envoy = [find_envoy(), *here(ENVOY["args"])]
        stack.enter_context(child(envoy, tmp_path / "envoy.log", env=environ))
        ready = f"http://127.0.0.1:{ports[41002]}{ENVOY['readinessProbe']['httpGet']['path']}"

        def answers():
            try:
                return httpx.get(ready, timeout=5).status_code == 200
            except httpx.TransportError:
                return False

        until(answers)
        yield ports, tmp_path


@pytest.mark.envoy
def test_a_pod_serves_and_ends_without_cutting_anybody_off(pod):
    """A stream that is open when the pod is told to end gets its last token; nobody new gets in meanwhile."""
    ports, folder = pod
    url = f"http://127.0.0.1:{ports[41002]}"
    chat = {"model": "llama-3-3-70b", "messages": [{"role": "user", "content": "Write to jane@example.com"}]}
    answer = httpx.post(f"{url}/v1/chat/completions", json=chat, timeout=30)
    assert answer.json()["choices"][0]["message"]["content"] == "Write to [EMAIL_REDACTED]"
    began, told = threading.Event(), []

    def stream():
        slow = {**chat, "stream": True, "emulator": {"tokens": 60, "delay_ms": 50}}
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=slow, timeout=30) as open_answer:
            for line in open_answer.iter_lines():
                told.append(line)
                began.set()

    client = threading.Thread(target=stream)
    client.start()
    assert began.wait(30)
    [_, script] = ENVOY["lifecycle"]["preStop"]["exec"]["command"]
    draining = subprocess.Popen(["bash", str(folder / Path(script).name), "0.2"])
    until(lambda: refused(url))
    assert draining.poll() is None
    client.join(30)
    assert told[-2:] == ["data: [DONE]", ""]
    assert draining.wait(30) == 0
    counted = [httpx.get(f"http://127.0.0.1:{ports[port]}/metrics").text for port in (9464, 9465)]
    assert all("kt_config_info" in text for text in counted)
    records = [json.loads(line) for path in folder.glob("audit/*.jsonl") for line in path.read_text().splitlines()]
    assert len([record for record in records if record["event"] == "exchange"]) == 2


def refused(url):
    """Whether nobody listens there any more."""
    try:
        httpx.get(f"{url}/healthz", timeout=5)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        pass
    return False
