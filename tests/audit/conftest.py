"""What an attacker can do to a trail."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from extproc.audit import merkle, segment
from extproc.audit.chain import GENESIS, SEAL_CONTEXT, certified

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

Files = dict[str, bytes]


def some(dice: random.Random, files: Files) -> str:
    """The name of any file."""
    return dice.choice(sorted(files))


def split(data: bytes) -> list[bytes]:
    """The lines, each with its newline."""
    return data.splitlines(keepends=True)


def borders(data: bytes, *, seals: bool) -> list[int]:
    """Where lines (or only seals) end."""
    ends, at = [0], 0
    for line in split(data):
        at += len(line)
        if not seals or b'"event":"seal"' in line:
            ends.append(at)
    return ends


def rewritten(lines: list[bytes], key: Any, change: Callable[[dict[str, Any]], None] | None = None) -> bytes:
    """Lines with every number, hash, root and signature made right again, the signatures by somebody else's key."""
    out: list[bytes] = []
    leaves: list[bytes] = []
    first = orjson.loads(lines[0])
    seq, head = first["seq"], first["prev"]
    for line in lines:
        document = orjson.loads(line)
        if change is not None:
            change(document)
        document.update(seq=seq, prev=head)
        if document["event"] == "seal":
            document.pop("sig", None)
            document.update(count=len(leaves), root=merkle.root(leaves).hex())
            unsigned = orjson.dumps(document)[:-1]
            signature = base64.b64encode(key.sign(SEAL_CONTEXT + unsigned))
            made = unsigned + b',"sig":"' + signature + b'"}'
            leaves.clear()
        else:
            made = orjson.dumps(document)
            leaves.append(merkle.leaf(made))
        seq, head = seq + 1, merkle.leaf(made).hex()
        out.append(made + b"\n")
    return b"".join(out)


