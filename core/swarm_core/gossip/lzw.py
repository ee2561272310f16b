"""LZW with the least significant bit first and eight bits a letter, as gossip is compressed. Pure; only reading is needed."""

from swarm_core.gossip.msgpack import Malformed

_CLEAR, _END, _WIDTH_MAX = 256, 257, 12


def decompressed(data: bytes, limit: int) -> bytes:
    """The text. Raises Malformed for what is none, or is longer than `limit`."""
    table = _letters()
    out = bytearray()
    last: bytes | None = None
    width, bits, held = 9, 0, 0
    at = 0
    while True:
        while held < width:
            if at == len(data):
                raise Malformed("compressed data ends too early")
            bits |= data[at] << held
            held, at = held + 8, at + 1
        code, bits, held = bits & ((1 << width) - 1), bits >> width, held - width
        if code == _END:
            return bytes(out)
        if code == _CLEAR:
            table, width, last = _letters(), 9, None
            continue
        entry = _entry(table, code, last)
        out += entry
        if len(out) > limit:
            raise Malformed("longer than allowed when decompressed")
        if last is not None and len(table) < 1 << _WIDTH_MAX:
            table.append(last + entry[:1])
        last = entry
        # The writer is one entry ahead of the reader.
        if len(table) + 1 > 1 << width and width < _WIDTH_MAX:
            width += 1


def _entry(table: list[bytes], code: int, last: bytes | None) -> bytes:
    if code < len(table):
        return table[code]
    if last is None or code != len(table):
        raise Malformed("an unknown code in compressed data")
    return last + last[:1]


def _letters() -> list[bytes]:
    return [bytes([letter]) for letter in range(256)] + [b"", b""]
