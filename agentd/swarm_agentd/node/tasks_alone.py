"""The tasks of a node that cannot live: what is kept of them is enough to end them, without managers and without an identity."""

import random
from collections.abc import Sequence

from swarm_core.api.proto.types_pb2 import WeightedPeer
from swarm_core.client.dispatch import AgentConnection
from swarm_core.client.errors import Unreachable
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.agent.agent import Agent
from swarm_agentd.exec.executor import Executor
from swarm_agentd.node.ports import Surroundings


async def remove_tasks(executor: Executor, around: Surroundings, clock: Clock, rng: random.Random) -> None:
    """End all tasks that are kept in `around`, and return when their work is removed. Raises StorageUnusable, perhaps in an
    ExceptionGroup."""
    agent = Agent(
        node_id="",
        executor=executor,
        managers=_Nobody(),
        storage=around.storage,
        plugins=around.plugins,
        records=around.records,
        clock=clock,
        rng=rng,
        progress=around.progress,
        ports=around.ports,
    )
    async with Group() as group:
        group.spawn(agent.run(), name="agent without a node")
        await agent.leave()
        group.cancel_all()


class _Nobody:
    """See agent.session.Managers."""

    async def connect(self) -> AgentConnection:
        raise Unreachable("this node's tasks are given up")

    def observe(self, connection: AgentConnection, *, is_good: bool) -> None:
        pass

    def has_untried(self) -> bool:
        return False

    def learn(self, managers: Sequence[WeightedPeer]) -> None:
        pass
