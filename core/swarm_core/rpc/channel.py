"""Calls going out: how a channel to a manager is opened.

The name expected in the manager's certificate is that of its role, whatever address was dialled. There are no
pings: the original's servers end connections that ping more often than every five minutes, and every long call
here has a heartbeat of its own.
"""

from __future__ import annotations

from swarm_core.api.limits import ANSWER_BYTES_MAX
from swarm_core.rpc.grpcio import grpc

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    # A channel of its own: closing it closes the connection, and new credentials meet no old connection.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


def secure(
    target: str,
    *,
    roots: bytes,
    server_name: str,
    certificate: bytes | None = None,
    key: bytes | None = None,
) -> grpc.aio.Channel:
    """A channel to `target` (host:port or unix:path), whose certificate `roots` must vouch for and be for
    `server_name`. A node shows its own certificate and key. All in PEM form."""
    credentials = grpc.ssl_channel_credentials(roots, key, certificate)
    names = (("grpc.ssl_target_name_override", server_name), ("grpc.default_authority", server_name))
    return grpc.aio.secure_channel(target, credentials, options=(*_OPTIONS, *names))


def plain(target: str, *, server_name: str) -> grpc.aio.Channel:
    """A channel without TLS, to a private socket of this process."""
    return grpc.aio.insecure_channel(target, options=(*_OPTIONS, ("grpc.default_authority", server_name)))
