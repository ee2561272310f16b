"""All limits of one connection, as data: the shell gives strangers small ones and members generous ones.

A `Rate` counts what an honest peer does seldom: `burst` at once, and `per_second` more as time passes. What an
honest peer does in answer to us (probes and window updates for DATA that we sent) is added as it is earned.
Past a rate the connection fails with ENHANCE_YOUR_CALM.
"""

from dataclasses import dataclass
from math import inf

from swarm_core.rpc.h2.frames import DEFAULT_WINDOW, LARGEST_FRAME_LIMIT, LARGEST_WINDOW, SMALLEST_FRAME_LIMIT


@dataclass(frozen=True, slots=True)
class Rate:
    burst: int
    per_second: float

    def __post_init__(self) -> None:
        assert self.burst > 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one connection. The defaults suit members of the cluster."""

    # Streams open at once. Go's and our own clients and Docker Engines open hundreds at most.
    streams: int = 1_000
    # Receive windows: what a peer may send before the shell has used it up. The second counts for all streams.
    stream_window: int = 1 << 20
    connection_window: int = 4 << 20
    # Size of the frames that we accept: the RFC's smallest, which every client uses.
    frame_bytes: int = 16_384
    # One header block: its encoded bytes, its CONTINUATION frames, and the decoded list as RFC 9113 6.5.2 counts it.
    block_bytes: int = 65_536
    block_frames: int = 32
    list_bytes: int = 65_536
    # The decoder's dynamic table, and how many whole blocks are remembered.
    table_bytes: int = 4_096
    cached_blocks: int = 64
    # Bytes that one take_output gives, and those that may wait for windows. An answer beyond is given up.
    output_bytes: int = 131_072
    queued_bytes: int = 256 << 20
    # Streams that the peer gave up, or broke by its own fault: rapid reset.
    resets: Rate = Rate(2_000, 100.0)
    # Streams opened beyond the limit. Honest peers do it only before they have read our settings.
    refusals: Rate = Rate(1_000, 20.0)
    # PINGs beyond those that DATA sent by us explains (Go's and grpcio's clients measure bandwidth with each).
    pings: Rate = Rate(200, 10.0)
    settings: Rate = Rate(50, 2.0)
    # Window updates beyond those that DATA sent by us and streams opened explain.
    updates: Rate = Rate(2_000, 100.0)
    # DATA without content that ends nothing.
    empties: Rate = Rate(200, 10.0)
    # Frames that change nothing: PRIORITY, unknown types, frames of streams that are over.
    ignored: Rate = Rate(2_000, 50.0)
    # Seconds until the preface has come, our settings are acknowledged, and a header block or frame once begun is complete.
    preface_seconds: float = 20.0
    settings_seconds: float = 20.0
    frame_seconds: float = 60.0
    # Seconds until a request has ended: long streams from the client are a member's right.
    request_seconds: float = inf
    # Seconds in which no 4 KiB of a waiting answer could be sent: a reader that does not read.
    stalled_seconds: float = 600.0
    # Seconds without any stream: then the connection is shut down in order.
    idle_seconds: float = inf
    # After so many silent seconds a PING asks whether the peer is there; it has so many to answer.
    keepalive_seconds: float = 60.0
    keepalive_answer_seconds: float = 20.0

    def __post_init__(self) -> None:
        # HTTP/2 cannot make the connection's window smaller than it begins, nor a frame's limit.
        assert DEFAULT_WINDOW <= self.connection_window <= LARGEST_WINDOW
        assert 0 < self.stream_window <= self.connection_window
        assert SMALLEST_FRAME_LIMIT <= self.frame_bytes <= LARGEST_FRAME_LIMIT
        # Less does not hold what an honest client sends.
        assert self.block_bytes >= 1_024


MEMBERS = Bounds()

# A stranger asks for the root certificate and for a certificate of its own: a few small unary calls.
STRANGERS = Bounds(
    streams=16,
    stream_window=65_535,
    connection_window=65_535,
    block_bytes=8_192,
    block_frames=8,
    list_bytes=8_192,
    cached_blocks=8,
    queued_bytes=1 << 20,
    resets=Rate(50, 1.0),
    refusals=Rate(100, 1.0),
    pings=Rate(50, 1.0),
    settings=Rate(10, 0.2),
    updates=Rate(200, 10.0),
    empties=Rate(20, 1.0),
    ignored=Rate(100, 5.0),
    preface_seconds=10.0,
    settings_seconds=10.0,
    frame_seconds=10.0,
    request_seconds=30.0,
    stalled_seconds=30.0,
    idle_seconds=60.0,
)
