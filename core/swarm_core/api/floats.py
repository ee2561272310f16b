"""Numbers of 32 bits, as messages hold some, for people and JSON."""

import math
import struct
from typing import Final

_FLOAT: Final = struct.Struct("<f")


def rounded(value: float) -> float:
    """The nearest number of 32 bits. Raises OverflowError."""
    return float(_FLOAT.unpack(_FLOAT.pack(value))[0])


def shortest(value: float) -> float | int:
    """The shortest decimal that is the same number of 32 bits. What is no finite number, which JSON cannot say, is 0."""
    if not math.isfinite(value):
        return 0
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if _packed(float(text)) == _packed(value):
            value = float(text)
            break
    return int(value) if value.is_integer() else value


def _packed(value: float) -> bytes:
    """Its 32 bits; nothing for what is more than the largest of them, as the largest one is in fewer digits."""
    try:
        return _FLOAT.pack(value)
    except OverflowError:
        return b""
