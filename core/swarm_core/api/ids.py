"""Identifiers of objects: 25 lower-case base-36 characters (docs/design/certificates.md 3.1)."""

import random

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 25
_ID_BITS = 17 * 8
# The top bit is set, so that there are always 27 digits: the first is dropped and 25 are kept.
_TOP_BIT = 1 << (_ID_BITS - 1)
_CHUNK = 36**9
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]


def new_id(rng: random.Random) -> str:
    """A fresh identifier from 17 random bytes of `rng` (a SystemRandom outside tests)."""
    value = rng.getrandbits(_ID_BITS) | _TOP_BIT
    # Nine digits fit a machine word, where division is cheap; two digits at a time halve the steps.
    upper, low = divmod(value, _CHUNK)
    top, middle = divmod(upper, _CHUNK)
    return (_nine(top) + _nine(middle) + _nine(low))[1 : 1 + ID_LENGTH]


def _nine(value: int) -> str:
    """`value` (below 36**9) in nine digits."""
    value, a = divmod(value, 1296)
    value, b = divmod(value, 1296)
    value, c = divmod(value, 1296)
    value, d = divmod(value, 1296)
    return _DIGITS[value] + _PAIRS[d] + _PAIRS[c] + _PAIRS[b] + _PAIRS[a]


def base36(value: int, width: int = 0) -> str:
    """`value` (not negative) in base 36, padded with zeros on the left to `width`."""
    assert value >= 0
    out = []
    while value:
        value, digit = divmod(value, 36)
        out.append(_DIGITS[digit])
    return "".join(reversed(out)).rjust(max(width, 1), "0")
