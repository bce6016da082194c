"""The emulator's own paths, never signed: for a test or a demonstration to set faults and to look at what was sent.

GET  /emulator/health               200 {"status": "ok", "region": …}
GET  /emulator/requests[?endpoint=] {"requests": [one object per request, oldest first]}
GET  /emulator/counts               {"counts": {endpoint: how many requests came to it}}
GET  /emulator/faults               {"faults": [{"endpoint", "kind", "times"}], "kinds": [every kind]}
POST /emulator/faults               {"endpoint": NAME or "*", "kind": KIND or null (none), "times": N or null}
POST /emulator/reset                forgets requests, and sets the faults that the emulator was started with
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from extproc.emulator import personalities
from extproc.emulator.answer import Answer

if TYPE_CHECKING:
    from extproc.emulator.received import Received
    from extproc.emulator.server import Emulator

PREFIX = b"/emulator/"


def answer(emulator: Emulator, received: Received) -> Answer:
    """Answer a request to one of these paths."""
    match received.method, received.path.removeprefix(PREFIX):
        case b"GET", b"health":
            return _json({"status": "ok", "region": emulator.runtime.region})
        case b"GET", b"requests":
            return _json({"requests": _requests(emulator, received)})
        case b"GET", b"counts":
            return _json({"counts": emulator.journal.counts})
        case b"GET", b"faults":
            return _json(_faults(emulator))
        case b"POST", b"faults":
            return _set_fault(emulator, received.body)
        case b"POST", b"reset":
            emulator.reset()
            return _json({"status": "ok"})
    return _json({"error": "no such path; see extproc/emulator/admin.py"}, 404)


def _requests(emulator: Emulator, received: Received) -> list[dict[str, Any]]:
    wanted = parse_qs(received.query.decode("latin-1")).get("endpoint")
    return [entry.as_json() for entry in emulator.requests if not wanted or entry.endpoint in wanted]


def _faults(emulator: Emulator) -> dict[str, Any]:
    faults = [
        {"endpoint": fault.endpoint, "kind": fault.kind, "times": fault.times} for fault in emulator.runtime.faults
    ]
    return {"faults": faults, "kinds": sorted(personalities.KINDS)}


def _set_fault(emulator: Emulator, body: bytes) -> Answer:
    try:
        given = orjson.loads(body)
        emulator.fault(given["endpoint"], given.get("kind"), times=given.get("times"))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as fault:
        return _json({"error": f"{fault}; wanted: endpoint, kind and times"}, 400)
    return _json(_faults(emulator))


def _json(document: dict[str, Any], status: int = 200) -> Answer:
    return Answer(status, (("content-type", "application/json"),), orjson.dumps(document))
