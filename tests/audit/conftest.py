"""Trails for tests, as a gateway writes them: chains of workers, and one that watches over them."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from extproc.audit import checkpoint, pruned, segment
from extproc.audit.chain import Certificate, Chain, certified, key_id
from extproc.audit.checkpoint import Head
from extproc.audit.pruned import Removed
from extproc.audit.verify import verify
from extproc.edge.trail import Listing
from extproc.record import timestamp

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.audit.report import Report

# 2026-03-01T12:00:00Z
NOON = 1772366400.0
DAY = 86400.0
OUTCOMES = (("served", "allow", 200), ("served", "redact", 200), ("blocked", "block", 409), ("failed", "allow", 502))


class Key:
    """A key pair made from a name, the same each time."""

    def __init__(self, name: str) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        self.public = self._private.public_key().public_bytes_raw()
        self.id = key_id(self.public)

    def sign(self, message: bytes) -> bytes:
        """The signature."""
        return self._private.sign(message)


class Writer:
    """One process: its chain, and what of it is in the trail's files."""

    def __init__(self, trail: Trail, name: str, now: float, header: dict[str, object], signing: Key | None) -> None:
        session = hashlib.sha256(name.encode()).hexdigest()[:12]
        self.name = f"{name}.{session}"
        self.key = Key(f"session of {name}")
        self.now = now
        self.trail = trail
        certificate = None
        if signing is not None:
            certificate = Certificate(signing.id, signing.sign(certified(self.name, self.key.public)))
        self.chain = Chain(self.name, self.key, header, certificate)
        self.starts: dict[int, int] = {}
        self.batch_begins = 0
        self.rotate()

    @property
    def file(self) -> str:
        """The segment that is written to."""
        return segment.Segment(self.name, self.chain.segment, timestamp(self.opened)[:10]).name

    def rotate(self) -> None:
        """Begin the next segment; its first line waits for `write`."""
        self.opened, self.batch_begins = self.now, 0
        self.chain.open_segment(self.now)
        self.starts[self.chain.segment] = self.chain.seq - 1
        self.trail.files[self.file] = b""

    def write(self, *documents: dict[str, object], seconds: float = 1.0) -> None:
        """One batch."""
        self.now += seconds
        for document in documents:
            self.chain.append(document)
        self.batch_begins = len(self.trail.files[self.file])
        self.trail.files[self.file] += self.chain.seal(self.now)
        self.chain.settle()

    def exchanges(self, dice: random.Random, count: int) -> None:
        """One batch of so many records."""
        self.write(*(self.exchange(dice) for _ in range(count)))

    def exchange(self, dice: random.Random) -> dict[str, object]:
        """A record as a worker writes it."""
        outcome, verdict, status = dice.choice(OUTCOMES)
        record: dict[str, Any] = {
            "time": timestamp(self.now + dice.random()),
            "request_id": f"{dice.getrandbits(64):016x}",
            "event": "exchange",
            "outcome": outcome,
            "status": status,
            "verdict": verdict,
            "path": "/v1/chat/completions",
            "model": dice.choice(("llama", "mistral")),
            "principal": dice.choice(("anna", "bob")),
            "usage": {"prompt_tokens": dice.randrange(1, 99), "completion_tokens": dice.randrange(1, 99)},
            "request_bytes": dice.randrange(50, 999),
            "response_bytes": dice.randrange(50, 999),
            "latency_ms": {"total": round(dice.uniform(10, 900), 3)},
        }
        if verdict == "block":
            record["block"] = {"phase": "request", "policy": "prompt-injection", "rule": "score"}
        if outcome == "failed":
            record["error"] = {"type": "server_error", "code": "upstream_error"}
        return record

    def close(self) -> None:
        """End in order."""
        self.write({"time": timestamp(self.now), "event": "closed"})

    def head(self, *, final: bool = False) -> Head:
        """The last seal, as a checkpoint names it."""
        size = len(self.trail.files[self.file]) if final else 0
        return Head(self.name, self.chain.segment, self.chain.seq - 1, self.chain.head, final=final, size=size)

    def checkpoint(self, *heads: Head) -> None:
        """Put a checkpoint of these heads on this chain."""
        self.write(checkpoint.document(heads, self.now))

    def prune(self, writer: Writer, number: int, last: Removed) -> None:
        """Tell that a segment of a writer is removed, and remove it."""
        self.write(pruned.document([last], self.now))
        name = next(name for name in self.trail.files if name.endswith(f"{writer.name}.{number:06d}.jsonl"))
        del self.trail.files[name]

    def removal(self, *, days: int) -> Removed:
        """What would be told of the segment that is written to."""
        first, last = self.starts[self.chain.segment], self.chain.seq - 1
        return Removed(self.file, first, last, self.chain.head, timestamp(self.now), days)


