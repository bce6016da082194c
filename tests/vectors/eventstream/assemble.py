"""Writes frames.json: `python tests/vectors/eventstream/assemble.py` puts together one frame of each header type.

The empty frame and the four integers are those that AWS's own SDKs are tested with; that botocore reads every one as it
says is checked before it is written. None of our code has a part in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from struct import pack
from zlib import crc32

from botocore.eventstream import EventStreamBuffer

# Name, type, the value's bytes on the wire, what a reader makes of it.
HEADERS = [
    ("true", 0, b"", True),
    ("false", 1, b"", False),
    ("byte", 2, b"\xff", -1),
    ("short", 3, b"\xff" * 2, -1),
    ("integer", 4, b"\xff" * 4, -1),
    ("long", 5, b"\xff" * 8, -1),
    ("bytes", 6, b"\x00\x04\xde\xad\xc0\xde", b"\xde\xad\xc0\xde"),
    ("string", 7, b"\x00\x07Gr\xc3\xbc\xc3\x9fe", "Grüße"),
    ("timestamp", 8, pack(">q", 1_790_000_000_000), 1_790_000_000_000),
    ("uuid", 9, bytes(range(16)), bytes(range(16))),
]


def frame(headers: bytes, payload: bytes) -> bytes:
    """Return one frame."""
    prelude = pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + pack(">I", crc32(prelude)) + headers + payload
    return message + pack(">I", crc32(message))


def read(data: bytes) -> tuple[dict[str, object], bytes]:
    """Return what botocore makes of a frame."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    message = next(buffer)
    return message.headers, message.payload


rows: list[dict[str, object]] = [
    {"name": "empty", "frame": frame(b"", b"").hex()},
    {"name": "payload", "frame": frame(b"", b"\x00\xff\n\n").hex(), "payload": b"\x00\xff\n\n".hex()},
]
for name, kind, raw, value in HEADERS:
    data = frame(bytes((len(name),)) + name.encode() + bytes((kind,)) + raw, b"")
    assert read(data) == ({name: value}, b"")
    shown = {"bytes": value.hex()} if isinstance(value, bytes) else {"value": value}
    rows.append({"name": name, "frame": data.hex(), "header": name, "type": kind, **shown})
Path(__file__).with_name("frames.json").write_text(
    json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
)
