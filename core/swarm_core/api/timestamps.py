"""Conversions between protobuf's times and plain numbers (nanoseconds, seconds), and to the calendar."""

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

NS_PER_S = 1_000_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# From 1970, on either side: as far as the first year reaches, less a day for the time zones.
_CALENDAR_NS = 719_161 * 24 * 3600 * NS_PER_S


def timestamp(wall_ns: int) -> Timestamp:
    """The Timestamp of `wall_ns` nanoseconds since the epoch."""
    return Timestamp(seconds=wall_ns // NS_PER_S, nanos=wall_ns % NS_PER_S)


def timestamp_ns(value: Timestamp) -> int:
    """Nanoseconds since the epoch; an unset Timestamp is 0."""
    return value.seconds * NS_PER_S + value.nanos


def calendar_time(wall_ns: int) -> datetime | None:
    """The second in which `wall_ns` falls, in UTC; None outside the years that a calendar here holds in every time zone."""
    return _EPOCH + timedelta(seconds=wall_ns // NS_PER_S) if abs(wall_ns) < _CALENDAR_NS else None


def duration(seconds: float) -> Duration:
    """The Duration of `seconds`."""
    ns = round(seconds * NS_PER_S)
    return Duration(seconds=int(ns / NS_PER_S), nanos=int(ns - int(ns / NS_PER_S) * NS_PER_S))


def duration_s(value: Duration) -> float:
    """Seconds; an unset Duration is 0."""
    return value.seconds + value.nanos / NS_PER_S
