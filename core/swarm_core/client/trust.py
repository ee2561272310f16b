"""Whom a client believes: an explicit CA file, the root certificate beside a control socket, or what the socket says.

A unix socket is authenticated by its permissions: whoever may put a socket into that directory is the node. So its
own root certificate may be asked of it, unverified, when no file offers one. Nothing fetched over a network is ever
believed without a digest (`certificates.download_root`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto import ca_pb2
from swarm_core.ca import tls
from swarm_core.client.errors import Unreachable
from swarm_core.rpc import dialler
from swarm_core.rpc.grpcio import grpc

ROOT_NAME = Path("certificates") / "swarm-root-ca.crt"
_DOCKER_RUN = (Path("/var/run/docker/swarm"), Path("/run/docker/swarm"))
_DOCKER_STATE = Path("/var/lib/docker/swarm")
_GET_ROOT = "/docker.swarmkit.v1.CA/GetRootCACertificate"


@dataclass(frozen=True, slots=True)
class Trust:
    """`roots`: PEM bundle; `identity`: what we show, for nodes; `server_name`: who the manager must be."""

    roots: bytes
    identity: tls.TlsIdentity | None = None
    server_name: str = MANAGER_ROLE

    @property
    def tls(self) -> tls.ClientTls:
        """How to reach a manager under this trust."""
        return tls.ClientTls(self.roots, self.server_name, self.identity)

    @staticmethod
    def from_file(path: Path) -> Trust:
        """The roots of a file that the user named. Raises Unreachable."""
        try:
            return Trust(path.read_bytes())
        except OSError as error:
            raise Unreachable(f"the CA file {path} cannot be read: {error.strerror or error}") from None


def beside(socket_path: Path) -> Trust | None:
    """The trust that the layout around a control socket offers: our own `<state>`, or Docker's directories."""
    places = [socket_path.parent]
    if socket_path.parent in _DOCKER_RUN:
        places.append(_DOCKER_STATE)
    for place in places:
        try:
            return Trust((place / ROOT_NAME).read_bytes())
        except OSError:
            continue
    return None


async def fetch_root(target: str, *, timeout: float) -> bytes:
    """The root bundle that whoever answers at `target` claims. Raises OSError, grpc.aio.AioRpcError."""
    anybody = tls.Anybody()
    # Once by hand: what goes wrong here has a name, which it would lose inside grpcio.
    transport, _ = await dialler.connect(target, anybody, asyncio.Protocol)
    transport.abort()
    async with dialler.DialledChannel(target, anybody) as channel:
        data: bytes = await channel.unary_unary(_GET_ROOT, None, None)(b"", timeout=timeout)
    return ca_pb2.GetRootCACertificateResponse.FromString(data).certificate


def failure_text(error: grpc.aio.AioRpcError) -> str:
    """The peer's words."""
    return error.details() or error.code().name
