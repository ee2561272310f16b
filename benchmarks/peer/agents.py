"""Pretended workers, many in one process: they join, hold a session, heartbeat, take assignments and report, running nothing.

    python -m peer.agents ADDRESS COUNT each|batch      (the join token in $SWARM_JOIN_TOKEN)

`each`: one task a report, one report after the other, as Docker Engines do. `batch`: what one message of assignments asks for is
one report, and they say that they run our daemon, as agents of ours do. Only the last state of a task is reported. A lost session is begun again after SwarmKit's pauses, with any manager
that the last session told of. `READY` says that all have had a session.
"""

import asyncio
import os
import random
import sys
import time
from collections import deque

from google.protobuf.message import Message
from swarm_agentd.node import identity as identities
from swarm_agentd.node.identity import Identity, Join
from swarm_core.api.proto import dispatcher_pb2, types_pb2
from swarm_core.api.runtimes import CONTAINER, RUNTIME_PLUGIN
from swarm_core.api.states import RUNNING, SHUTDOWN
from swarm_core.ca import tls
from swarm_core.client import certificates
from swarm_core.client.dial import SystemDial
from swarm_core.runtime import loop as event_loop
from swarm_core.runtime.clock import SystemClock

from peer.wire import AUTHORITY, ConnectionEnded, Wire

_JOINING_MAX = 8
_PAUSE_S, _PAUSE_MAX_S = 0.1, 8.0
_UPDATES_MAX = 150  # as many as fit into one frame
_REMOVE = dispatcher_pb2.AssignmentChange.AssignmentAction.REMOVE


class Session(asyncio.Protocol):
    """One session of one agent, over a connection of its own; `ended` is done with it."""

    def __init__(self, agent: "Agent") -> None:
        self._agent = agent
        self._wire = Wire()
        self._id = ""
        self._due: deque[tuple[str, int]] = deque()
        self._report = 0
        self._heartbeat: asyncio.TimerHandle | None = None
        self._streams: dict[int, str] = {}
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        description = types_pb2.NodeDescription(hostname=self._agent.name)
        description.platform.architecture, description.platform.os = "x86_64", "linux"
        description.resources.nano_cpus, description.resources.memory_bytes = 64 * 10**9, 256 << 30
        if self._agent.reports_batches:
            description.engine.plugins.add(type=RUNTIME_PLUGIN, name=CONTAINER)
        self._call("Session", dispatcher_pb2.SessionRequest(description=description))
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for stream, message in self._wire.receive(data):
                self._take(stream, message)
        except ConnectionEnded:
            self._transport.close()
            return
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        if not self.ended.done():
            self.ended.set_result(None)

    def _take(self, stream: int, message: bytes | None) -> None:
        what = self._streams[stream]
        if message is None:
            del self._streams[stream]
            if what in ("Session", "Assignments"):
                raise ConnectionEnded(what)
            if stream == self._report:
                self._report = 0
                self._report_next()
        elif what == "Session":
            self._registered(dispatcher_pb2.SessionMessage.FromString(message))
        elif what == "Assignments":
            self._assigned(dispatcher_pb2.AssignmentsMessage.FromString(message))
        elif what == "Heartbeat":
            period = dispatcher_pb2.HeartbeatResponse.FromString(message).period
            due_s = max(0.2, period.seconds + period.nanos / 1e9)
            self._heartbeat = asyncio.get_running_loop().call_later(due_s, self._beat)

    def _registered(self, message: dispatcher_pb2.SessionMessage) -> None:
        self._agent.addresses = [one.peer.addr for one in message.managers] or self._agent.addresses
        if self._id:
            return
        self._id = message.session_id
        self._agent.registered.set()
        self._call("Heartbeat", dispatcher_pb2.HeartbeatRequest(session_id=self._id))
        self._call("Assignments", dispatcher_pb2.AssignmentsRequest(session_id=self._id))

    def _beat(self) -> None:
        self._call("Heartbeat", dispatcher_pb2.HeartbeatRequest(session_id=self._id))
        self._flush()

    def _assigned(self, message: dispatcher_pb2.AssignmentsMessage) -> None:
        for change in message.changes:
            task = change.assignment.task
            if not task.id:
                continue
            if change.action == _REMOVE:
                self._agent.states.pop(task.id, None)
                continue
            wanted = RUNNING if task.desired_state <= RUNNING else SHUTDOWN
            if self._agent.states.get(task.id, 0) < wanted:
                self._agent.states[task.id] = wanted
                self._due.append((task.id, wanted))
        self._report_next()

    def _report_next(self) -> None:
        """Report what is due, unless a report is on its way."""
        if self._report or not self._due:
            return
        request = dispatcher_pb2.UpdateTaskStatusRequest(session_id=self._id)
        for _ in range(len(self._due) if self._agent.reports_batches else 1):
            task_id, state = self._due.popleft()
            update = request.updates.add(task_id=task_id)
            update.status.state = state
            update.status.timestamp.FromNanoseconds(time.time_ns())
            update.status.message = "pretended"
            if len(request.updates) == _UPDATES_MAX:
                break
        self._report = self._call("UpdateTaskStatus", request)

    def _call(self, name: str, request: Message) -> int:
        stream = self._wire.request(f"Dispatcher.{name}", request.SerializeToString())
        self._streams[stream] = name
        return stream

    def _flush(self) -> None:
        if self._wire.outgoing:
            self._transport.write(bytes(self._wire.outgoing))  # type: ignore[attr-defined]
            self._wire.outgoing.clear()


