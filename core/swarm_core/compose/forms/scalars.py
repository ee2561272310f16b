"""Single values of the normal form: durations as Go prints them, sizes in bytes, numbers as texts."""

from collections.abc import Mapping
from typing import Any, Final

from swarm_core.compose.reading.errors import WrongShape
from swarm_core.compose.reading.notes import Notes
from swarm_core.compose.reading.scalars import as_text
from swarm_core.compose.reading.values import Map, Mark, Reset, Seq, WrittenFloat, WrittenInt
from swarm_core.specs import notation
from swarm_core.specs.errors import InvalidValue

_NS: Final = 1_000_000_000
_SMALL: Final = (("ms", 1_000_000), ("µs", 1_000), ("ns", 1))


def duration(text: str) -> str:
    """The duration as Go prints it: 90s is 1m30s."""
    total = notation.nanoseconds(text)
    if total == 0:
        return "0s"
    if total < _NS:
        unit, size = next((unit, size) for unit, size in _SMALL if total >= size)
        return f"{_decimal(total, size)}{unit}"
    minutes, rest = divmod(total, 60 * _NS)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, _NS)}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _decimal(number: int, unit: int) -> str:
    whole, rest = divmod(number, unit)
    digits = f"{rest:0{len(str(unit)) - 1}}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def size(text: str, mark: Mark) -> str:
    """A size in bytes, as a text. Raises WrongShape."""
    try:
        return str(notation.byte_count(text))
    except InvalidValue as error:
        raise WrongShape(str(error), mark) from None


def text(value: Any, notes: Notes, mark: Mark) -> str:
    """A value where a text is meant; who wrote a number should know how it is read."""
    if isinstance(value, WrittenInt | WrittenFloat):
        notes.ignored(f"{value.text} is the number {as_text(value)}; in quotes it stays as written", mark)
    return as_text(value)


def pairs(value: Any, notes: Notes, *, is_null_kept: bool = False) -> Map:
    """A mapping of texts, of a mapping or of a list of key=value. Null, and a key without a value, is kept or empty."""
    if isinstance(value, Map):
        found = value.like()
        for key, entry in value.items():
            at = value.at(key)
            keep = isinstance(entry, Reset) or (entry is None and is_null_kept)
            found[key] = entry if keep else text(entry, notes, at)
        return found
    assert isinstance(value, Seq)
    found = Map(value.mark)
    found.is_override = value.is_override
    for item, at in value.marked():
        key, separator, entry = item.partition("=")
        found.put(key, entry if separator else (None if is_null_kept else ""), at)
    return found


def texts(value: Any, mark: Mark) -> Seq:
    """A list of texts, of one text or a list."""
    if isinstance(value, Seq):
        return value
    found = Seq(mark)
    found.add(value)
    return found


def plain_texts(given: Mapping[str, Any]) -> dict[str, str]:
    """A mapping of texts without what takes entries away."""
    return {key: as_text(value) for key, value in given.items() if not isinstance(value, Reset)}
