"""Header compression (RFC 7541): a decoder for what clients send, and an encoder for answers, which needs no table.

The decoder keeps the dynamic table that a client fills. A client that repeats itself sends the same bytes for the
same fields as long as the table does not change: such a block is read once and remembered, and so is whatever the
shell has made of it. The encoder never touches the client's table, so that its blocks are constant bytes.

A block that cannot be decoded breaks the connection (`BlockError`), for the two tables would differ from then on.
"""

import re
from collections.abc import Iterable
from typing import Final

from swarm_core.rpc.h2 import huffman
from swarm_core.rpc.h2.bounds import Bounds
from swarm_core.rpc.h2.fields import Fields, Pair
from swarm_core.rpc.h2.frames import DEFAULT_TABLE

ENTRY_OVERHEAD: Final = 32
# What tells a client that our encoder gives up its dynamic table.
NO_TABLE: Final = b"\x20"

STATIC: Final[tuple[Pair, ...]] = (
    (b"", b""),  # the first index is 1
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
)
_DYNAMIC: Final = len(STATIC)
# The octet that stands for the newest entry of the dynamic table.
_FIRST_DYNAMIC: Final = 0x80 + len(STATIC)
_STATIC_INDEX: Final = {pair: index for index, pair in reversed(list(enumerate(STATIC)))}
_STATIC_NAMES: Final = {name: index for index, (name, _) in reversed(list(enumerate(STATIC)))}

# RFC 9113, 8.2.1: the characters of a name (in lower case; a colon only in front), and what a value must not hold.
_NAME: Final = re.compile(rb":?[!-9;-@\[-~]+").fullmatch
_BAD_VALUE: Final = re.compile(rb"[\x00\r\n]|\A[ \t]|[ \t]\Z").search
# More octets than that make no number that we could use.
_INTEGER_OCTETS: Final = 4
# A block longer than that is not remembered.
_CACHED_BLOCK_BYTES: Final = 2_048


class BlockError(Exception):
    """A header block that breaks RFC 7541."""