class Agent:
    """`addresses`: managers that it may begin a session with. `states`: what it has reported, by task."""

    def __init__(self, number: int, address: str, *, reports_batches: bool) -> None:
        self.name = f"pretended-{number:03d}"
        self.reports_batches = reports_batches
        self.addresses = [address]
        self.states: dict[str, int] = {}
        self.registered = asyncio.Event()

    async def run(self, join: Join, roots: bytes, joining: asyncio.Semaphore) -> None:
        """Until cancelled."""
        async with joining:
            identity = await identities.obtain(
                join, SystemClock(), random.SystemRandom(), SystemDial(), roots=roots
            )
        pause_s = _PAUSE_S
        while True:
            self.registered.clear()
            try:
                await self._session(identity, roots)
            except (OSError, TimeoutError):
                pass
            if self.registered.is_set():
                pause_s = _PAUSE_S
            await asyncio.sleep(random.uniform(0, pause_s))
            pause_s = min(_PAUSE_MAX_S, 2 * pause_s)

    async def _session(self, identity: Identity, roots: bytes) -> None:
        host, _, port = random.choice(self.addresses).rpartition(":")
        context = tls.client_context(roots, identity.tls)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(5):
            transport, session = await loop.create_connection(
                lambda: Session(self), host, int(port), ssl=context, server_hostname=AUTHORITY
            )
        try:
            await session.ended
        finally:
            transport.close()


async def serve(address: str, count: int, *, reports_batches: bool) -> None:
    join = Join(address, os.environ["SWARM_JOIN_TOKEN"])
    token = identities.parse_token(join.token)
    roots = await certificates.download_root(address, token=token, clock=SystemClock())
    joining = asyncio.Semaphore(_JOINING_MAX)
    agents = [Agent(number, address, reports_batches=reports_batches) for number in range(1, count + 1)]
    async with asyncio.TaskGroup() as group:
        for agent in agents:
            group.create_task(agent.run(join, roots, joining))
        for agent in agents:
            await agent.registered.wait()
        print("READY", flush=True)


def main() -> None:
    address, count, how = sys.argv[1:]
    event_loop.run(serve(address, int(count), reports_batches={"each": False, "batch": True}[how]))


if __name__ == "__main__":
    main()
