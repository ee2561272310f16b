"""Moments and stretches of time as people type them. Pure, told the time.

A moment is an age (15m, 1h30m), a time of day (14:02, the last one that was), a date with a time, or seconds since 1970. A stretch is two
moments with `..` between them; one moment alone means from then on.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from swarm_core.api.timestamps import NS_PER_S, calendar_time
from swarm_core.specs import notation
from swarm_core.specs.errors import InvalidValue

_SECONDS: Final = re.compile(r"\d{9,}(\.\d+)?", re.ASCII)
_TIME_OF_DAY: Final = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(\.\d{1,9})?)?", re.ASCII)


class TimeRange(NamedTuple):
    """None is no border."""

    since_ns: int | None = None
    until_ns: int | None = None


ALL: Final = TimeRange(since_ns=0)


def range_of(text: str, now_ns: int) -> TimeRange:
    """What was typed, in the zone of the clock beside the screen. Raises InvalidValue."""
    if text.strip().lower() == "all":
        return ALL
    first, dots, last = (part.strip() for part in text.partition(".."))
    since_ns = moment_ns(first, now_ns, None) if first else None
    until_ns = moment_ns(last, now_ns, None) if last else None
    if dots and since_ns is None and until_ns is None:
        raise InvalidValue("there is no time on either side of ..")
    if since_ns is not None and until_ns is not None and until_ns <= since_ns:
        raise InvalidValue("the stretch ends before it begins")
    return TimeRange(since_ns, until_ns)


def moment_ns(text: str, now_ns: int, zone: tzinfo | None = UTC) -> int:
    """A moment; one that names no zone is in `zone`, or in the local one. Raises InvalidValue."""
    if _SECONDS.fullmatch(text):
        return int(float(text) * NS_PER_S)
    try:
        return now_ns - notation.nanoseconds(text)
    except InvalidValue:
        pass
    try:
        found = _time_of_day(text, now_ns, zone) or datetime.fromisoformat(text)
        aware = (
            found if found.tzinfo is not None else found.replace(tzinfo=zone) if zone else found.astimezone()
        )
        return int(aware.timestamp() * NS_PER_S)
    except (ValueError, OverflowError, OSError):
        raise InvalidValue(f"{text!r} is neither a time nor an age such as 10m") from None


def _time_of_day(text: str, now_ns: int, zone: tzinfo | None) -> datetime | None:
    """The last time at which clocks showed this; None for what is no time of day. Raises ValueError for 25:00."""
    match = _TIME_OF_DAY.fullmatch(text)
    now = calendar_time(now_ns)
    if match is None or now is None:
        return None
    hour, minute, second, fraction = match.groups()
    micro = int(float(fraction or 0) * 1_000_000)
    found = now.astimezone(zone).replace(
        hour=int(hour), minute=int(minute), second=int(second or 0), microsecond=micro
    )
    return found if found <= now else found - timedelta(days=1)
