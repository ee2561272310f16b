"""The notations of single values, each read in one place: durations, sizes, CPUs, numbers, pairs, words.

Pure. Every function reads one text and raises InvalidValue for what it cannot read. Numbers are read exactly, never through
a float, and one that the wire cannot hold is refused as too large.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

from google.protobuf.duration_pb2 import Duration

from swarm_core.specs.errors import InvalidValue

INT32_MAX: Final = (1 << 31) - 1
INT64_MAX: Final = (1 << 63) - 1
UINT64_MAX: Final = (1 << 64) - 1
NANOS: Final = 1_000_000_000
_DIGITS_MAX: Final = 1_000
"""Python refuses to read numbers of several thousand digits; nothing on the wire has a hundred."""
DURATION_S_MAX: Final = 315_576_000_000
"""Ten thousand years: the range of protobuf's Duration."""
BYTE_UNITS: Final[Mapping[str, int]] = {
    "": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50,
}  # fmt: skip
AGE_UNITS_S: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_NS: Final[Mapping[str, int]] = {
    "h": 3_600 * NANOS, "m": 60 * NANOS, "s": NANOS,
    "ms": 1_000_000, "us": 1_000, "µs": 1_000, "μs": 1_000, "ns": 1,
}  # fmt: skip
# Compiled when first used, and kept by `re`: a command line uses few of them.
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
_DURATION_PART: Final = rf"({_NUMBER})(h|ms|us|µs|μs|ns|m|s)"
_DURATION: Final = rf"(?:{_DURATION_PART})+"
_SIZE: Final = rf"({_NUMBER})\s*(?:([kmgtpKMGTP])(?:[iI]?[bB])?|[bB])?"
_CPUS: Final = r"[0-9]*\.?[0-9]{1,9}|[0-9]+\."
_OCTAL: Final = r"0?[0-7]{3,4}"


def nanoseconds(text: str) -> int:
    """A duration such as 10s, 1m30s or 500ms; a bare number counts seconds."""
    if re.fullmatch(_NUMBER, text):
        total = _scaled(text, text, _NS["s"])
    elif re.fullmatch(_DURATION, text):
        total = sum(_scaled(text, number, _NS[unit]) for number, unit in re.findall(_DURATION_PART, text))
    else:
        raise InvalidValue(f"{text!r} is no duration (write 500ms, 10s, 1m30s, 2h)")
    return _within(text, total, DURATION_S_MAX * _NS["s"])


def duration(text: str) -> Duration:
    """The same as a protobuf Duration."""
    seconds, nanos = divmod(nanoseconds(text), _NS["s"])
    return Duration(seconds=seconds, nanos=nanos)


def byte_count(text: str) -> int:
    """A size such as 512m, 64MiB or 1.5g; units are binary, a bare number counts bytes."""
    match = re.fullmatch(_SIZE, text.strip())
    if match is None:
        raise InvalidValue(f"{text!r} is no size (write 512m, 2g)")
    unit = BYTE_UNITS[(match[2] or "").lower()]
    return _within(text, _scaled(text, match[1], unit), INT64_MAX)


