"""What a program logs with a traceback: whatever was asked of it, that is a mistake of ours."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Mistakes(logging.Handler):
    """The records with a traceback, as texts."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.seen.append(self.format(record))


@contextmanager
def mistakes() -> Iterator[Mistakes]:
    """Those of all loggers within the block."""
    found, root = Mistakes(), logging.getLogger()
    root.addHandler(found)
    try:
        yield found
    finally:
        root.removeHandler(found)
