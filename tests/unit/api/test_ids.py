"""Identifiers: their form, and that the fast way gives what the rule says."""

import random

from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.ids import base36, new_id


class Fixed(random.Random):
    """Gives one number, whatever is asked."""

    value = 0

    def getrandbits(self, k: int, /) -> int:
        return self.value


@given(st.integers(0, 2**136 - 1))
def test_new_id_follows_the_rule(value: int) -> None:
    """17 bytes with the top bit set, in base 36, without the first digit, 25 digits."""
    rng = Fixed()
    rng.value = value
    assert new_id(rng) == base36(value | 1 << 135)[1:26]


@given(st.integers(0, 2**300), st.integers(0, 70))
def test_base36_is_python_s_inverse(value: int, width: int) -> None:
    """Reading the digits gives the number back; padding reaches the width."""
    text = base36(value, width)
    assert int(text, 36) == value
    assert len(text) >= width
