"""The figures of a node for Prometheus, and whether it is well (docs/design/metrics.md M.1, M.3).

Rules
1. One address tells of the whole node: while it is a manager, the figures and checks of its manager process are told with its own.
2. A manager that does not answer in time takes nothing from the node's own figures; it is a check that fails.

Loaded only where somebody asked for figures.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from swarm_core.api.proto.types_pb2 import TaskState
from swarm_core.http.listeners import CannotListen
from swarm_core.metrics import address, page
from swarm_core.metrics.checks import Check, heard
from swarm_core.runtime import unix_paths

from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.node import Node, NodeFigures

_MANAGER_S: Final = 5.0
_UNHEARD: Final = (aiohttp.ClientError, OSError, TimeoutError)
Current = Callable[[], Node | None]
"""The node that is being run, if any."""


@asynccontextmanager
async def serving(listen: str, manager: Path, current: Current) -> AsyncIterator[None]:
    """Tell of the node on the address `listen` within the block; its manager answers at the socket `manager`. Raises NodeError."""
    registry = CollectorRegistry()
    registry.register(NodeCollector(current))
    ProcessCollector(registry=registry)

    async def more() -> bytes:
        if not _serves(current):
            return b""
        try:
            return (await _asked(manager, "/metrics"))[1]
        except _UNHEARD:
            return b""

    async def ready() -> Iterable[Check]:
        return await checks(manager, current)

    try:
        async with page.serving(address.host(listen), page.Told(registry, ready, more)):
            yield
    except CannotListen as error:
        raise NodeError(str(error)) from None


async def checks(manager: Path, current: Current) -> list[Check]:
    """Whether the node can do its work."""
    node = current()
    found = None if node is None else node.figures()
    if found is None:
        return [Check("node", "this machine is in no cluster, or has no certificate yet")]
    is_registered = found.agent.is_registered
    own = [Check("session", "" if is_registered else "no manager has the node's session")]
    if not found.identity.is_manager:
        return own
    if not found.serves:
        return [*own, Check("manager", "the node's manager does not serve yet")]
    try:
        return [*own, *heard((await _asked(manager, "/readyz"))[1].decode())]
    except _UNHEARD as error:
        return [*own, Check("manager", f"it does not answer: {error or type(error).__name__}")]


def _serves(current: Current) -> bool:
    node = current()
    found = None if node is None else node.figures()
    return found is not None and found.serves


async def _asked(socket: Path, path: str) -> tuple[int, bytes]:
    """Status and body of one answer. Raises what is in `_UNHEARD`."""
    with unix_paths.to_reach(socket) as place:
        connector = aiohttp.UnixConnector(place, force_close=True)
        async with asyncio.timeout(_MANAGER_S), aiohttp.ClientSession(connector=connector) as session:
            async with session.get(f"http://manager{path}") as answer:
                return answer.status, await answer.read()


class NodeCollector(Collector):
    """How the node stands, looked at when somebody asks."""

    def __init__(self, current: Current) -> None:
        self._current = current

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked of a node that is not there yet."""
        return ()

    def collect(self) -> Iterable[Metric]:
        node = self._current()
        found = None if node is None else node.figures()
        if found is None:
            return
        yield from _of_node(found)
        yield from _of_agent(found)


def _of_node(found: NodeFigures) -> Iterable[Metric]:
    info = GaugeMetricFamily(
        "swarm_node_info", "Information related to the swarm", labels=("swarm_id", "node_id")
    )
    info.add_metric([found.identity.organization, found.identity.node_id], 1)
    yield info
    yield _gauge("swarm_node_manager", "Whether this node is a manager or not", found.identity.is_manager)
    yield _gauge("swarm_node_manager_serving", "Whether its manager's control socket answers.", found.serves)
    yield _gauge(
        "swarm_node_certificate_expiry_timestamp_seconds",
        "When its certificate expires.",
        found.expires_ns / 1e9,
    )
    yield CounterMetricFamily(
        "swarm_node_manager_starts", "Manager processes that were started.", value=found.manager_starts
    )


def _of_agent(found: NodeFigures) -> Iterable[Metric]:
    agent = found.agent
    yield _gauge("swarm_agent_session", "Whether the node has a session with a manager.", agent.is_registered)
    yield CounterMetricFamily("swarm_agent_sessions", "Sessions that have begun.", value=agent.sessions)
    if agent.beat_age_s is not None:
        yield _gauge(
            "swarm_agent_heartbeat_age_seconds",
            "Since a manager last answered a heartbeat.",
            agent.beat_age_s,
        )
    yield _gauge("swarm_agent_queued_reports", "States that no manager was told of yet.", agent.reports)
    tasks = GaugeMetricFamily("swarm_agent_tasks", "Tasks of this node.", labels=("state",))
    for name, state in TaskState.items():
        tasks.add_metric([name.lower()], agent.tasks.get(state, 0))
    yield tasks


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=float(value))
