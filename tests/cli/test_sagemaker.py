"""`kt sagemaker emulate` as a process: ready line, keys, faults, and a clean end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import boto3
import httpx
import pytest
from botocore.config import Config

from extproc.cli import main
from extproc.emulator.personalities import KINDS
from extproc.emulator.server import TEST_CREDENTIALS

BODY = b'{"messages":[{"role":"user","content":"Hello wide world"}]}'


@pytest.fixture
def start():
    """Starts emulators on free ports; gives the process, its ready line and its URL."""
    processes = []

    def make(*arguments, **environment):
        plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "extproc", "sagemaker", "emulate", "--listen", "127.0.0.1:0", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**plain, **environment},
        )
        processes.append(process)
        line = process.stdout.readline()
        return process, line, f"http://{line.split()[-1]}" if line else ""

    yield make
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def invoke(
    url, endpoint="e", *, access_key=TEST_CREDENTIALS.access_key, secret_key=TEST_CREDENTIALS.secret_key, **more
):
    """One call of AWS's own client: the answer's body, or the code of the error."""
    client = boto3.client(
        "sagemaker-runtime",
        endpoint_url=url,
        region_name=more.get("region", "us-east-1"),
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=more.get("token"),
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        return client.invoke_endpoint(EndpointName=endpoint, Body=BODY)["Body"].read()
    except client.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    finally:
        client.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_told_to_stop(number, start) -> None:
    """One line says that it is ready, AWS's client is served, and the signal ends it with status 0."""
    process, line, url = start("--region", "eu-central-1")
    assert re.fullmatch(r"sagemaker emulator eu-central-1 listening on 127\.0\.0\.1:\d+\n", line)
    assert b"Hello wide world" in invoke(url, region="eu-central-1")
    process.send_signal(number)
    assert process.wait(20) == 0


def test_stops_with_connections_open(start) -> None:
    """A client that is in mid-stream does not keep it from ending."""
    process, _, url = start()
    with httpx.Client(base_url=url) as client:
        assert client.get("/emulator/health").status_code == 200
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "key"),
    [
        ((), {}, {}),
        (
            (),
            {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"},
            {"access_key": "AKIAENV", "secret_key": "s"},
        ),
        (
            (),
            {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"},
            {"access_key": "AKIAENV", "secret_key": "s", "token": "t"},
        ),
        (
            ("--access-key", "AKIAONE", "--secret-key", "1", "--access-key", "AKIATWO", "--secret-key", "2"),
            {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"},
            {"access_key": "AKIATWO", "secret_key": "2"},
        ),
    ],
    ids=["test keys", "environment", "session of the environment", "arguments"],
)
def test_keys(arguments, environment, key, start) -> None:
    """Keys come from the arguments, else from the environment, else they are the documented test keys."""
    _, _, url = start(*arguments, **environment)
    assert b"Hello wide world" in invoke(url, **key)
    assert invoke(url, access_key="AKIAOTHER", secret_key="x") == "UnrecognizedClientException"


def test_endpoints_faults_and_limit(start) -> None:
    """Only the named endpoints exist, faults hold from the start, and the limit is the given one."""
    _, _, url = start("--endpoint", "a", "--endpoint", "b", "--fault", "b=model-error-503:1", "--payload-limit", "59")
    assert b"Hello wide world" in invoke(url, "a")
    assert invoke(url, "c") == "ValidationError"
    assert invoke(url, "b") == "ModelError"
    assert b"Hello wide world" in invoke(url, "b")
    answer = httpx.post(f"{url}/endpoints/a/invocations", content=BODY + b" ")
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--listen", "8080"], "not HOST:PORT"),
        (["--listen", "127.0.0.1:x"], "not HOST:PORT"),
        (["--fault", "e"], "not ENDPOINT=KIND"),
        (["--fault", "e=throttle:x"], "not ENDPOINT=KIND"),
        (["--fault", "e=no-such"], "no such kind"),
        (["--access-key", "a"], "needs its --secret-key"),
        (["--tls-cert", "/does/not/exist.pem"], "No such file"),
    ],
)
def test_wrong_arguments_are_said(arguments, text, capsys) -> None:
    """What cannot be used ends the command with status 2 and one line that says why."""
    assert main(["sagemaker", "emulate", *arguments]) == 2
    assert text in capsys.readouterr().err


def test_a_taken_port_is_said(start, capsys) -> None:
    """A port in use ends the command with status 2."""
    _, _, url = start()
    assert main(["sagemaker", "emulate", "--listen", url.removeprefix("http://")]) == 2
    assert "address already in use" in capsys.readouterr().err.lower()


def test_help_lists_every_kind(capsys) -> None:
    """--help has the whole table of behaviours and the test keys."""
    with pytest.raises(SystemExit) as left:
        main(["sagemaker", "emulate", "--help"])
    shown = capsys.readouterr().out
    assert left.value.code == 0
    assert {line.split()[0] for line in shown.splitlines() if line.strip()} >= KINDS
    assert TEST_CREDENTIALS.secret_key in shown


def test_the_command_line_does_not_load_the_emulator() -> None:
    """Every `kt` registers this verb, so the emulator is loaded only when it is started."""
    program = "import sys, extproc.cli as c; c.command_line(); print('extproc.emulator.server' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"
