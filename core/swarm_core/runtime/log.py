"""Logging of the daemons: one line a record on standard error, level by name.

Loggers are named after their module. Secrets never reach a log: log ids and names, not payloads.
"""

import logging
import sys

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "panic": logging.CRITICAL,
}


def configure(level: str) -> None:
    """Send records of `level` (a key of LEVELS) and above to standard error. Raises KeyError."""
    logging.basicConfig(
        level=LEVELS[level], stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )


def set_level(level: str) -> None:
    """Send records of another `level` and above from now on. Raises KeyError."""
    logging.getLogger().setLevel(LEVELS[level])
