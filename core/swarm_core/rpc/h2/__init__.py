"""HTTP/2 without I/O: bytes in, events and bytes out.

Entry points: `connection` (Connection, Receiver), `bounds` (Bounds), `hpack` (encode: constant header blocks).
The rules and where they come from: `docs/design/http2.md`.
"""
