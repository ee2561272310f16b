"""The Engine API in front of a cluster in memory, for tests with clients of docker.

`api_at` serves it on a unix socket. The node is a stand-in whose `now` tests may change; its manager is a FakeCluster.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from google.protobuf.message import Message
from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.events import Events
from swarm_agentd.engine_api.kept_answers import KeptAnswers
from swarm_agentd.engine_api.local_engine import LocalEngine
from swarm_agentd.engine_api.managers import LocalManagers
from swarm_agentd.engine_api.membership.asked import Beginning, Joining
from swarm_agentd.engine_api.server import make_routes
from swarm_agentd.node.standing import NodeState, Standing
from swarm_core.api.proto.types_pb2 import Peer
from swarm_core.api.store_versions import Versions
from swarm_core.client.errors import Unreachable
from swarm_core.engines.client import EngineClient
from swarm_core.http.errors import HttpError
from swarm_core.http.guard import Guard
from swarm_core.http.server import Face
from swarm_core.specs.addresses import Interface

from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.http_face import Answer, ask, face_at

T = TypeVar("T")
MANAGER = Standing(NodeState.ACTIVE, "node-1", True, True, (Peer(node_id="node-1", addr="10.0.0.1:4242"),))
WORKER = Standing(NodeState.ACTIVE, "node-2", False, False, (Peer(node_id="node-1", addr="10.0.0.1:4242"),))
INTERFACES = (Interface("eth0", ("10.0.0.5",)), Interface("two", ("10.1.0.1", "10.1.0.2"), is_hardware=False))
JSON_HEADERS = {"Content_Type": "application/json"}


@dataclass
class StandIn:
    """A machine that stands as it is told, notes what is asked of its membership, and refuses with `refusal` where there is one."""

    now: Standing
    asked: list[object] = field(default_factory=list)
    refusal: HttpError | None = None

    def standing(self) -> Standing:
        return self.now

    async def to_the_end(self, work: Callable[[], Awaitable[T]]) -> T:
        return await work()

    async def begin(self, asked: Beginning) -> str:
        self._note(asked)
        self.now = MANAGER
        return MANAGER.node_id

    async def join(self, asked: Joining) -> None:
        self._note(asked)
        self.now = WORKER

    async def leave(self, *, force: bool) -> None:
        self._note(force)
        self.now = Standing(NodeState.INACTIVE)

    async def unlock(self, text: str) -> None:
        self._note(text)
        self.now = MANAGER

    def _note(self, asked: object) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(asked)


@dataclass(frozen=True, slots=True)
class Link:
    """One connection to the cluster, whose end is not the cluster's."""

    cluster: FakeCluster

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        return await self.cluster.call(method, request, timeout=timeout)

    def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        return self.cluster.stream(method, request)

    def both_ways(self, method: str, requests: AsyncIterator[Message]) -> AsyncIterator[Any]:
        return self.cluster.both_ways(method, requests)

    def versions(self, kinds: Iterable[type[Message]]) -> Versions | None:
        return tuple(self.cluster.changed_at.get(kind, 0) for kind in kinds)

    async def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Api:
    """`path` is the socket."""

    path: Path
    cluster: FakeCluster
    node: StandIn
    context: Context

    @property
    def events(self) -> Events:
        return self.context.events

    async def get(self, target: str) -> Answer:
        return await ask(self.path, "GET", target)

    async def post(self, target: str, body: bytes = b"", **headers: str) -> Answer:
        """With a body, one of JSON."""
        return await ask(self.path, "POST", target, body, **(JSON_HEADERS if body else {}), **headers)

    async def delete(self, target: str) -> Answer:
        return await ask(self.path, "DELETE", target)


@asynccontextmanager
async def api_at(
    path: Path,
    cluster: FakeCluster,
    standing: Standing = MANAGER,
    engine: EngineClient | None = None,
    guard: Guard | None = None,
    *,
    is_experimental: bool = False,
) -> AsyncIterator[Api]:
    """The API of a node, without an engine and a guard unless they are given."""

    async def opening(_: Path) -> Link:
        if cluster.unreachable is not None:
            raise Unreachable(cluster.unreachable)
        return Link(cluster)

    node = StandIn(standing)
    managers = LocalManagers(node, path.with_name("control.sock"), opening)
    local = LocalEngine(engine, cluster.clock)
    context = Context(
        node, managers, local, cluster.clock, KeptAnswers(managers, cluster.clock), "the-host", Random(1), lambda: INTERFACES,
        is_experimental=lambda: is_experimental or local.is_experimental,
    )  # fmt: skip
    face = Face("Docker/test (linux)", newest=local.newest, is_experimental=context.is_experimental)
    async with face_at(path, make_routes(context), face, guard=guard):
        try:
            yield Api(path, cluster, node, context)
        finally:
            await managers.close()
