"""As much of MessagePack as gossip uses, in its older form, in which bytes are written as texts are. Pure.

Whoever holds a key of the cluster may have sent it; still nothing is read past its end, and nesting is bounded.
"""

import struct
from typing import Any

_DEPTH_MAX = 8


class Malformed(ValueError):
    """What came is no message of this kind."""


class Reader:
    """Reads values one after the other. Texts and bytes both are bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def value(self, depth: int = 0) -> Any:
        """The next one. Raises Malformed."""
        if depth > _DEPTH_MAX:
            raise Malformed("nested too deeply")
        head = self._take(1)[0]
        if head <= 0x7F:
            return head
        if head <= 0x8F:
            return self._map(head & 0x0F, depth)
        if head <= 0x9F:
            return self._list(head & 0x0F, depth)
        if head <= 0xBF:
            return self._take(head & 0x1F)
        if head >= 0xE0:
            return head - 0x100
        return self._long(head, depth)

    def _long(self, head: int, depth: int) -> Any:
        match head:
            case 0xC0:
                return None
            case 0xC2 | 0xC3:
                return head == 0xC3
            case 0xC4 | 0xC5 | 0xC6:
                return self._take(self._number(1 << (head - 0xC4)))
            case 0xCC | 0xCD | 0xCE | 0xCF:
                return self._number(1 << (head - 0xCC))
            case 0xD0 | 0xD1 | 0xD2 | 0xD3:
                return int.from_bytes(self._take(1 << (head - 0xD0)), "big", signed=True)
            case 0xD9 | 0xDA | 0xDB:
                return self._take(self._number(1 << (head - 0xD9)))
            case 0xDC | 0xDD:
                return self._list(self._number(2 << (head - 0xDC)), depth)
            case 0xDE | 0xDF:
                return self._map(self._number(2 << (head - 0xDE)), depth)
        raise Malformed(f"unknown type {head:#x}")

    def rest(self) -> bytes:
        """What was not read."""
        return self._data[self._at :]

    def _map(self, count: int, depth: int) -> dict[bytes, Any]:
        self._check(count)
        found = {}
        for _ in range(count):
            key = self.value(depth + 1)
            if not isinstance(key, bytes):
                raise Malformed("a key is no text")
            found[key] = self.value(depth + 1)
        return found

    def _list(self, count: int, depth: int) -> list[Any]:
        self._check(count)
        return [self.value(depth + 1) for _ in range(count)]

    def _check(self, count: int) -> None:
        if count > len(self._data) - self._at:
            raise Malformed("more elements than bytes")

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise Malformed("ends too early")
        taken, self._at = self._data[self._at : end], end
        return taken


def written(value: Any) -> bytes:
    """A value in that form: None, booleans, numbers, bytes, lists and maps."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return _number(value)
    if isinstance(value, bytes):
        return _sized(len(value), 0xA0, 32, 0xDA) + value
    if isinstance(value, list):
        return _sized(len(value), 0x90, 16, 0xDC) + b"".join(map(written, value))
    assert isinstance(value, dict)
    parts = (written(key) + written(one) for key, one in value.items())
    return _sized(len(value), 0x80, 16, 0xDE) + b"".join(parts)


def _number(value: int) -> bytes:
    if 0 <= value <= 0x7F:
        return bytes([value])
    return b"\xcf" + struct.pack(">Q", value) if value > 0 else b"\xd3" + struct.pack(">q", value)


def _sized(size: int, short: int, limit: int, long: int) -> bytes:
    if size < limit:
        return bytes([short | size])
    return struct.pack(">BH", long, size) if size <= 0xFFFF else struct.pack(">BI", long + 1, size)