class Decoder:
    """Reads the header blocks of one connection, in their order."""

    def __init__(self, bounds: Bounds) -> None:
        self._list_bytes = bounds.list_bytes
        self._cached_blocks = bounds.cached_blocks
        # The largest table that a client may ask for; ours counts alone once our settings are acknowledged.
        self._limit = max(bounds.table_bytes, DEFAULT_TABLE)
        self._table_bytes = bounds.table_bytes
        self._size_max = DEFAULT_TABLE
        self._owes_update = False
        # The dynamic table: its size as RFC 7541 counts it, and its entries, of which the newest is the last one.
        self.size = 0
        self.entries: list[Pair] = []
        self._cache: dict[bytes, Fields] = {}
        # Once a malformed field is in the table, indexed fields are looked at as well.
        self._is_tainted = False

    @property
    def remembered(self) -> int:
        return len(self._cache)

    def settle(self) -> None:
        """Our settings are acknowledged: a larger table is not allowed any more."""
        self._limit = self._table_bytes
        if self._size_max > self._limit:
            self._owes_update = True
            self._cache.clear()

    def decode(self, block: bytes) -> Fields:
        found = self._cache.get(block)
        if found is not None:
            return found
        entries, size_max = len(self.entries), self._size_max
        try:
            fields, has_inserted = self._read(block)
        except IndexError:
            raise BlockError("an index beyond the table, or a block that ends too early") from None
        if has_inserted or size_max != self._size_max or entries != len(self.entries):
            self._cache.clear()
        elif len(block) <= _CACHED_BLOCK_BYTES and not fields.broken:
            if len(self._cache) >= self._cached_blocks:
                self._cache.clear()
            self._cache[block] = fields
        return fields

    def _read(self, block: bytes) -> tuple[Fields, bool]:
        entries, end = self.entries, len(block)
        at = self._read_updates(block)
        pairs: list[Pair] = []
        append = pairs.append
        broken, has_inserted = "", False
        while at < end:
            byte = block[at]
            at += 1
            if byte >= _FIRST_DYNAMIC and byte != 0xFF:
                append(entries[_FIRST_DYNAMIC - 1 - byte])
            elif byte > 0x80:
                index = byte & 0x7F
                if index == 0x7F:
                    index, at = _integer(block, at, index)
                append(self._entry(index))
            elif byte & 0x60 == 0x20 or byte == 0x80:
                raise BlockError("a size update after a field, or index 0")
            else:
                pair, at, fault = self._literal(block, at, byte)
                append(pair)
                broken = broken or fault
                has_inserted = has_inserted or byte >= 0x40
        return self._judged(pairs, broken), has_inserted

    def _entry(self, index: int) -> Pair:
        return STATIC[index] if index < _DYNAMIC else self.entries[_DYNAMIC - 1 - index]

    def _literal(self, block: bytes, at: int, first: int) -> tuple[Pair, int, str]:
        """A field that is spelled out behind the octet `first`; where it ends; and what is wrong with it."""
        is_kept = first >= 0x40
        index = first & 0x3F if is_kept else first & 0x0F
        if index == (0x3F if is_kept else 0x0F):
            index, at = _integer(block, at, index)
        fault = ""
        if index:
            name = self._entry(index)[0]
        else:
            name, at = _string(block, at)
            if not _NAME(name):
                fault = f"field {name!r}"
        value, at = _string(block, at)
        if _BAD_VALUE(value):
            fault = f"value of field {name!r}"
        pair = (name, value)
        if is_kept:
            self._insert(pair)
            if fault:
                self._is_tainted = True
        return pair, at, fault

    def _judged(self, pairs: list[Pair], broken: str) -> Fields:
        size = ENTRY_OVERHEAD * len(pairs)
        for name, value in pairs:
            size += len(name) + len(value)
        if size > self._list_bytes:
            return Fields((), too_large=True)
        if self._is_tainted and not broken:
            broken = next((f"field {n!r}" for n, v in pairs if not _NAME(n) or _BAD_VALUE(v)), "")
        return Fields(tuple(pairs), broken)

    def _insert(self, pair: Pair) -> None:
        size = len(pair[0]) + len(pair[1]) + ENTRY_OVERHEAD
        self._shrink(self._size_max - size)
        if size <= self._size_max:
            self.entries.append(pair)
            self.size += size

    def _shrink(self, size_max: int) -> None:
        entries = self.entries
        while self.size > size_max and entries:
            name, value = entries.pop(0)
            self.size -= len(name) + len(value) + ENTRY_OVERHEAD

    def _read_updates(self, block: bytes) -> int:
        """Size updates stand at the head of a block: the smallest size of those between, and the last one."""
        at = count = 0
        while at < len(block) and block[at] & 0xE0 == 0x20:
            count += 1
            size = block[at] & 0x1F
            at += 1
            if size == 0x1F:
                size, at = _integer(block, at, size)
            if size > self._limit:
                raise BlockError("a table larger than our settings allow")
            self._size_max = size
            self._shrink(size)
            self._owes_update = False
        if count > 2:
            raise BlockError("more than two size updates")
        if self._owes_update:
            raise BlockError("the table is not as small as our settings demand")
        return at


def _integer(block: bytes, at: int, value: int) -> tuple[int, int]:
    """The rest of an integer whose prefix is all ones (RFC 7541, 5.1)."""
    for shift in range(0, 7 * _INTEGER_OCTETS, 7):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise BlockError("an integer without end")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    first = block[at]
    size = first & 0x7F
    at += 1
    if size == 0x7F:
        size, at = _integer(block, at, size)
    end = at + size
    if end > len(block):
        raise BlockError("a string longer than its block")
    text = block[at:end]
    if first & 0x80:
        decoded = huffman.decode(text)
        if decoded is None:
            raise BlockError("a string that is no Huffman code")
        return decoded, end
    return text, end


def encode(pairs: Iterable[Pair]) -> bytes:
    """A block that neither uses nor fills the dynamic table: the same bytes on every connection."""
    parts = []
    for name, value in pairs:
        if (name, value) in _STATIC_INDEX:
            parts.append(_prefixed(_STATIC_INDEX[name, value], 0x80, 7))
        else:
            index = _STATIC_NAMES.get(name, 0)
            parts.append(_prefixed(index, 0, 4))
            if not index:
                parts.append(_text(name))
            parts.append(_text(value))
    return b"".join(parts)


def _text(text: bytes) -> bytes:
    return _prefixed(len(text), 0, 7) + text


def _prefixed(value: int, flags: int, bits: int) -> bytes:
    """An integer behind `flags`, in the lowest `bits` bits of its first octet and in as many more as it needs."""
    largest = (1 << bits) - 1
    if value < largest:
        return bytes((flags | value,))
    octets = [flags | largest]
    value -= largest
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*octets, value))
