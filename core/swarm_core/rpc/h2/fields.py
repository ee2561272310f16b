"""Header fields of a request, and RFC 9113's rules on them (8.1 to 8.3). A request that breaks one is malformed.

What makes a single name or value wrong is seen while it is decoded (`hpack`); here are the rules on the whole list.
"""

from typing import Any, Final

Pair = tuple[bytes, bytes]

# Fields that speak of one HTTP/1 connection.
_OF_A_CONNECTION: Final = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)
# Fields with a rule of their own; all other names are passed over at once.
_RULED: Final = _OF_A_CONNECTION | {b"te", b"content-length", b"host"}
_PSEUDO: Final = frozenset((b":method", b":scheme", b":authority", b":path"))
_COLON: Final = 0x3A


class Fields:
    """The fields of one header block. The same block on the same table gives the same object again."""

    __slots__ = ("_fault", "broken", "is_too_large", "length", "pairs", "parsed")

    def __init__(self, pairs: tuple[Pair, ...], broken: str = "", *, too_large: bool = False) -> None:
        self.pairs = pairs
        # A place for the shell's own reading of these fields.
        self.parsed: Any = None
        # What is wrong with a name or a value by itself.
        self.broken = broken
        # The list is longer than our settings allow; it was not kept.
        self.is_too_large = too_large
        # What content-length says; -1 when nothing does. Known once `request_fault` was asked for.
        self.length = -1
        self._fault: str | None = None

    def request_fault(self) -> str:
        """What makes a request with these fields malformed; "" when nothing does. Found once."""
        if self._fault is None:
            self._fault = self.broken or self._judge()
        return self._fault

    def trailer_fault(self) -> str:
        """What makes trailers with these fields malformed."""
        if self.broken:
            return self.broken
        if any(name[0] == _COLON for name, _ in self.pairs):
            return "a pseudo-header field in trailers"
        return next(
            (fault for name, value in self.pairs if name in _RULED and (fault := self._rule(name, value))), ""
        )

    def _judge(self) -> str:
        pseudo: dict[bytes, bytes] = {}
        is_over = False
        host: bytes | None = None
        for name, value in self.pairs:
            if name[0] == _COLON:
                if is_over:
                    return f"{name!r} after other fields"
                if name not in _PSEUDO:
                    return f"{name!r} in a request"
                if name in pseudo:
                    return f"{name!r} twice"
                pseudo[name] = value
                continue
            is_over = True
            if name in _RULED:
                if fault := self._rule(name, value):
                    return fault
                if name == b"host":
                    host = value
        authority = pseudo.get(b":authority")
        if host is not None and authority is not None and host.lower() != authority.lower():
            return "host differs from :authority"
        return _pseudo_fault(pseudo)

    def _rule(self, name: bytes, value: bytes) -> str:
        if name in _OF_A_CONNECTION:
            return f"{name.decode()} belongs to HTTP/1"
        if name == b"te" and value != b"trailers":
            return "te says more than trailers"
        if name == b"content-length":
            # Python's int takes signs, blanks and underscores, and HTTP does not.
            if not value.isdigit() or len(value) > 18 or self.length not in (-1, int(value)):
                return "content-length is no number, or two"
            self.length = int(value)
        return ""


def _pseudo_fault(pseudo: dict[bytes, bytes]) -> str:
    if pseudo.get(b":method") == b"CONNECT":
        if b":scheme" in pseudo or b":path" in pseudo:
            return ":scheme or :path with CONNECT"
        return "" if pseudo.get(b":authority") else "CONNECT without :authority"
    for name in (b":method", b":scheme", b":path"):
        if not pseudo.get(name):
            return f"no {name.decode()}"
    path = pseudo[b":path"]
    if path[:1] != b"/" and not (path == b"*" and pseudo[b":method"] == b"OPTIONS"):
        return ":path is no path"
    return ""
