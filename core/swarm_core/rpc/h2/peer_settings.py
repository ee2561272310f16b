"""A client's SETTINGS, applied to what we send it (RFC 9113, 6.5.2).

Of each setting only the last value in a frame is applied, so that a frame costs one pass over the streams.
"""

from swarm_core.rpc.h2.frames import (
    DEFAULT_TABLE,
    ENABLE_PUSH,
    HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE,
    LARGEST_FRAME_LIMIT,
    LARGEST_WINDOW,
    MAX_FRAME_SIZE,
    SETTING,
    SMALLEST_FRAME_LIMIT,
    Code,
)
from swarm_core.rpc.h2.sending import FRAME_BYTES_MAX, Sender


def read_settings(payload: bytes, sender: Sender) -> tuple[Code, str] | None:
    """Apply them; or the error that they are."""
    last: dict[int, int] = {}
    for name, value in SETTING.iter_unpack(payload):
        if name == ENABLE_PUSH and value > 1:
            return Code.PROTOCOL_ERROR, "ENABLE_PUSH is neither 0 nor 1"
        if name == INITIAL_WINDOW_SIZE and value > LARGEST_WINDOW:
            return Code.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE beyond 2^31-1"
        if name == MAX_FRAME_SIZE and not SMALLEST_FRAME_LIMIT <= value <= LARGEST_FRAME_LIMIT:
            return Code.PROTOCOL_ERROR, "MAX_FRAME_SIZE out of its range"
        if name == HEADER_TABLE_SIZE and value < DEFAULT_TABLE and not sender.has_no_table:
            # Our encoder uses no table at all; the client hears so once, and no later size matters.
            sender.has_no_table = sender.owes_table = True
        last[name] = value
    if MAX_FRAME_SIZE in last:
        sender.frame_bytes = min(last[MAX_FRAME_SIZE], FRAME_BYTES_MAX)
    if INITIAL_WINDOW_SIZE in last and not sender.resize(last[INITIAL_WINDOW_SIZE]):
        return Code.FLOW_CONTROL_ERROR, "a window beyond 2^31-1"
    return None
