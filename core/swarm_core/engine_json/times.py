"""Durations and times as the Engine API's JSON has them (docs/design/engine-api-json.md 14.1.4)."""

from typing import Any, Final

from swarm_core.api.timestamps import NS_PER_S, calendar_time, timestamp_ns

_ZERO_TIME: Final = "0001-01-01T00:00:00Z"


def nanoseconds(value: Any) -> int:
    """A protobuf Duration as JSON has it."""
    return int(value.seconds * NS_PER_S + value.nanos)


def set_nanoseconds(held: Any, value: int) -> None:
    """Set a protobuf Duration, also to 0. Seconds and nanoseconds have the same sign."""
    held.SetInParent()
    seconds, nanos = divmod(abs(value), NS_PER_S)
    held.seconds, held.nanos = (seconds, nanos) if value >= 0 else (-seconds, -nanos)


def moment(value: Any) -> str:
    """A protobuf Timestamp as JSON has it: UTC, as many digits as it takes."""
    at = calendar_time(timestamp_ns(value))
    if at is None:
        return _ZERO_TIME
    fraction = f".{value.nanos:09d}".rstrip("0") if value.nanos else ""
    return f"{at.isoformat()[:19]}{fraction}Z"
