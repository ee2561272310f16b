"""Logs of services and tasks: what a client asks for, and the bytes that it gets (docs/design/engine-api-json.md 14.11). Pure."""

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote_plus

from google.protobuf.timestamp_pb2 import Timestamp
from swarm_core.api.proto.logbroker_pb2 import (
    LOG_STREAM_STDERR,
    LOG_STREAM_STDOUT,
    LogMessage,
    LogSubscriptionOptions,
)
from swarm_core.api.timestamps import calendar_time, timestamp_ns
from swarm_core.http.errors import BadRequest
from swarm_core.http.version import Version

STDOUT, STDERR, SYSTEM_ERROR = 1, 2, 3
RAW: Final = "application/vnd.docker.raw-stream"
MULTIPLEXED: Final = "application/vnd.docker.multiplexed-stream"
_V_MULTIPLEXED: Final = Version(1, 42)
_HEAD: Final = struct.Struct(">BxxxI")
_NODE, _SERVICE, _TASK = "com.docker.swarm.node.id", "com.docker.swarm.service.id", "com.docker.swarm.task.id"
_SINCE: Final = re.compile(r"(-?[0-9]{1,18})(?:\.([0-9]{1,18}))?", re.ASCII)
_TAIL: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_SECONDS_MAX: Final = 253_402_300_799
"""The last second of the year 9999, where protobuf's times end."""


@dataclass(frozen=True, slots=True)
class LogRequest:
    """What a client asks for: of the managers, and of each line."""

    options: LogSubscriptionOptions
    has_timestamps: bool
    has_details: bool


def log_request(query: Mapping[str, str], is_on: Callable[[str], bool]) -> LogRequest:
    """From a query; `is_on` reads one of its switches. Raises BadRequest."""
    streams = [
        stream
        for name, stream in (("stdout", LOG_STREAM_STDOUT), ("stderr", LOG_STREAM_STDERR))
        if is_on(name)
    ]
    if not streams:
        raise BadRequest("Bad parameters: you must choose at least one stream")
    options = LogSubscriptionOptions(
        streams=streams, follow=is_on("follow"), tail=_tail(query.get("tail", ""))
    )
    if since := query.get("since", ""):
        options.since.CopyFrom(_since(since))
    return LogRequest(options, is_on("timestamps"), is_on("details"))


def _tail(text: str) -> int:
    """As managers count it: 0 is everything, -(n+1) the last n lines."""
    if text in ("", "all"):
        return 0
    if _TAIL.fullmatch(text) is None:
        raise BadRequest('tail value must be a positive integer or "all"')
    if (count := int(text)) < 0:
        raise BadRequest("negative tail values not supported")
    return -(count + 1)


def _since(text: str) -> Timestamp:
    found = _SINCE.fullmatch(text)
    if found is None or abs(int(found[1])) > _SECONDS_MAX:
        raise BadRequest(f'could not parse since timestamp: "{text}" is no number of seconds')
    return Timestamp(seconds=int(found[1]), nanos=int((found[2] or "0").ljust(9, "0")[:9]))


def content_type(version: Version, *, is_tty: bool) -> str:
    """Of the stream. Older clients know one word for both forms of it."""
    return RAW if is_tty or version < _V_MULTIPLEXED else MULTIPLEXED


def encoded(message: LogMessage, asked: LogRequest, *, is_tty: bool) -> bytes:
    """The bytes of one line: a frame, or what a terminal showed as it is."""
    line = message.data
    if asked.has_details:
        line = details(message) + b" " + line
    if asked.has_timestamps:
        line = _time(message.timestamp) + b" " + line
    return line if is_tty else _frame(STDERR if message.stream == LOG_STREAM_STDERR else STDOUT, line)


def failure(text: str, *, is_tty: bool) -> bytes:
    """How a stream that has begun says that it cannot go on."""
    line = f"Error grabbing logs: {text}\n".encode()
    return line if is_tty else _frame(SYSTEM_ERROR, line)


def details(message: LogMessage) -> bytes:
    """Where the line comes from and what its log driver noted, in order, escaped as in an address."""
    context = message.context
    held = {attr.key: attr.value for attr in message.attrs} | {
        _NODE: context.node_id,
        _SERVICE: context.service_id,
        _TASK: context.task_id,
    }
    return ",".join(f"{quote_plus(key)}={quote_plus(held[key])}" for key in sorted(held)).encode()


def _frame(stream: int, line: bytes) -> bytes:
    return _HEAD.pack(stream, len(line)) + line


def _time(value: Timestamp) -> bytes:
    """Nine digits always, so that lines stand below each other."""
    at = calendar_time(timestamp_ns(value))
    text = "0001-01-01T00:00:00" if at is None else at.isoformat()[:19]
    return f"{text}.{0 if at is None else value.nanos:09d}Z".encode()
