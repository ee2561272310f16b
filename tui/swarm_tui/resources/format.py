"""Ages, sizes, ids and images as people read them. Pure; nothing here knows the cluster."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from swarm_core.api.timestamps import calendar_time, timestamp_ns

_SECOND_NS = 1_000_000_000
_DIGITS = re.compile(r"(\d+)")
_STEPS = ((60, "s", 1), (3600, "m", 60), (86_400, "h", 3600), (None, "d", 86_400))
_WORDS = (
    (1, "Less than a second", None),
    (2, "1 second", None),
    (60, "{} seconds", 1),
    (120, "About a minute", None),
    (3600, "{} minutes", 60),
    (7200, "About an hour", None),
    (172_800, "{} hours", 3600),
    (1_209_600, "{} days", 86_400),
    (5_184_000, "{} weeks", 604_800),
    (63_072_000, "{} months", 2_592_000),
)
SHORT_ID = 12
_LEVELS: Final = "▁▂▃▄▅▆▇"
"""Without the whole block, which would touch the row above."""


def age(then_ns: int, now_ns: int) -> str:
    """The time from `then_ns` to now in one short unit (12s 4m 3h 41d); a dash when it is unknown."""
    return short_duration((now_ns - then_ns) / _SECOND_NS) if then_ns else "–"


def age_of(moment: Timestamp, now_ns: int) -> str:
    """`age` of a protobuf time."""
    return age(timestamp_ns(moment), now_ns)


def age_s(moment: Timestamp, now_ns: int) -> float | None:
    """Seconds since `moment`; None when it is unset."""
    then_ns = timestamp_ns(moment)
    return (now_ns - then_ns) / _SECOND_NS if then_ns else None


def short_duration(seconds: float) -> str:
    """One unit, rounded down: 12s 4m 3h 41d."""
    whole = max(int(seconds), 0)
    for limit, unit, size in _STEPS:
        if limit is None or whole < limit:
            return f"{whole // size}{unit}"
    raise AssertionError("the last step has no limit")


def ago(then_ns: int, now_ns: int) -> str:
    """The age in the words of the docker command line, without "ago"; empty when it is unknown."""
    if not then_ns:
        return ""
    seconds = max((now_ns - then_ns) / _SECOND_NS, 0)
    for limit, words, size in _WORDS:
        if seconds < limit:
            return words.format(int(seconds // size) if size else "")
    return f"{int(seconds // 31_536_000)} years"


def moment(then_ns: int) -> str:
    """A point in time, to the second, in UTC; a dash when it is unknown or beyond the calendar."""
    then = calendar_time(then_ns) if then_ns else None
    return "–" if then is None else then.strftime("%Y-%m-%d %H:%M:%S UTC")


def time_of_day(time_ns: int) -> str:
    """Hours, minutes and seconds of the wall clock beside the screen."""
    then = calendar_time(time_ns)
    return "--:--:--" if then is None else then.astimezone().strftime("%H:%M:%S")


def common_start(words: Sequence[str]) -> str:
    """The longest beginning that all words have."""
    first, last = min(words, default=""), max(words, default="")
    count = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    return first[:count]


def instant(then_ns: int) -> str:
    """A point in time to the nanosecond, as machines sort it; a dash for its seconds when it is beyond the calendar."""
    then = calendar_time(then_ns)
    second = "-" if then is None else f"{then:%Y-%m-%dT%H:%M:%S}"
    return f"{second}.{then_ns % _SECOND_NS:09}Z"


def block(share: float) -> str:
    """A share (0 to 1) as one block of a curve."""
    return _LEVELS[min(max(round(share * (len(_LEVELS) - 1)), 0), len(_LEVELS) - 1)]


def size(count: float) -> str:
    """Bytes in a short binary unit: 512M, 1.5G."""
    value = float(count)
    for unit in ("B", "K", "M", "G", "T"):
        if value < 1024 or unit == "T":
            break
        value /= 1024
    text = f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"
    return text + unit


def cpus(nano_cpus: int) -> str:
    """CPUs with at most two decimals: 0.5, 8."""
    return f"{nano_cpus / 1e9:.2f}".rstrip("0").rstrip(".")


def short_id(id_: str) -> str:
    """As much of an id as tells it from the others in practice."""
    return id_[:SHORT_ID]


def image(reference: str) -> str:
    """An image without what is obvious: no digest, no default registry, no tag `latest`."""
    name = reference.partition("@")[0]
    for prefix in ("docker.io/library/", "docker.io/", "index.docker.io/library/"):
        name = name.removeprefix(prefix)
    return name.removesuffix(":latest")


def image_with_tag(reference: str) -> str:
    """An image as the docker command line lists it: with its tag, without its digest."""
    return reference.partition("@")[0]


def labels(mapping: Mapping[str, str]) -> str:
    """k=v, in the order of the keys."""
    return ",".join(f"{key}={value}" if value else key for key, value in sorted(mapping.items()))


def label_list(mapping: Mapping[str, str]) -> list[str]:
    """The same as a list, for filters."""
    return [f"{key}={value}" for key, value in sorted(mapping.items())]


def labels_below(mapping: Mapping[str, str]) -> str:
    """The same, one below the other, for pages; a dash where there is none."""
    return "\n".join(f"{key}={value}" if value else key for key, value in sorted(mapping.items())) or "–"


@lru_cache(4096)
def natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """A sort key that puts w2 before w10 and ignores case."""
    return tuple(_natural_part(part) for part in _DIGITS.split(text) if part)


def _natural_part(part: str) -> tuple[bool, int, str]:
    if not part.isdecimal():
        return False, 0, part.lower()
    # Of two numbers the longer one is the larger; so they need not be read, however long they are.
    digits = part.lstrip("0")
    return True, len(digits), digits


def plural(count: int, noun: str) -> str:
    """1 node, 2 nodes."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
