"""HPACK (RFC 7541): header blocks read by the hpack library, and ours, which need no state, written here.

Reading is the dearest part of a short call: about 2 µs a field in pure Python, 20 of them in Envoy's. Envoy's blocks
repeat, byte for byte, as soon as its fields are in the dynamic table. A block that has not changed the table means the
same until the next one that does: so its head is kept until then.
"""

from __future__ import annotations

from hpack import Decoder
from hpack.exceptions import HPACKError
from hpack.table import HeaderTable

from extproc.http2.faults import ConnectionFault, ErrorCode
from extproc.http2.head import Head, judged

# Heads that are kept, of blocks no longer than so many bytes.
_KEPT = 64
_KEPT_BYTES = 1_024

# RFC 7541 section 6.3: from here on, the encoder's table has no room. Said once, before any peer could ask for a
# smaller one: whatever SETTINGS_HEADER_TABLE_SIZE it sends, our blocks stay right.
NO_TABLE = b"\x20"


class _WatchedTable(HeaderTable):
    """A dynamic table that tells whether it was changed."""

    def __init__(self) -> None:
        self.changed = False
        super().__init__()

    def add(self, name: bytes, value: bytes) -> None:
        """Add an entry: all indices shift."""
        self.changed = True
        super().add(name, value)

    def _shrink(self) -> None:
        # Called by every change of the size, too.
        self.changed = True
        super()._shrink()


class HeaderBlocks:
    """The decoding end of one connection."""

    __slots__ = ("_decoder", "_kept", "_table")

    def __init__(self, max_list_bytes: int) -> None:
        self._decoder = Decoder(max_header_list_size=max_list_bytes)
        self._decoder.header_table = self._table = _WatchedTable()
        self._kept: dict[bytes, Head] = {}

    def decode(self, block: bytes) -> Head:
        """The head that a whole block says. Every block of the connection has to come here, in its order.

        Raises:
            ConnectionFault: the block is no HPACK, or longer than allowed when decoded: the table cannot be relied on.
        """
        head = self._kept.get(block)
        if head is not None:
            return head
        table = self._table
        table.changed = False
        size = table.maxsize
        try:
            head = judged(self._decoder.decode(block, raw=True))
        except (HPACKError, IndexError, ValueError, UnicodeError):
            # Not only the library's own errors: none of its faults may end the process's part in the connection.
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, "a header block cannot be decoded") from None
        if table.changed or table.maxsize != size:
            self._kept.clear()
        elif len(block) <= _KEPT_BYTES:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[block] = head
        return head


def literal(name: bytes, value: bytes) -> bytes:
    """A field that leaves the tables alone (RFC 7541 section 6.2.2), without Huffman coding."""
    return b"\0" + _length(len(name)) + name + _length(len(value)) + value


def _length(number: int) -> bytes:
    # RFC 7541 section 5.1, with a prefix of seven bits.
    if number < 127:
        return bytes((number,))
    parts = [127]
    number -= 127
    while number >= 128:
        parts.append(number % 128 + 128)
        number //= 128
    return bytes((*parts, number))
