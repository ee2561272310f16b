"""One plugin's socket: calls by name, and what the plugin says it can do.

Rules
1. Before the first call a plugin is asked whether it is ready. What it can do is asked once for each connection.
2. A plugin that was started anew made its socket anew: then, and after a call that did not reach it, the connection is
   dropped, and the plugin is asked everything again.
3. A call has a limit of time. One that ran out of it may have had its effect.
4. Secrets go into requests and nowhere else; no request is logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swarm_core.api.proto import csi_pb2
from swarm_core.csi.errors import PluginFailed, PluginMissesIt, PluginRefused
from swarm_core.csi.sockets import PluginSocket
from swarm_core.rpc import channel
from swarm_core.rpc.grpcio import grpc

CALL_S = 15.0
# Answers that say: nothing happened, and asking the same again is of no use.
_FINAL = frozenset(
    {"INVALID_ARGUMENT", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE", "UNIMPLEMENTED", "PERMISSION_DENIED"}
)  # fmt: skip


class PluginConnection:
    """Calls on one plugin. `capabilities` asks for what its user needs to know, once for each connection."""

    def __init__(self, socket: PluginSocket, *, call_s: float = CALL_S) -> None:
        self.socket = socket
        self._call_s = call_s
        self._channel: grpc.aio.Channel | None = None
        self._seen: tuple[int, int, int] | None = None  # the socket that the channel leads to
        self._known: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return self.socket.name

    async def call(self, service: str, method: str, request: Any) -> Any:
        """The answer of one call, such as `Controller`, `CreateVolume`. Raises PluginFailed."""
        await self._connect()
        return await self._send(service, method, request)

    async def capabilities(self, ask: str, read: Callable[[], Any]) -> Any:
        """What `read` finds out, remembered under the name `ask` as long as the connection lasts."""
        await self._connect()
        if ask not in self._known:
            self._known[ask] = await read()
        return self._known[ask]

    async def close(self) -> None:
        """End the connection; the next call makes another one."""
        channel_, self._channel = self._channel, None
        self._known.clear()
        if channel_ is not None:
            await channel_.close(None)

    def _look(self) -> tuple[int, int, int]:
        """Which socket is there now."""
        try:
            found = self.socket.path.stat()
        except OSError:
            raise PluginFailed(
                f"CSI plugin {self.name} is not there: no socket at {self.socket.path}"
            ) from None
        return found.st_dev, found.st_ino, found.st_ctime_ns

    async def _connect(self) -> None:
        """Be connected with the plugin that is there now."""
        found = self._look()
        if found != self._seen:
            await self.close()
        if self._channel is not None:
            return
        self._seen = found
        self._channel = channel.plain(f"unix:{self.socket.path}", server_name="localhost")
        try:
            probe = await self._send("Identity", "Probe", csi_pb2.ProbeRequest())
            if probe.HasField("ready") and not probe.ready.value:
                raise PluginFailed(f"CSI plugin {self.name} is not ready yet")
        except BaseException:
            await self.close()
            raise

    async def _send(self, service: str, method: str, request: Any) -> Any:
        assert self._channel is not None
        call = self._channel.unary_unary(
            f"/csi.v1.{service}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=getattr(csi_pb2, f"{method}Response").FromString,
        )
        try:
            return await call(request, timeout=self._call_s)
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            if code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                await self.close()
            kind = (
                PluginRefused if code in _FINAL else PluginMissesIt if code == "NOT_FOUND" else PluginFailed
            )
            raise kind(f"CSI plugin {self.name}: {method}: {error.details() or code}") from None
