"""HPACK's Huffman code (RFC 7541, appendix B), read four bits at a time through a table of states.

The code is canonical: the widths of its codes say all. Codes grow with their width, and in one width with their symbol.
"""

from functools import cache
from typing import Final

# Width in bits of the code of each byte value, and last of the end-of-string symbol.
WIDTHS: Final = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c"
    "060a0a0c0d06080b0a0a080b080606060505050606060606060607080f060c0a"
    "0d06070707070707070707070707070707070707070707070807080d130d0e06"
    "0f05060506050606060507070606060506070605050607070707070f0b0e0d1c"
    "1416141416161617161717171717181718181617181717171715161716171718"
    "1615141616171715171616181516171715151615171617171416161617161617"
    "1a1a1413161716191a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b"
    "14181415161515171616191918181a171a1b1a1a1b1b1b1b1b1c1b1b1b1b1b1a"
    "1e"
)
_END: Final = 256
_NODES: Final = 256
# One node more than the code has: whoever meets the end-of-string symbol stays here.
_LOST: Final = _NODES * 16
_SYMBOL: Final = 0x100


def codes() -> list[tuple[int, int]]:
    """Code and width of each symbol, in the order of the symbols."""
    found = [(0, 0)] * len(WIDTHS)
    code = width = 0
    for symbol in sorted(range(len(WIDTHS)), key=lambda symbol: (WIDTHS[symbol], symbol)):
        code <<= WIDTHS[symbol] - width
        width = WIDTHS[symbol]
        found[symbol] = (code, width)
        code += 1
    return found


def decode(data: bytes) -> bytes | None:
    """The bytes that `data` stands for; None when it is no sequence of whole codes and a short padding of ones."""
    steps, ends = _states()
    state = 0
    found = bytearray()
    for byte in data:
        step = steps[state | byte >> 4]
        if step & _SYMBOL:
            found.append(step & 0xFF)
        step = steps[step >> 9 | byte & 0xF]
        if step & _SYMBOL:
            found.append(step & 0xFF)
        state = step >> 9
    return bytes(found) if state in ends else None


def encode(data: bytes) -> bytes:
    table = codes()
    bits = width = 0
    for byte in data:
        code, size = table[byte]
        bits = bits << size | code
        width += size
    padding = -width % 8
    return (bits << padding | (1 << padding) - 1).to_bytes((width + padding) // 8, "big")


@cache
def _states() -> tuple[list[int], frozenset[int]]:
    """What four bits lead to from each inner node of the code's tree, and the nodes where a string may end.

    A step holds the next node (times 16, from bit 9 on) and, where `_SYMBOL` is set, a symbol that is complete.
    """
    children = _tree()
    steps = [_walk(children, node, bits) for node in range(_NODES) for bits in range(16)]
    steps += [_LOST << 9] * 16
    node, ends = 0, {0}
    for _ in range(7):  # padding is the beginning of the end-of-string symbol, which is all ones
        node = children[node][1]
        ends.add(node * 16)
    return steps, frozenset(ends)


def _tree() -> list[list[int]]:
    """Both children of each inner node; a leaf is the complement of its symbol, and so below zero."""
    children = [[0, 0]]
    for symbol, (code, width) in enumerate(codes()):
        node = 0
        for place in range(width - 1, 0, -1):
            bit = code >> place & 1
            if not children[node][bit]:
                children[node][bit] = len(children)
                children.append([0, 0])
            node = children[node][bit]
        children[node][code & 1] = ~symbol
    assert len(children) == _NODES
    return children


def _walk(children: list[list[int]], node: int, bits: int) -> int:
    symbol = 0
    for place in (3, 2, 1, 0):
        node = children[node][bits >> place & 1]
        if node == ~_END:
            return _LOST << 9
        if node < 0:
            symbol = ~node | _SYMBOL
            node = 0
    return node * 16 << 9 | symbol
