"""Long lines put together again: executors, ours and Docker's, cut what a program writes into records of PIECE_BYTES.

A record without a line end that is as long as a piece goes on in the next one of the same task and stream. A shorter one without a
line end is what a program left unfinished, and stands for itself.

Rules: a line is at most LINE_BYTES_MAX long, all unfinished ones together at most HELD_BYTES_MAX; what is beyond is left out, and the line
says how much.
"""

from dataclasses import dataclass, field
from typing import Final

from swarm_core.api.proto import logbroker_pb2

PIECE_BYTES: Final = 16 * 1024
LINE_BYTES_MAX: Final = 4 * 1024 * 1024
HELD_BYTES_MAX: Final = 64 * 1024 * 1024
_Key = tuple[str, int]


@dataclass(slots=True)
class _Unfinished:
    first: logbroker_pb2.LogMessage
    data: bytearray = field(default_factory=bytearray)
    left_out: int = 0


class PieceJoiner:
    """The unfinished lines of one stream of records."""

    def __init__(self, line_max: int = LINE_BYTES_MAX, held_max: int = HELD_BYTES_MAX) -> None:
        self._line_max, self._held_max = line_max, held_max
        self._held: dict[_Key, _Unfinished] = {}
        self._bytes = 0

    def add(self, record: logbroker_pb2.LogMessage) -> logbroker_pb2.LogMessage | None:
        """The record with all that came of its line before it, at the time of the first; None while it goes on."""
        key = record.context.task_id, record.stream
        goes_on = len(record.data) >= PIECE_BYTES and not record.data.endswith(b"\n")
        unfinished = self._held.get(key) if self._held else None
        if unfinished is None:
            if not goes_on:
                return record
            unfinished = self._held[key] = _Unfinished(record)
        room = max(min(self._line_max - len(unfinished.data), self._held_max - self._bytes), 0)
        taken = record.data[:room]
        unfinished.data += taken
        unfinished.left_out += len(record.data) - len(taken)
        self._bytes += len(taken)
        return None if goes_on else self._finish(key)

    def rest(self) -> list[logbroker_pb2.LogMessage]:
        """What is unfinished at the end, as it is."""
        return [self._finish(key) for key in list(self._held)]

    def _finish(self, key: _Key) -> logbroker_pb2.LogMessage:
        unfinished = self._held.pop(key)
        self._bytes -= len(unfinished.data)
        if unfinished.left_out:
            unfinished.data += f" … ({unfinished.left_out} bytes of this line are left out)\n".encode()
        unfinished.first.data = bytes(unfinished.data)
        return unfinished.first
