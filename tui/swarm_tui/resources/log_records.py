"""Lines that are JSON objects, as people read them: on one line, level and message first, or indented. Pure.

Rules: what is no whole JSON object stays as it was written. On one line the fields that say when are left out: the time stands before the
line. Indented nothing is left out, except beyond ROWS_MAX rows, and then the last row says so. A text with line ends takes a row each.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from swarm_core.api.json_text import json_of

from swarm_tui.resources.log_levels import Level, level_named

Span = tuple[str, str]
ROWS_MAX: Final = 400
_DEPTH_MAX: Final = 20
_INDENT: Final = "  "
_TIMES: Final = frozenset({"time", "ts", "timestamp", "@timestamp", "t", "datetime"})
_LEVELS: Final = ("level", "lvl", "severity", "loglevel", "log.level")
_MESSAGES: Final = ("msg", "message", "event", "text", "MESSAGE")
ROLES: Final = {
    Level.ERROR: "error",
    Level.WARNING: "warning",
    Level.INFO: "ok",
    Level.DEBUG: "muted",
    Level.NONE: "muted",
}


def record_of(text: str) -> dict[str, Any] | None:
    """The object that the line is; None for every other line."""
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return None
    try:
        found = json_of(stripped)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found else None


def on_one_line(record: Mapping[str, Any]) -> list[Span]:
    """Level, message, then the other fields as key=value."""
    level_key = next((key for key in _LEVELS if key in record), None)
    message_key = next((key for key in _MESSAGES if isinstance(record.get(key), str)), None)
    out: list[Span] = []
    if level_key is not None:
        level = level_named(record[level_key])
        word = level.name if level is not Level.NONE else _plain(record[level_key]).upper()
        out.append((f"{word.ljust(7)} ", ROLES[level]))
    if message_key is not None:
        out.append((f"{_in_one(record[message_key])}  ", "text"))
    for key, value in record.items():
        if key not in (level_key, message_key) and key not in _TIMES:
            out += [(f"{_plain(key)}=", "muted"), (f"{_plain(value)} ", _role(value))]
    return out


def indented(record: Mapping[str, Any]) -> list[list[Span]]:
    """A row for each field, what is nested deeper."""
    out: list[list[Span]] = []
    for row in _rows(record, 0):
        if len(out) == ROWS_MAX - 1:
            out.append([("… more: J shows the line as it was written", "muted")])
            return out
        out.append(row)
    return out


def _rows(held: Any, depth: int) -> Iterator[list[Span]]:
    fields = held.items() if isinstance(held, Mapping) else ((None, one) for one in held)
    for key, value in fields:
        head: list[Span] = [
            (_INDENT * depth, "text"),
            ("- " if key is None else f"{_plain(key)}: ", "accent"),
        ]
        if isinstance(value, dict | list) and value and depth < _DEPTH_MAX:
            yield head
            yield from _rows(value, depth + 1)
        elif isinstance(value, str) and len(value.splitlines()) > 1:
            yield head
            for line in value.splitlines():
                yield [(_INDENT * (depth + 1), "text"), (line, "text")]
        else:
            yield [*head, (_plain(value), _role(value))]


def _role(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    return "special" if isinstance(value, dict | list) else "data"


def _plain(value: Any) -> str:
    """A text as it is, where that reads as one word; everything else as JSON."""
    if isinstance(value, str) and value and value.isprintable():
        return value
    return json.dumps(value, ensure_ascii=False)


def _in_one(text: str) -> str:
    return " ⏎ ".join(text.splitlines())
