"""Lines about what raft decides, for whoever wants to read along.

The lines are those that the reference logs, so that traces can be compared. Without a receiver a line
costs one call and is never formatted.
"""

from collections.abc import Callable
from enum import IntEnum


class TraceLevel(IntEnum):
    DEBUG = 0
    INFO = 1
    WARN = 2
    ERROR = 3


Trace = Callable[[TraceLevel, str], None]


class Tracer:
    """Formats lines for a receiver; silent when there is none."""

    __slots__ = ("_receiver",)

    def __init__(self, receiver: Trace | None) -> None:
        self._receiver = receiver

    def debug(self, line: str, *values: object) -> None:
        if self._receiver is not None:
            self._receiver(TraceLevel.DEBUG, line % values)

    def info(self, line: str, *values: object) -> None:
        if self._receiver is not None:
            self._receiver(TraceLevel.INFO, line % values)

    def warn(self, line: str, *values: object) -> None:
        if self._receiver is not None:
            self._receiver(TraceLevel.WARN, line % values)

    def error(self, line: str, *values: object) -> None:
        if self._receiver is not None:
            self._receiver(TraceLevel.ERROR, line % values)


SILENT = Tracer(None)
