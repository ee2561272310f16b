"""gRPC's messages inside a stream of bytes: one byte that says whether it is compressed, four for its length, the message.

A message may come in any number of pieces, and a piece may hold many. One that is too large is refused as soon as its
length is known, before it is kept; so is a compressed one, since this server announces that it reads none.
"""

import struct

from swarm_core.rpc.errors import Code, RpcFailure

_HEAD = struct.Struct(">BI")
_HEAD_SIZE = _HEAD.size


class Compressed(RpcFailure):
    """A message in a form that is not read here."""

    def __init__(self) -> None:
        super().__init__(Code.UNIMPLEMENTED, "compressed messages are not read here")


class TooLarge(RpcFailure):
    """A message beyond the limit."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(Code.RESOURCE_EXHAUSTED, f"Received message larger than max ({size} vs. {limit})")


def framed(message: bytes) -> bytes:
    """The message as it travels."""
    return _HEAD.pack(0, len(message)) + message


def whole(data: bytes, limit: int) -> bytes | None:
    """The message, when `data` is exactly one small enough; None for everything else, which `MessageReader` judges."""
    size = len(data) - _HEAD_SIZE
    if 0 <= size <= limit and data[0] == 0 and int.from_bytes(data[1:_HEAD_SIZE], "big") == size:
        return data[_HEAD_SIZE:]
    return None


class MessageReader:
    """Takes pieces and gives the messages that became complete. After a failure it is of no further use."""

    __slots__ = ("_buffer", "_limit", "_needed")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._needed = _HEAD_SIZE  # what the buffer must hold before anything can be said

    @property
    def is_between(self) -> bool:
        """Whether no message is cut off here."""
        return not self._buffer

    def feed(self, data: bytes) -> list[bytes]:
        """Raises RpcFailure for a message that is refused."""
        buffer = self._buffer
        buffer += data
        messages: list[bytes] = []
        at = 0
        while len(buffer) - at >= self._needed:
            flag, size = _HEAD.unpack_from(buffer, at)
            if size > self._limit:
                raise TooLarge(size, self._limit)
            if flag:
                raise Compressed
            end = at + _HEAD_SIZE + size
            if end > len(buffer):
                self._needed = end - at
                break
            messages.append(bytes(buffer[at + _HEAD_SIZE : end]))
            at, self._needed = end, _HEAD_SIZE
        if at:
            del buffer[:at]
        return messages
