"""scripts/run: two emulated regions, the gateway in front of them, four requests that show what it does."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import openai
from processes import ROOT, NotStarted, environment, free_port, kt, localized, processes

MODEL = "jumpstart-llama-3-3-70b"
REGIONS = {"sagemaker-us-east-1": "us-east-1", "sagemaker-us-west-2": "us-west-2"}
EXAMPLE = """\
from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:{port}/v1", api_key="unused")
answer = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.choices[0].message.content)
"""


def main() -> int:
    """Start, show, and serve until Ctrl-C unless --once is given; returns the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/run", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the demonstration")
    arguments = parser.parse_args()
    wanted = int(os.environ.get("KT_PORT", "41002"))
    with tempfile.TemporaryDirectory(prefix="kt-demo-") as name, processes(Path(name)) as children:
        directory = Path(name)
        port = free_port(wanted)
        if port != wanted:
            print(f"Port {wanted} is taken; using {port}. KT_PORT chooses another.\n")
        try:
            ports = {host: free_port() for host in REGIONS}
            for host, region in REGIONS.items():
                listen = f"127.0.0.1:{ports[host]}"
                children.start(host, kt("sagemaker", "emulate", "--listen", listen, "--region", region), environment())
                children.wait_http(host, f"http://{listen}/emulator/health")
                print(f"SageMaker, emulated    {region} on http://{listen}")
            config = directory / "policy-config.yaml"
            printed = (ROOT / "envoy" / "compose" / "policy-config.yaml").read_text(encoding="utf-8")
            config.write_text(localized(printed, ports, directory / "audit"), encoding="utf-8")
            command = kt("gateway", "run", "--listen", f"127.0.0.1:{port}", "--policy-config", config)
            children.start("gateway", [*command, "--drain-seconds", "5"], environment())
            children.wait_http("gateway", f"http://127.0.0.1:{port}/readyz")
            print(f"kt gateway run         Envoy and its workers on http://127.0.0.1:{port}\n")
            show(openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="unused", max_retries=0))
            children.stop("sagemaker-us-east-1")
            show_failover(openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="unused", max_retries=0))
            show_audit(directory / "audit")
        except (NotStarted, openai.OpenAIError) as error:
            print(f"\nThe demonstration failed: {error}\n{children.tail('gateway')}", file=sys.stderr)
            return 1
        if arguments.once:
            return 0
        print(f"Serving on http://127.0.0.1:{port}/v1 until Ctrl-C. Any OpenAI client works; for example:\n")
        print(EXAMPLE.format(port=port, model=MODEL))
        print("The configuration is envoy/compose/policy-config.yaml; README.md goes on from here.", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("\nStopping: open answers may end first.")
    return 0


def show(client: openai.OpenAI) -> None:
    """One whole answer, one stream, one refusal."""
    text = "Reply to jane.doe@example.com, card 4111 1111 1111 1111."
    print(f"1. A chat completion. The client sends    {text}")
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=[{"role": "user", "content": text}])
    print(f"   The model saw, and echoed              {raw.parse().choices[0].message.content}")
    print(f"   Answered by                            {raw.headers.get('x-kt-target')}\n")

    print("2. A stream, its pieces divided by |      ", end="")
    chunks = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Call 415-555-2671 or jane@example.com now"}], stream=True
    )
    print("|".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices).strip("|"), "\n")

    print("3. A request that must not leave          My key is AKIAIOSFODNN7EXAMPLE")
    try:
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "My key is AKIAIOSFODNN7EXAMPLE"}]
        )
    except openai.ConflictError as refusal:
        print(f"   Refused with {refusal.status_code}                       {json.dumps(refusal.body)}\n")


def show_failover(client: openai.OpenAI) -> None:
    """The same request with the first region gone."""
    print("4. us-east-1 is stopped. The same client  ", end="")
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "Are you still there?"}]
    )
    print(f"{raw.parse().choices[0].message.content}")
    print(f"   Answered by                            {raw.headers.get('x-kt-target')}\n")


def show_audit(directory: Path) -> None:
    """The failover's line of the trail, which each worker writes in a file of its own."""
    lines = [json.loads(line) for path in directory.rglob("*.jsonl") for line in path.read_text().splitlines()]
    records = [line for line in lines if line["event"] == "exchange"]
    last = max(records, key=lambda line: str(line["time"]))
    print(f"5. The audit trail has {len(records)} records, the last of them\n   {json.dumps(last)}")
    verified = subprocess.run(kt("audit", "verify", directory), capture_output=True, text=True, check=False)
    print(f"   kt audit verify says                   {verified.stdout.partition(chr(10))[0]}\n")


if __name__ == "__main__":
    sys.exit(main())
