"""scripts/chaos: what clients see while one of two regions, or a part of the gateway, breaks.

For each case, clients ask without a pause for one model that two regions serve; after a calm while the first region
breaks, stays broken, and is mended; the clients go on until it is used again. The gateway, Envoy, the regions and the
clients are processes of this machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos_cases import CASES, Case
from chaos_report import Observed, as_json, as_text
from chaos_stage import Stage
from clients import READY, Answer
from processes import NotStarted, environment, processes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TEXT = (
    "the quarterly report is due on friday and the team will meet to review its open questions before they have lunch"
)
# Of each of a stream's events; a whole answer takes as long as all of them.
EVENT_MS = 20
# Until a region that is sound again has to have been used: Envoy's longest ejection, and a lookup of its name.
RECOVERY_SECONDS = 90.0
AUDIT_SECONDS = 10.0


def main() -> int:
    """Run the cases and print what came of them; returns 1 when one was not as chaos_cases.py says."""
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    parser.add_argument("--clients", type=int, default=200, metavar="N", help="at a time (default 200)")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="that it is broken (default 10)")
    parser.add_argument("--cycle", type=float, default=2.0, metavar="S", help="each client asks once in S (default 2)")
    parser.add_argument("--workers", type=int, metavar="N", help="of the gateway (default: one per core)")
    parser.add_argument("--list", action="store_true", help="print the cases' names")
    parser.add_argument("case", nargs="*", help="default: all")
    given = parser.parse_args()
    if given.list:
        print("\n".join(f"{case.name:20}{case.what}" for case in CASES))
        return 0
    if unknown := set(given.case) - {case.name for case in CASES}:
        parser.error(f"no such case: {', '.join(sorted(unknown))}; --list shows them")
    wanted = [case for case in CASES if not given.case or case.name in given.case]
    observed = []
    try:
        # What ends the gateway has a gateway of its own.
        for group in ([case for case in wanted if not case.ends], *([case] for case in wanted if case.ends)):
            if group:
                with stage(group, given.workers) as place:
                    observed += [tell(run(place, case, given.clients, given.cycle, given.seconds)) for case in group]
    except NotStarted as error:
        print(error, file=sys.stderr)
        return 1
    settings = {"clients": given.clients, "s cycle": given.cycle, "s broken": given.seconds}
    print(as_json(observed, settings) if given.json else as_text(observed, settings))
    return 1 if any(each.problems() for each in observed) else 0


def tell(observed: Observed) -> Observed:
    """Say on standard error how far we are."""
    print(f"{observed.case.what}: {'; '.join(observed.problems()) or 'as expected'}", file=sys.stderr, flush=True)
    return observed


@contextlib.contextmanager
def stage(cases: Sequence[Case], workers: int | None = None) -> Iterator[Stage]:
    """The regions and the gateway for these cases, ended with the context."""
    with tempfile.TemporaryDirectory(prefix="kt-chaos-") as name, processes(Path(name)) as running:
        yield Stage(running, Path(name), {case.name: case.own for case in cases}, workers)


def run(place: Stage, case: Case, clients: int, cycle: float, seconds: float) -> Observed:
    """One case: calm, broken for `seconds`, mended, until the region is used again.

    Raises:
        RuntimeError: a region did not start again.
    """
    directory = place.directory / f"load-{case.name}"
    directory.mkdir()
    calm = 0.0 if case.unmendable else seconds / 2
    with _clients(place, case, directory, clients, cycle) as answers:
        time.sleep(calm)
        # Wall clock of a moment of the monotonic one, for the audit trail.
        wall = time.time() - time.monotonic()
        before = place.received(case.name)
        struck = time.monotonic()
        with case.means(place, case.name):
            broke = time.monotonic()
            time.sleep(seconds)
            after = place.received(case.name)
            mending = time.monotonic()
        mended = time.monotonic()
        if not (case.ends or case.unmendable):
            _await_use(place, case)
            time.sleep(calm)
    trail = _settled(place, answers)
    lines = [line for line in trail if line.get("model") == case.name and broke <= _monotonic(line, wall) < mending]
    return Observed(
        case=case,
        struck=struck,
        broke=broke,
        mended=mended,
        answers=answers,
        # A region that was started again counts from nothing.
        received={name: count - before[name] * (count >= before[name]) for name, count in after.items()},
        attempts=_attempts(case, lines),
        details=_causes(trail),
        audited=Counter(str(line.get("request_id")) for line in trail if line["event"] == "exchange"),
    )


def _settled(place: Stage, answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """The audit trail, once it has a line of every answer, or should have: Envoy's part of it comes a little later."""
    ids = {answer.request_id for answer in answers if answer.request_id}
    end = time.monotonic() + AUDIT_SECONDS
    while True:
        trail = place.audited()
        audited = {line.get("request_id") for line in trail if line["event"] == "exchange"}
        if ids <= audited or time.monotonic() >= end:
            return trail
        time.sleep(0.2)