class Mutations:
    """Ways to tamper with a trail; each changes `files` in place. `key` is the attacker's own."""

    def __init__(self, dice: random.Random, key: Any) -> None:
        self.dice = dice
        self.key = key

    def bit_flip(self, files: Files) -> None:
        """One bit of any file."""
        name = some(self.dice, files)
        data = bytearray(files[name])
        data[self.dice.randrange(len(data))] ^= 1 << self.dice.randrange(8)
        files[name] = bytes(data)

    def bytes_deleted(self, files: Files) -> None:
        """Some bytes in a row."""
        name = some(self.dice, files)
        at = self.dice.randrange(len(files[name]))
        files[name] = files[name][:at] + files[name][at + self.dice.choice((1, 1, 2, 30)) :]

    def bytes_inserted(self, files: Files) -> None:
        """Some bytes in a row, the file's end included."""
        name = some(self.dice, files)
        at = self.dice.randrange(len(files[name]) + 1)
        new = self.dice.choice((b"\n", b" ", b"\0", b"\r", b'"', self.dice.randbytes(9)))
        files[name] = files[name][:at] + new + files[name][at:]

    def line_deleted(self, files: Files) -> None:
        """One line, or several in a row."""
        name = some(self.dice, files)
        lines = split(files[name])
        at = self.dice.randrange(len(lines))
        del lines[at : at + self.dice.choice((1, 1, 2, 5))]
        files[name] = b"".join(lines)

    def lines_swapped(self, files: Files) -> None:
        """Two lines of one file."""
        name = some(self.dice, files)
        lines = split(files[name])
        a, b = self.dice.randrange(len(lines)), self.dice.randrange(len(lines))
        lines[a], lines[b] = lines[b], lines[a]
        files[name] = b"".join(lines)

    def line_duplicated(self, files: Files) -> None:
        """One line, put behind itself or elsewhere."""
        name = some(self.dice, files)
        lines = split(files[name])
        lines.insert(self.dice.randrange(len(lines) + 1), self.dice.choice(lines))
        files[name] = b"".join(lines)

    def line_moved_across(self, files: Files) -> None:
        """A line of one file, into another; sometimes a copy."""
        source, target = self.dice.sample(sorted(files), 2)
        lines, others = split(files[source]), split(files[target])
        line = self.dice.choice(lines)
        if self.dice.random() < 0.7:
            lines.remove(line)
        others.insert(self.dice.randrange(len(others) + 1), line)
        files[source], files[target] = b"".join(lines), b"".join(others)

    def truncated(self, files: Files) -> None:
        """A file cut anywhere."""
        name = some(self.dice, files)
        files[name] = files[name][: self.dice.randrange(len(files[name]))]

    def truncated_at_line(self, files: Files) -> None:
        """A file cut where a line ends."""
        name = some(self.dice, files)
        files[name] = files[name][: self.dice.choice(borders(files[name], seals=False))]

    def truncated_at_seal(self, files: Files) -> None:
        """A file cut exactly where a batch ends: an older state of it."""
        name = some(self.dice, files)
        files[name] = files[name][: self.dice.choice(borders(files[name], seals=True))]

    def older_states(self, files: Files) -> None:
        """Older states of several files, put over the newer ones."""
        for name in self.dice.sample(sorted(files), self.dice.randrange(2, 5)):
            files[name] = files[name][: self.dice.choice(borders(files[name], seals=True)[1:] or [0])]

    def segment_removed(self, files: Files) -> None:
        """One file."""
        del files[some(self.dice, files)]

    def chain_removed(self, files: Files) -> None:
        """All files of a chain."""
        gone = segment.parse(some(self.dice, files))
        for name in [name for name in files if segment.parse(name).chain == gone.chain]:
            del files[name]

    def chain_end_removed(self, files: Files) -> None:
        """A chain's last file, and the seal before it."""
        names = [name for name in sorted(files) if not name.endswith(".000001.jsonl")]
        del files[self.dice.choice(names)]

    def segment_replaced(self, files: Files) -> None:
        """A file's content by another's."""
        a, b = self.dice.sample(sorted(files), 2)
        files[a] = files[b]

    def segments_exchanged(self, files: Files) -> None:
        """Two files' names."""
        a, b = self.dice.sample(sorted(files), 2)
        files[a], files[b] = files[b], files[a]

    def unsealed_tail(self, files: Files) -> None:
        """Records with right numbers and hashes behind a chain's end, without a seal."""
        name = some(self.dice, files)
        files[name] += self._tail(files[name])[0]

    def sealed_tail(self, files: Files) -> None:
        """The same, sealed with the attacker's key."""
        name = some(self.dice, files)
        files[name] += b"".join(self._tail(files[name]))

    def tail_replaced(self, files: Files) -> None:
        """A file cut at a seal, and records of the attacker's with right hashes behind it."""
        name = some(self.dice, files)
        data = files[name][: self.dice.choice(borders(files[name], seals=True)[1:])]
        forged = self._tail(data)
        files[name] = data + b"".join(forged[: self.dice.randrange(1, 3)])

    def batch_resealed(self, files: Files) -> None:
        """Records changed, and the rest of the file written anew, sealed by the attacker."""
        name = some(self.dice, files)
        data = files[name][: borders(files[name], seals=True)[-1]]
        cut = self.dice.choice(borders(data, seals=True)[:-1])

        def change(document: dict[str, Any]) -> None:
            if document["event"] == "exchange":
                document["outcome"] = "served"
                document["changed"] = True

        files[name] = data[:cut] + rewritten(split(data[cut:]), self.key, change)

    def tail_renumbered(self, files: Files) -> None:
        """Lines taken out, what follows numbered and hashed anew, the old seals' signatures kept or made anew."""
        name = some(self.dice, files)
        lines = split(files[name][: borders(files[name], seals=True)[-1]])
        at = self.dice.randrange(len(lines) - 1)
        begin = orjson.loads(lines[at])
        follower = orjson.loads(lines[at + 1])
        follower.update(seq=begin["seq"], prev=begin["prev"])
        rest = rewritten([orjson.dumps(follower), *lines[at + 2 :]], self.key)
        files[name] = b"".join(lines[:at]) + rest

    def chain_made_up(self, files: Files) -> None:
        """A whole chain written anew with the attacker's session key, and a certificate that cannot be right."""
        chain = segment.parse(some(self.dice, files)).chain
        kind = self.dice.randrange(3)

        def change(document: dict[str, Any]) -> None:
            if document["event"] != "opened":
                return
            document["public_key"] = base64.b64encode(self.key.public).decode()
            if kind == 0:
                document.pop("certificate")
            elif kind == 1:
                signature = self.key.sign(certified(chain, self.key.public))
                document["certificate"]["signature"] = base64.b64encode(signature).decode()

        for name in files:
            if segment.parse(name).chain == chain:
                data = files[name][: borders(files[name], seals=True)[-1]]
                files[name] = rewritten(split(data), self.key, change)

    def chain_without_begin(self, files: Files) -> None:
        """A chain written anew that never says whose key it is: an empty batch's seal stands where that was."""
        chain = segment.parse(some(self.dice, files)).chain
        for name in files:
            if segment.parse(name).chain == chain:
                _, *rest = split(files[name][: borders(files[name], seals=True)[-1]])
                seal = {**orjson.loads(rest[-1]), "seq": 0, "prev": GENESIS}
                files[name] = rewritten([orjson.dumps(seal), *rest], self.key)

    def opened_replaced(self, files: Files) -> None:
        """What a segment's first line says: the key, the retention, the supervisor."""
        name = some(self.dice, files)
        first, *rest = split(files[name])
        document = orjson.loads(first)
        field, value = self.dice.choice(
            (
                ("public_key", base64.b64encode(self.key.public).decode()),
                ("retention_days", 1),
                ("supervisor", "nobody.000000000000"),
                ("log_all_access", "no"),
                ("segment", document["segment"] + 1),
            )
        )
        document[field] = value
        files[name] = b"".join([orjson.dumps(document) + b"\n", *rest])

    def removal_forged(self, files: Files) -> None:
        """A segment removed, and told of in a `pruned` line that the attacker made fit."""
        gone = some(self.dice, files)
        del files[gone]
        gateway = next((name for name in sorted(files) if b'"event":"pruned"' in files[name]), "")
        if not gateway:
            return

        def change(document: dict[str, Any]) -> None:
            if document["event"] == "pruned":
                document["removed"].append({**document["removed"][0], "segment": gone})

        data = files[gateway][: borders(files[gateway], seals=True)[-1]]
        again = rewritten(split(data), self.key, change)
        # Either only the line is changed, or everything behind it too.
        files[gateway] = again if self.dice.random() < 0.5 else self._only_event(data, again, b'"event":"pruned"')

    def checkpoint_changed(self, files: Files) -> None:
        """A checkpoint's line, with a chain less in it or another hash."""
        name = self.dice.choice([name for name in sorted(files) if b'"event":"checkpoint"' in files[name]])

        def change(document: dict[str, Any]) -> None:
            if document["event"] == "checkpoint" and document["chains"]:
                if self.dice.random() < 0.5:
                    document["chains"].pop()
                else:
                    document["chains"][-1]["hash"] = GENESIS
                document["changed"] = True

        data = files[name][: borders(files[name], seals=True)[-1]]
        files[name] = self._only_event(data, rewritten(split(data), self.key, change), b'"event":"checkpoint"')

    def renamed(self, files: Files) -> None:
        """A file's date, writer, session, number or suffix."""
        name = some(self.dice, files)
        found = segment.parse(name)
        writer, session = found.chain.rsplit(".", 1)
        new = self.dice.choice(
            (
                f"2026-03-02.{found.chain}.{found.number:06d}.jsonl",
                f"{found.date}.x{writer}.{session}.{found.number:06d}.jsonl",
                f"{found.date}.{writer}.{session[::-1]}.{found.number:06d}.jsonl",
                f"{found.date}.{found.chain}.{found.number + 1:06d}.jsonl",
                f"{found.date}.{found.chain}.{found.number:07d}.jsonl",
                f"{name}.bak",
                name.upper(),
            )
        )
        files[new] = files.pop(name)

    def file_added(self, files: Files) -> None:
        """A file of the attacker's, or a copy of one."""
        name = some(self.dice, files)
        found = segment.parse(name)
        new = self.dice.choice(
            (
                "notes.txt",
                f".{name}",
                f"{found.date}.{found.chain}.{found.number + 3:06d}.jsonl",
                f"2026-03-05.{found.chain}.{found.number:06d}.jsonl",
                f"{found.date}.w9.0123456789ab.000001.jsonl",
            )
        )
        files[new] = self.dice.choice((files[name], b"", b"\n"))

    def time_changed(self, files: Files) -> None:
        """One time stamp."""
        name = some(self.dice, files)
        lines = split(files[name])
        at = self.dice.randrange(len(lines))
        digit = self.dice.choice((b"0", b"1", b"2"))
        found = lines[at].find(b'"time":"')
        at_digit = found + 8 + self.dice.choice((3, 6, 9, 12, 15, 18, 25))
        lines[at] = lines[at][:at_digit] + digit + lines[at][at_digit + 1 :] if found > 0 else b"{}\n"
        files[name] = b"".join(lines)

    def everything_resigned(self, files: Files) -> None:
        """Every chain written anew with one key of the attacker's."""

        def change(document: dict[str, Any]) -> None:
            if document["event"] == "opened":
                document["public_key"] = base64.b64encode(self.key.public).decode()

        for name in files:
            data = files[name][: borders(files[name], seals=True)[-1]]
            files[name] = rewritten(split(data), self.key, change)

    def _tail(self, data: bytes) -> tuple[bytes, bytes]:
        """A record and a seal of the attacker's that follow the last seal."""
        last = split(data[: borders(data, seals=True)[-1]])[-1]
        parsed = orjson.loads(last)
        fields = {"seq": parsed["seq"] + 1, "prev": merkle.leaf(last[:-1]).hex()}
        record = {"chain": parsed["chain"], **fields, "time": parsed["time"], "event": "exchange", "outcome": "served"}
        seal = {"chain": parsed["chain"], "time": parsed["time"], "event": "seal", "seq": 0, "prev": ""}
        made, sealed = split(rewritten([orjson.dumps(record), orjson.dumps(seal)], self.key))
        return made, sealed

    @staticmethod
    def _only_event(data: bytes, again: bytes, event: bytes) -> bytes:
        old, new = split(data), split(again)
        return b"".join(n if event in o else o for o, n in zip(old, new, strict=True))


@pytest.fixture(scope="session")
def mutations() -> type[Mutations]:
    """Mutations, made with dice and the attacker's key."""
    return Mutations


@pytest.fixture(scope="session")
def sealed_size() -> Callable[[bytes], int]:
    """How many of a segment's bytes stand under seals."""
    return lambda data: borders(data, seals=True)[-1]
