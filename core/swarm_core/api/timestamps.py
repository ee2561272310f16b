"""Conversions between protobuf's times and plain numbers (nanoseconds, seconds)."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

NS_PER_S = 1_000_000_000


def timestamp(wall_ns: int) -> Timestamp:
    """The Timestamp of `wall_ns` nanoseconds since the epoch."""
    return Timestamp(seconds=wall_ns // NS_PER_S, nanos=wall_ns % NS_PER_S)


def timestamp_ns(value: Timestamp) -> int:
    """Nanoseconds since the epoch; an unset Timestamp is 0."""
    return value.seconds * NS_PER_S + value.nanos


def duration(seconds: float) -> Duration:
    """The Duration of `seconds`."""
    ns = round(seconds * NS_PER_S)
    return Duration(seconds=int(ns / NS_PER_S), nanos=int(ns - int(ns / NS_PER_S) * NS_PER_S))


def duration_s(value: Duration) -> float:
    """Seconds; an unset Duration is 0."""
    return value.seconds + value.nanos / NS_PER_S