class Trail:
    """Files by name, and the key that vouches for their writers."""

    def __init__(self, *, signing: Key | None = None, days: int = 30) -> None:
        self.files: dict[str, bytes] = {}
        self.signing = signing
        self.days = days

    def writer(self, name: str, now: float = NOON, **header: object) -> Writer:
        """A process that begins."""
        return Writer(self, name, now, {"version": "1.0.0", "retention_days": self.days, **header}, self.signing)

    def save(self, directory: Path) -> Path:
        """Write the files."""
        directory.mkdir(exist_ok=True)
        for name, data in self.files.items():
            (directory / name).write_bytes(data)
        return directory

    def report(self, directory: Path, **options: Any) -> Report:
        """What a verification with the signing key says."""
        self.save(directory)
        return verify(Listing(directory).sources, [self.signing.public] if self.signing else [], **options)


def realistic(seed: int) -> Trail:
    """Two runs of a gateway and a part of an older one; a worker that crashed; segments removed when it was time."""
    dice = random.Random(seed)
    trail = Trail(signing=Key("signing"))
    old = trail.writer(f"w0-old{seed}", NOON - 40 * DAY)
    old.exchanges(dice, 2)
    removed = old.removal(days=30)
    old.rotate()
    old.exchanges(dice, 2)
    old.close()
    gone = trail.writer(f"gone{seed}", NOON - 39 * DAY)
    gone.exchanges(dice, 1)
    gone.close()

    gateway = trail.writer(f"gateway{seed}")
    workers = [
        trail.writer(f"w{index}-{seed}", NOON + index, supervisor=gateway.name, log_all_access=True) for index in range(3)
    ]
    gateway.checkpoint(old.head(final=True), gone.head(final=True))
    gateway.prune(old, 1, removed)
    gateway.prune(gone, 1, gone.removal(days=30))
    crashed = workers[2]
    for turn in range(4):
        for worker in workers:
            worker.exchanges(dice, dice.randrange(1, 4))
        if turn == 2:
            for each in (*workers[:2], gateway):
                each.rotate()
        gateway.checkpoint(*(worker.head() for worker in workers if worker.chain.pending == 0))
    workers[0].write(workers[0].exchange(dice), {"time": timestamp(NOON), "event": "dropped", "count": 3})
    crashed.chain.append(crashed.exchange(dice))
    crashed.chain.append(crashed.exchange(dice))
    torn = crashed.chain.seal(crashed.now)
    trail.files[crashed.file] += torn[: len(torn) // 3]
    crashed.chain.rewind()
    for worker in workers[:2]:
        worker.close()
    gateway.checkpoint(*(worker.head(final=True) for worker in workers))
    gateway.close()

    second = trail.writer(f"gateway{seed}-b", NOON + 3600)
    more = trail.writer(f"w0-{seed}-b", NOON + 3601, supervisor=second.name)
    second.checkpoint(*(each.head(final=True) for each in (*workers, gateway, old)))
    more.exchanges(dice, 3)
    second.checkpoint(more.head())
    more.exchanges(dice, 1)
    more.close()
    second.checkpoint(more.head(final=True))
    second.close()
    return trail


@pytest.fixture(scope="session")
def trails() -> type[Trail]:
    """Trail: to be filled by a test."""
    return Trail


@pytest.fixture(scope="session")
def keys() -> type[Key]:
    """Key: a key pair of a name."""
    return Key


@pytest.fixture(scope="session")
def realistic_trail() -> Any:
    """realistic(): called with a number, a trail."""
    return realistic
