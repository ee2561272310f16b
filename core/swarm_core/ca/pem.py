"""PEM blocks read and written by hand, because key files carry headers of their own.

RFC 1421 headers stand between the first line and the body, which most parsers reject or drop. Written form:
headers sorted (Proc-Type first), one blank line, 64 columns of base64.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n(.*?)-----END \1-----", re.DOTALL)
_HEADER = re.compile(r"([^:\s][^:]*):[ \t]*(.*)")
_COLUMNS = 64
CERTIFICATE = "CERTIFICATE"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Block:
    """One PEM block: its kind (the words after BEGIN), headers and decoded body."""

    kind: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)


def decode(data: bytes) -> list[Block]:
    """All well-formed blocks of `data`, in order. Text around them is ignored; raises ValueError for a broken body."""
    return [_block(kind, content) for kind, content in _BLOCK.findall(data)]


def encode(*blocks: Block) -> bytes:
    """The blocks, one after the other."""
    return b"".join(_encode(block) for block in blocks)


def _block(kind: bytes, content: bytes) -> Block:
    headers: dict[str, str] = {}
    if not content.isascii():
        raise ValueError("broken PEM block: it is not text")
    lines = content.decode("ascii").splitlines()
    body_at = 0
    for number, line in enumerate(lines):
        match = _HEADER.fullmatch(line.strip())
        if match is None:
            break
        headers[match[1].strip()] = match[2].strip()
        body_at = number + 1
    try:
        body = base64.b64decode("".join(lines[body_at:]).replace(" ", ""), validate=True)
    except binascii.Error as error:
        raise ValueError(f"broken PEM block: {error}") from None
    return Block(kind.decode("ascii"), body, MappingProxyType(headers))


def _encode(block: Block) -> bytes:
    text = base64.b64encode(block.body).decode("ascii")
    lines = [f"-----BEGIN {block.kind}-----"]
    if block.headers:
        order = sorted(block.headers, key=lambda name: (name != "Proc-Type", name))
        lines += [f"{name}: {block.headers[name]}" for name in order]
        lines.append("")
    lines += [text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS)]
    lines += [f"-----END {block.kind}-----", ""]
    return "\n".join(lines).encode("ascii")