def _await_use(place: Stage, case: Case) -> None:
    """Return when the region gets requests again, or when it should have."""
    end = time.monotonic() + RECOVERY_SECONDS
    if place.east[case.name].secure:
        # Its journal is not asked; its answers tell.
        def seen() -> int:
            return sum(line.get("target") == f"{case.name}-east" for line in place.audited())
    else:

        def seen() -> int:
            return place.received(case.name)["east"]

    before = seen()
    while time.monotonic() < end and seen() <= before:
        time.sleep(0.2)


@contextlib.contextmanager
def _clients(place: Stage, case: Case, directory: Path, clients: int, cycle: float) -> Iterator[list[Answer]]:
    """Clients that ask as long as the context lasts; the list is filled at its end."""
    command: list[str | Path] = [sys.executable, Path(__file__).with_name("clients.py"), "--port", str(place.port)]
    for kind in ("whole", "stream"):
        file = directory / f"{kind}.http"
        file.write_bytes(_request(case.name, stream=kind == "stream"))
        command += [f"--{kind}", file]
    command += ["--text", TEXT, "--clients", str(clients), "--cycle", str(cycle)]
    answers: list[Answer] = []
    output = directory / "answers.json"
    with output.open("wb") as sink:
        child = subprocess.Popen(command, stdout=sink, env=environment(), process_group=0)
    try:
        while child.poll() is None and not output.read_text().startswith(READY):
            time.sleep(0.02)
        yield answers
    finally:
        child.terminate()
        child.wait(180)
    answers += [Answer(*fields) for fields in json.loads(output.read_text().removeprefix(READY))]


def _request(model: str, *, stream: bool) -> bytes:
    """A whole HTTP/1.1 request for TEXT, at the speed of a model."""
    # A refusal comes at once, which `delay_ms` would delay too.
    knobs = {"delay_ms": EVENT_MS} if stream else {"first_ms": EVENT_MS * len(TEXT.split())}
    document: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": TEXT}], "emulator": knobs}
    body = json.dumps({**document, "stream": stream}).encode()
    head = f"host: gateway\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n".encode() + body


def _monotonic(line: dict[str, Any], wall: float) -> float:
    """When the exchange of a line of the audit trail began."""
    return datetime.fromisoformat(line["time"]).replace(tzinfo=UTC).timestamp() - wall


def _attempts(case: Case, lines: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many attempts went to each region; what Envoy's trap took instead of a region is none."""
    made = [
        attempt["target"]
        for line in lines
        for attempt in line.get("attempts", [])
        if attempt.get("error_type") != "NoHealthyHost"
    ]
    return {name: made.count(f"{case.name}-{name}") for name in ("east", "west")}


def _causes(trail: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Request id → what the audit trail says of its attempts and its end."""
    causes: dict[str, str] = {}
    # How it ended comes after what it was.
    for line in sorted(trail, key=lambda line: str(line["event"]), reverse=True):
        tried = ", ".join(
            f"{attempt['target'].rpartition('-')[2]} {attempt['status']} {attempt.get('error_type', '')}".strip()
            for attempt in line.get("attempts", [])
        )
        said = f"{line.get('outcome', '')} [{tried}] {line.get('detail', '')[:100]}".replace(" []", "").strip()
        name = str(line.get("request_id"))
        causes[name] = f"{causes[name]}; {said}" if name in causes else said
    return causes


if __name__ == "__main__":
    sys.exit(main())
