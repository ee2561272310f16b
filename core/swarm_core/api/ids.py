"""Identifiers of objects: 25 lower-case base-36 characters (control-plane spec 3.1)."""

import random

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 25
_ID_BYTES = 17
# 17 bytes with the top bit set always give 27 digits; one is dropped and 25 are kept.
_TOP_BIT = 1 << (8 * _ID_BYTES - 1)


def new_id(rng: random.Random) -> str:
    """A fresh identifier from 17 random bytes of `rng` (a SystemRandom outside tests)."""
    value = rng.getrandbits(8 * _ID_BYTES) | _TOP_BIT
    return base36(value)[1 : 1 + ID_LENGTH]


def base36(value: int, width: int = 0) -> str:
    """`value` (not negative) in base 36, padded with zeros on the left to `width`."""
    assert value >= 0
    out = []
    while value:
        value, digit = divmod(value, 36)
        out.append(_DIGITS[digit])
    return "".join(reversed(out)).rjust(max(width, 1), "0")
