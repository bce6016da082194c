"""gRPC's framing (its PROTOCOL-HTTP2.md, "Length-Prefixed-Message"): one byte for compression, four for the length."""

from __future__ import annotations

from struct import Struct

from extproc.http2.status import Status

PREFIX_BYTES = 5
_PREFIX = Struct(">BI")


class MessageRefused(Exception):
    """The call cannot go on: gRPC's status, and a text for the peer."""

    def __init__(self, status: Status, details: str) -> None:
        super().__init__(details)
        self.status = status
        self.details = details


def prefixed(message: bytes) -> bytes:
    """A message as it is sent."""
    return _PREFIX.pack(0, len(message)) + message


class Assembler:
    """The messages of one call, out of its DATA."""

    __slots__ = ("_buffer", "_limit", "_needed")

    def __init__(self, max_message_bytes: int) -> None:
        self._limit = max_message_bytes
        self._buffer = bytearray()
        self._needed = PREFIX_BYTES

    @property
    def held(self) -> int:
        """Bytes of a message that is not whole."""
        return len(self._buffer)

    @property
    def missing(self) -> int:
        """Bytes that are to come of a message whose length is known, 0 if there is none."""
        return self._needed - len(self._buffer) if len(self._buffer) >= PREFIX_BYTES else 0

    @property
    def needed(self) -> int:
        """Bytes of the message that is not whole, with its prefix; of that alone while it is not there."""
        return self._needed

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole with `data`.

        Raises:
            MessageRefused: one is compressed, or longer than allowed.
        """
        buffer = self._buffer
        if buffer:
            buffer += data
            if len(buffer) < self._needed:
                return []
            if len(buffer) == self._needed > PREFIX_BYTES:
                # A long one, as a rule: copied once.
                message = bytes(memoryview(buffer)[PREFIX_BYTES:])
                self._buffer, self._needed = bytearray(), PREFIX_BYTES
                return [message]
            data = bytes(buffer)
            buffer.clear()
        messages: list[bytes] = []
        offset, size = 0, len(data)
        while size - offset >= PREFIX_BYTES:
            compressed, length = _PREFIX.unpack_from(data, offset)
            if compressed:
                # Nothing that we accept was offered: grpc-accept-encoding says identity.
                raise MessageRefused(Status.UNIMPLEMENTED, "compressed messages are not supported")
            if length > self._limit:
                text = f"a message of {length} bytes; at most {self._limit} are taken"
                raise MessageRefused(Status.RESOURCE_EXHAUSTED, text)
            end = offset + PREFIX_BYTES + length
            if end > size:
                self._needed = end - offset
                break
            messages.append(data[offset + PREFIX_BYTES : end])
            offset = end
        else:
            self._needed = PREFIX_BYTES
        if offset < size:
            buffer += data[offset:] if offset else data
        return messages
