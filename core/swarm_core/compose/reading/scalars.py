"""Plain scalars as docker's YAML reader takes them, and values as the text that Go prints for them (docs/design/stacks.md 12.2).

The reader is YAML 1.2 with remains of 1.1: only true and false are booleans, a leading 0 is octal, there is no base 60.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from swarm_core.compose.reading.values import WrittenFloat, WrittenInt

_CONSTANTS: Final[Mapping[str, Any]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".nan": math.nan, ".NaN": math.nan, ".NAN": math.nan,
    ".inf": math.inf, ".Inf": math.inf, ".INF": math.inf, "+.inf": math.inf, "+.Inf": math.inf, "+.INF": math.inf,
    "-.inf": -math.inf, "-.Inf": -math.inf, "-.INF": -math.inf,
}  # fmt: skip
_INTEGER: Final = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_MOMENT: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?"
    r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?"
)
_INT64_MIN: Final = -(1 << 63)
_UINT64_MAX: Final = (1 << 64) - 1
_EXPONENT_MIN: Final = -4
_EXPONENT_END: Final = 6
"""Go writes 1000000.0 as 1e+06 and 100000.0 as 100000."""


def resolve(text: str) -> Any:
    """The value of a plain scalar without a tag."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789" or _MOMENT.fullmatch(text):
        return text
    bare = text.replace("_", "")
    if match := _INTEGER.fullmatch(bare):
        number = _integer(match[1], match[2])
        if _INT64_MIN <= number <= _UINT64_MAX:
            return _kept(WrittenInt, number, text)
    if _FLOAT.fullmatch(bare):
        return _kept(WrittenFloat, float(bare), text)
    return text


def is_moment(text: str) -> bool:
    """Whether docker's reader makes a point in time of this plain scalar."""
    return _MOMENT.fullmatch(text) is not None


def _integer(sign: str, digits: str) -> int:
    if digits[:1] == "0" and digits[1:2].isdecimal():
        digits = "0o" + digits[1:]
    number = int(digits, 0)
    return -number if sign == "-" else number


def _kept(kind: Any, number: Any, text: str) -> Any:
    """The number, with its text where it prints otherwise."""
    if as_text(number) == text:
        return number
    written = kind(number)
    written.text = text
    return written


def as_text(value: Any) -> str:
    """The text that docker's tool chain makes of a scalar where a text is wanted."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float():
            return _float_text(float(value))
        case None:
            return ""
        case _:
            return str(value)


def _float_text(number: float) -> str:
    """Go's `%v` of a float64."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    if number == 0:
        return "-0" if math.copysign(1, number) < 0 else "0"
    mantissa, _, exponent_text = f"{number!r}".partition("e")
    sign = "-" if number < 0 else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    point = len(whole) - leading + int(exponent_text or 0)
    digits = digits.rstrip("0")
    exponent = point - 1
    if not _EXPONENT_MIN <= exponent < _EXPONENT_END:
        tail = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{tail}e{'+' if exponent >= 0 else '-'}{abs(exponent):02}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return f"{sign}{digits}{'0' * (point - len(digits))}"
    return f"{sign}{digits[:point]}.{digits[point:]}"