def nano_cpus(text: str) -> int:
    """A number of CPUs such as 0.5, to a billionth, or a fraction such as 1/2."""
    if match := re.fullmatch(r"([0-9]{1,18})/([0-9]{1,18})", text):
        numerator, denominator = int(match[1]), int(match[2])
        if not denominator or numerator * NANOS % denominator:
            raise InvalidValue(f"{text!r} is no number of billionths of a CPU")
        return _within(text, numerator * NANOS // denominator, INT64_MAX)
    if not re.fullmatch(_CPUS, text):
        raise InvalidValue(f"{text!r} is no number of CPUs (write 0.5 or 2)")
    return _within(text, _scaled(text, text, NANOS), INT64_MAX)


def whole(text: str, most: int = UINT64_MAX) -> int:
    """A number without sign, not above `most`."""
    if not (text.isascii() and text.isdecimal()):
        raise InvalidValue(f"{text!r} is no whole number")
    return _within(text, _scaled(text, text, 1), most)


def ratio(text: str) -> float:
    """A share from 0 to 1; that it lies between them is a rule of specs."""
    try:
        return float(text)
    except ValueError:
        raise InvalidValue(f"{text!r} is no number from 0 to 1") from None


def file_mode(text: str, example: str = "0440") -> int:
    """A file's mode in octal."""
    if not re.fullmatch(_OCTAL, text):
        raise InvalidValue(f"mode {text!r} is no file mode (write {example})")
    return int(text, 8)


def word(text: str, known: Collection[str]) -> str:
    """One of a few words, written in any case, with - or _ between its parts."""
    found = text.lower().replace("_", "-")
    if found not in known:
        raise InvalidValue(f"{text!r} is none of {', '.join(known)}")
    return found


def choice(text: str, known: Mapping[str, int]) -> int:
    """What one of a few words stands for."""
    return known[word(text, known)]


class Enum(Protocol):
    """An enum of protobuf, as its generated module holds it."""

    def items(self) -> Iterable[tuple[str, int]]: ...


def words_of(enum: Enum) -> dict[str, int]:
    """The words by which people choose a value of an enum: START_FIRST is start-first."""
    return {name.lower().replace("_", "-"): value for name, value in enum.items()}


def pair(text: str) -> tuple[str, str]:
    """key=value; without = the value is empty."""
    key, _, value = text.partition("=")
    if not key:
        raise InvalidValue(f"{text!r} has no name before the =")
    return key, value


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """Several key=value."""
    return dict(pair(text) for text in texts)


def variables(
    texts: Iterable[str], inherited: Mapping[str, str] | None, *, keeps_unset: bool = False
) -> list[str]:
    """NAME=value entries of an environment. NAME alone takes its value from `inherited`, and where that lacks it is left out
    unless such names are kept; where nothing is inherited it stays as written."""
    out = []
    for text in texts:
        name, separator, _ = text.partition("=")
        if not name or any(letter.isspace() for letter in name):
            raise InvalidValue(f"{text!r} is no NAME=value")
        if separator or inherited is None:
            out.append(text)
        elif name in inherited:
            out.append(f"{name}={inherited[name]}")
        elif keeps_unset:
            out.append(name)
    return out


def words(text: str) -> list[str]:
    """Words as a shell splits them."""
    import shlex  # on demand: few commands split words, and every command waits for its imports

    try:
        return shlex.split(text)
    except ValueError as error:
        raise InvalidValue(f"{text!r} cannot be split into words ({error})") from None


def fields(text: str, *, is_bare_true: bool = True) -> dict[str, str]:
    """One line of comma-separated key=value, quoted as in CSV. A key alone means true, or is refused like an empty value."""
    return dict(field_list(text, is_bare_true=is_bare_true))


def field_list(text: str, *, is_bare_true: bool = True) -> list[tuple[str, str]]:
    """The same in the order in which it stands, a key as often as it is written."""
    import csv  # on demand, as shlex

    try:
        row = next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration):
        raise InvalidValue(f"{text!r} is no comma-separated list of key=value") from None
    out = []
    for part in row:
        key, separator, value = (piece.strip() for piece in part.partition("="))
        if not is_bare_true and not value:
            raise InvalidValue(f"{part!r} is not of the form key=value")
        out.append((key.lower(), value if separator else "true"))
    return out


def _scaled(text: str, number: str, unit: int) -> int:
    """`number`, which may have a fraction, times `unit`, rounded down."""
    whole_part, _, fraction = number.partition(".")
    if len(number) > _DIGITS_MAX:
        raise InvalidValue(f"{text[:20] + '…'!r} is too large")
    return int(whole_part + fraction) * unit // int(10 ** len(fraction))


def _within(text: str, number: int, most: int) -> int:
    if number > most:
        raise InvalidValue(f"{text!r} is too large")
    return number
