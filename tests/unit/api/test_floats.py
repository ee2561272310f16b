"""Numbers of 32 bits."""

import struct

import pytest
from swarm_core.api.floats import shortest


@pytest.mark.parametrize("bits", [0x7F7FFFFF, 0xFF7FFFFF, 0x00000001, 0x3DCCCCCD])
def test_the_shortest_decimal_is_the_same_number(bits: int) -> None:
    """The largest one too, which is larger than any number of 32 bits when it is told in fewer digits."""
    value = struct.unpack("<f", struct.pack("<I", bits))[0]
    assert struct.pack("<f", shortest(value)) == struct.pack("<I", bits)
