"""docker-compose.yml and the Dockerfile: what can be held without an engine to run them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from extproc.cli import command_line

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
OURS = sorted(name for name in SERVICES if name != "envoy")


def test_file_follows_the_compose_specification():
    """The Compose project's own JSON schema accepts the file."""
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        "docker-compose.yml",
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.strip()) == (0, "ok -- validation done"), result.stdout + result.stderr


def test_schema_refuses_what_is_wrong(tmp_path):
    """The same schema refuses a misspelled key, so its yes means something."""
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text("services: {a: {image: b, read_onyl: true}}")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(wrong)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "read_onyl" in result.stdout


def test_services_are_envoy_two_workers_and_two_regions():
    """What comes up is what the README promises."""
    assert sorted(SERVICES) == ["envoy", "sagemaker-us-east-1", "sagemaker-us-west-2", "worker-0", "worker-1"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_service_is_confined(name):
    """Every service runs unprivileged, on a read-only file system, without capabilities, within limits."""
    service = SERVICES[name]
    user, group = service["user"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged", False)
    assert service["pids_limit"] > 0
    assert service["mem_limit"]
    assert all(mount.startswith("/tmp:") and "noexec" in mount for mount in service["tmpfs"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_service_is_watched_and_given_time(name):
    """Every service has a health check in exec form and a time to stop in."""
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert re.fullmatch(r"\d+s", service["stop_grace_period"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_references_resolve(name):
    """Every network, volume, configuration, dependency and file that a service names exists, and none is left over."""
    service = SERVICES[name]
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    assert {volume.split(":")[0] for volume in service.get("volumes", ())} <= set(COMPOSE["volumes"])
    assert {each["source"] for each in service.get("configs", ())} <= set(COMPOSE["configs"])
    assert all(SERVICES[other]["healthcheck"] for other in service.get("depends_on", {}))
    assert all(each["condition"] == "service_healthy" for each in service.get("depends_on", {}).values())


def test_nothing_is_declared_in_vain():
    """Every declared network, volume and configuration is used, and every configuration's file is in the repository."""
    used = {key: set() for key in ("networks", "volumes", "configs")}
    for service in SERVICES.values():
        used["networks"].update(service["networks"])
        used["volumes"].update(volume.split(":")[0] for volume in service.get("volumes", ()))
        used["configs"].update(each["source"] for each in service.get("configs", ()))
    assert used == {key: set(COMPOSE[key]) for key in used}
    assert all((ROOT / each["file"]).is_file() for each in COMPOSE["configs"].values())


def test_only_envoy_is_reachable_and_only_from_this_machine():
    """One port is published, on loopback; every network but the clients' has no way out."""
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"envoy"}
    assert SERVICES["envoy"]["ports"] == ["127.0.0.1:${KT_PORT:-41002}:41002"]
    assert {name for name, network in COMPOSE["networks"].items() if not (network or {}).get("internal")} == {"clients"}
    assert [name for name, service in SERVICES.items() if "clients" in service["networks"]] == ["envoy"]


@pytest.mark.parametrize("name", OURS)
def test_commands_are_commands_of_kt(name):
    """What a service of ours runs, and what its health check runs, are command lines that `kt` accepts."""
    service = SERVICES[name]
    assert command_line().parse_args(service["command"]).run
    probe = service["healthcheck"]["test"]
    assert probe[1] == "kt"
    assert command_line().parse_args(probe[2:]).verb == "healthcheck"


def test_workers_share_the_audit_volume_under_different_names():
    """Two workers never write the same audit file, and drain within the time they are given to stop."""
    workers = [name for name in OURS if name.startswith("worker-")]
    parsed = [command_line().parse_args(SERVICES[name]["command"]) for name in workers]
    assert len({arguments.writer for arguments in parsed}) == len(workers)
    (key,) = {arguments.ticket_key for arguments in parsed}
    (held,) = {tuple(SERVICES[name]["volumes"]) for name in workers}
    assert f"tickets:{key.parent}" in held
    (observations,) = {arguments.observations for arguments in parsed}
    assert f"observations:{observations}" in held
    assert set(COMPOSE["volumes"]) == {volume.partition(":")[0] for volume in held}
    for name, arguments in zip(workers, parsed, strict=True):
        assert arguments.drain_seconds < int(SERVICES[name]["stop_grace_period"].removesuffix("s"))


def test_workers_tell_their_metrics_inside_alone():
    """Each worker serves /metrics on the port that docs/metrics.md names, to a network that nobody outside reaches."""
    for name in OURS:
        if name.startswith("worker-"):
            metrics = command_line().parse_args(SERVICES[name]["command"]).metrics
            assert (metrics.host, metrics.port) == ("0.0.0.0", 9464)
            assert SERVICES[name]["networks"] == ["workers"]
            assert "ports" not in SERVICES[name]
    assert "port 9464 of the network `workers`" in (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_no_image_floats():
    """Images carry a version and can be given by digest; ours is built from this checkout."""
    assert SERVICES["envoy"]["image"] == "${KT_ENVOY_IMAGE:-envoyproxy/envoy:v1.40.0}"
    assert {SERVICES[name]["image"] for name in OURS} == {"${KT_IMAGE:-kt-gateway:local}"}
    assert {SERVICES[name]["build"] for name in OURS} == {"."}


def test_envoy_bash_probe_tells_ready_from_not_ready(http_status):
    """The probe that Envoy's container runs succeeds on 200 and fails on 503 and on a closed port."""
    script = SERVICES["envoy"]["healthcheck"]["test"][3].replace("$$", "$")
    results = []
    for status in (200, 503):
        with http_status(status) as port:
            results.append(subprocess.run(["bash", "-c", script.replace("41002", str(port))], check=False).returncode)
    closed = subprocess.run(["bash", "-c", script.replace("/41002", "/1")], check=False, capture_output=True)
    assert results == [0, 1]
    assert closed.returncode != 0


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continuation lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_image_runs_kt_unprivileged():
    """The image starts `kt` itself, without a shell, as 65532, and its default command and probe are kt's."""
    final = dict(instructions())
    assert final["USER"] == "65532:65532"
    assert final["STOPSIGNAL"] == "SIGTERM"
    assert json.loads(final["ENTRYPOINT"]) == ["kt"]
    assert command_line().parse_args(json.loads(final["CMD"])).command == "serve"
    probe = json.loads(final["HEALTHCHECK"].split("CMD", 1)[1])
    assert command_line().parse_args(probe[1:]).verb == "healthcheck"


def test_image_is_built_from_verified_files_alone():
    """Everything installed is fetched by hash in one step; later steps have no index to fetch from."""
    steps = instructions()
    fetch = next(index for index, (_, text) in enumerate(steps) if "pip download --require-hashes" in text)
    offline = next(index for index, (_, text) in enumerate(steps) if "PIP_NO_INDEX=1" in text)
    installs = [index for index, (_, text) in enumerate(steps) if re.search(r"pip\S* .*(install|wheel) ", text)]
    assert fetch < offline < min(index for index in installs if index != fetch)
    stages = [text for name, text in steps if name == "FROM"]
    assert stages == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]


def test_builder_is_sent_only_what_it_copies():
    """.dockerignore starts from nothing and lets through exactly what the Dockerfile copies."""
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]
    copies = [text.split()[:-1] for name, text in instructions() if name == "COPY" and "--from" not in text]
    copied = {source.removesuffix("/") for sources in copies for source in sources}
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied - {"."})
