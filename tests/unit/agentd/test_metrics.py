"""What a node tells of itself: its figures, and whether it can do its work, with its manager's."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from swarm_agentd.agent.agent import AgentStanding
from swarm_agentd.metrics import NodeCollector, checks, serving
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.identity import Identity
from swarm_agentd.node.node import NodeFigures
from swarm_core.api.proto.types_pb2 import FAILED, RUNNING
from swarm_core.ca.tls import TlsIdentity
from swarm_core.http.hosts import UnixHost
from swarm_core.metrics.checks import Check
from swarm_core.metrics.page import Told
from swarm_core.metrics.page import serving as serving_manager
from swarm_testkit.figures import listed

WELL = AgentStanding(True, 3, 1.5, 2, {RUNNING: 4, FAILED: 1})


def node(*, is_manager: bool = False, serves: bool = False, agent: AgentStanding = WELL) -> Any:
    """A node that stands like this."""
    identity = Identity("n1", "c1", is_manager, TlsIdentity(b"", b"", b""))
    return SimpleNamespace(figures=lambda: NodeFigures(identity, 5_000_000_000, serves, 2, agent))


@asynccontextmanager
async def manager(socket: Path, *trouble: str) -> AsyncIterator[None]:
    """Its manager, which has these troubles."""

    async def ready() -> Iterable[Check]:
        return [Check("leader", *trouble)]

    async with serving_manager(UnixHost(socket), Told(CollectorRegistry(), ready)):
        yield


def test_every_figure_of_a_node_is_told() -> None:
    """Those of the page, with type and labels; of a machine without a node none."""
    found = {}
    for family in NodeCollector(lambda: node()).collect():
        name = family.name + "_total" if family.type == "counter" else family.name
        found[name] = (family.type, frozenset(label for one in family.samples for label in one.labels))
    assert found == {
        name: row for name, row in listed().items() if name.startswith(("swarm_node_", "swarm_agent_"))
    }
    told = {
        (one.name, *one.labels.values()): one.value
        for family in NodeCollector(lambda: node(is_manager=True)).collect()
        for one in family.samples
    }
    assert told["swarm_node_info", "c1", "n1"] == told["swarm_node_manager",] == 1
    assert told["swarm_agent_tasks", "running"] == 4 and told["swarm_agent_tasks", "new"] == 0
    assert told["swarm_agent_sessions_total",] == 3 and told["swarm_node_manager_starts_total",] == 2
    assert told["swarm_node_certificate_expiry_timestamp_seconds",] == 5
    assert list(NodeCollector(lambda: None).collect()) == []
    assert list(NodeCollector(lambda: SimpleNamespace(figures=lambda: None)).collect()) == []  # type: ignore[arg-type,return-value]


async def failing(socket: Path, current: Any) -> list[str]:
    return [one.name for one in await checks(socket, lambda: current) if not one.is_fine]


async def test_when_a_node_is_ready(tmp_path: Path) -> None:
    """A worker with a session; a manager when its own process says so, or else what is wrong with that."""
    socket = tmp_path / "m.sock"
    assert await failing(socket, None) == ["node"]
    assert await failing(socket, node()) == []
    lost = AgentStanding(False, 1, None, 0, {})
    assert await failing(socket, node(agent=lost)) == ["session"]
    assert await failing(socket, node(is_manager=True)) == ["manager"]
    assert await failing(socket, node(is_manager=True, serves=True)) == ["manager"]
    async with manager(socket, "nobody leads"):
        assert await checks(socket, lambda: node(is_manager=True, serves=True)) == [
            Check("session"),
            Check("leader", "nobody leads"),
        ]
    async with manager(socket):
        assert await failing(socket, node(is_manager=True, serves=True)) == []


async def test_an_address_that_cannot_be_had(tmp_path: Path) -> None:
    """It ends the daemon with one sentence."""
    (tmp_path / "x").write_text("")
    with pytest.raises(NodeError, match="a file is in its place"):
        async with serving(f"unix:{tmp_path / 'x'}", tmp_path / "m.sock", lambda: None):
            pass
