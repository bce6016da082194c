"""One HTTP/1.1 answer as it comes in, for the load generators: its status, its headers, where it ends."""

from __future__ import annotations


class Reading:
    """Feed it what arrives; `body` is kept only when asked, for that costs a generator more than all else.

    `status` is "" and `headers` are empty until the head is whole; names are in lower case. `begun`: some of the body
    is there.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self.status = ""
        self.headers: dict[str, str] = {}
        self.begun = False
        self._keep = keep
        self._kept: list[bytes] = []
        self._buffer = b""
        self._left = -1  # bytes of the body still to come; with chunks, of the current chunk and its line end
        self._chunked = False

    @property
    def body(self) -> bytes:
        """What has come of it, without HTTP's chunks."""
        return b"".join(self._kept)

    def feed(self, data: bytes) -> bool:
        """Follow the answer; True at its end."""
        if not self.status:
            self._buffer += data
            head, blank, data = self._buffer.partition(b"\r\n\r\n")
            if not blank:
                return False
            self._head(head)
        self.begun = self.begun or bool(data)
        return self._chunks(data) if self._chunked else self._bytes(data)

    def _head(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = first.split(" ")[1]
        pairs = (line.split(": ", 1) for line in lines)
        self.headers = {name.lower(): value for name, value in pairs}
        self._chunked = self.headers.get("transfer-encoding") == "chunked"
        self._left = 0 if self._chunked else int(self.headers["content-length"])
        self._buffer = b""

    def _bytes(self, data: bytes) -> bool:
        if self._keep:
            self._kept.append(data)
        self._left -= len(data)
        return self._left <= 0

    def _chunks(self, data: bytes) -> bool:
        data = self._buffer + data
        position = 0
        while True:
            if self._left:
                taken = min(self._left, len(data) - position)
                if self._keep:
                    self._kept.append(data[position : position + min(taken, max(self._left - 2, 0))])
                self._left -= taken
                position += taken
                if self._left:
                    break
            end = data.find(b"\r\n", position)
            if end < 0:
                break
            size = int(data[position:end], 16)
            if size == 0:
                # Nobody here sends trailers: the empty line ends the answer.
                if len(data) < end + 4:
                    break
                return True
            position = end + 2
            self._left = size + 2
        self._buffer = data[position:]
        return False
