"""Logging of the daemons: one line a record on standard error, as text or as JSON, level by name (docs/design/logging.md).

Rules
1. Loggers are named after their module. Secrets never reach a log: log ids and names, not payloads.
2. What a record is about stands in each line of JSON: the node, and the task, the call and the leader's component that the work belongs to. Whoever
   begins such work says so with `about_node`, `TASK`, `CALL` and `COMPONENT`.
3. Every part of a line has a greatest length, and a record is one line whatever its text holds: others wrote some of it. Only the
   traceback of a failure has lines of its own, in text.
"""

import json
import logging
import sys
import time
from contextvars import ContextVar
from typing import Final

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "panic": logging.CRITICAL,
}
TEXT, JSON = "text", "json"
FORMATS: Final = (TEXT, JSON)
MESSAGE_MAX: Final = 4096
"""Characters of a message."""
FAILURE_MAX: Final = 16_384
"""Characters of a traceback; its end, where the failure is named, is kept."""
NAME_MAX: Final = 200
"""Characters of everything else."""

TASK: ContextVar[str] = ContextVar("task", default="")
"""The id of the task that the work is for."""
CALL: ContextVar[str] = ContextVar("call", default="")
"""The method that is being answered, such as docker.swarmkit.v1.Control.CreateService."""
COMPONENT: ContextVar[str] = ContextVar("component", default="")
"""The part of a leader that works."""
_ABOUT: Final = (("task", TASK), ("call", CALL), ("component", COMPONENT))
_NODE: Final = {"node": ""}
_SHOWN_CONTROLS: Final = {number: f"\\x{number:02x}" for number in (*range(0x20), *range(0x7F, 0xA0))}
_SHOWN_CONTROLS.update({0x2028: "\\u2028", 0x2029: "\\u2029", ord("\n"): "\\n", ord("\t"): "\t"})
_SHOWN_IN_LINES: Final = {**_SHOWN_CONTROLS, ord("\n"): "\n"}


def configure(level: str, style: str = TEXT) -> None:
    """Send records of `level` (a key of LEVELS) and above to standard error. Raises KeyError."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if style == JSON else TextLines())
    logging.basicConfig(level=LEVELS[level], handlers=[handler])


def set_level(level: str) -> None:
    """Send records of another `level` and above from now on. Raises KeyError."""
    logging.getLogger().setLevel(LEVELS[level])


def about_node(node_id: str) -> None:
    """This process works for a node from now on."""
    _NODE["node"] = node_id


class TextLines(logging.Formatter):
    """Time, level, logger and message, for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        record.message = _line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        """The traceback, in lines of its own."""
        return _failure(super().formatException(ei)).translate(_SHOWN_IN_LINES)  # type: ignore[arg-type]


class JsonLines(logging.Formatter):
    """An object a line: `time`, `level` and `msg` as docker's daemon calls them, `logger`, what the record is about, and `error` with the
    traceback of a failure."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields = {
            "time": _time(record),
            "level": _LEVEL_WORDS.get(record.levelno, record.levelname.lower()),
            "msg": _cut(record.getMessage(), MESSAGE_MAX),
            "logger": record.name[:NAME_MAX],
        }
        fields |= {name: _cut(text, NAME_MAX) for name, text in _about() if text}
        if record.exc_info:
            fields["error"] = _failure(self.formatException(record.exc_info))
        return json.dumps(fields, ensure_ascii=True)


_LEVEL_WORDS: Final = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "fatal",
}


def _about() -> list[tuple[str, str]]:
    return [("node", _NODE["node"]), *((name, variable.get()) for name, variable in _ABOUT)]


def _time(record: logging.LogRecord) -> str:
    """In UTC, to the millisecond."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"


def _line(text: str) -> str:
    return _cut(text, MESSAGE_MAX).translate(_SHOWN_CONTROLS)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most} more characters)"


def _failure(text: str) -> str:
    return (
        text
        if len(text) <= FAILURE_MAX
        else f"({len(text) - FAILURE_MAX} more characters) …{text[-FAILURE_MAX:]}"
    )
