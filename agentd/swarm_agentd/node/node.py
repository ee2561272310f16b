"""One node: its identity, its agent, and its manager while it is one.

Rules (docs/design/node.md 6.3)
1. The order: state directory, identity, then renewal, manager and agent side by side; each ending ends the node.
2. Cancelling `run` ends the node politely: the manager stops, tasks keep running and are found again by the next run.
   A node that `leave`s stops its tasks first.
3. A new certificate is used by every connection made from then on, and the agent registers again to show it.
4. It is ready when its agent has registered and, while it is a manager, its control socket answers. `life` lets others await that, and
   the end.
"""

import asyncio
import logging
import random
from dataclasses import dataclass

from swarm_core.api.proto.types_pb2 import Peer
from swarm_core.ca.errors import CaError
from swarm_core.ca.tokens import generate_unlock_key
from swarm_core.runtime import log
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.agent.agent import Agent, AgentStanding
from swarm_agentd.exec.executor import Executor
from swarm_agentd.node import identity as identities
from swarm_agentd.node.config import NodeConfig
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.identity import Identity
from swarm_agentd.node.lifetime import Lifetime
from swarm_agentd.node.live import LiveIdentity
from swarm_agentd.node.manager_data import NodeManagerData
from swarm_agentd.node.managers import KnownManagers, LocalManager
from swarm_agentd.node.ports import Surroundings
from swarm_agentd.node.remotes import Remotes
from swarm_agentd.node.renewal import Renewer
from swarm_agentd.node.role import RoleWatch
from swarm_agentd.node.standing import NodeState, Standing
from swarm_agentd.node.supervisor import ControlSocket, ManagerSupervisor
from swarm_agentd.node.tasks_alone import remove_tasks
from swarm_agentd.node.unlock import UnlockKeys

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a node that has an identity consists of, as far as others are told of it."""

    live: LiveIdentity
    serving: asyncio.Event
    managers: KnownManagers
    supervisor: ManagerSupervisor
    agent: Agent


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """What whoever watches a node is told, beside its standing. `expires_ns`: when its certificate does, since the epoch; `manager_starts`:
    manager processes that were started."""

    identity: Identity
    expires_ns: int
    serves: bool
    manager_starts: int
    agent: AgentStanding


class Node:
    """`executor` runs the node's tasks; the state directory in `around` is opened and locked. `life` is that of its one run."""

    def __init__(
        self, config: NodeConfig, around: Surroundings, executor: Executor, clock: Clock, rng: random.Random
    ) -> None:
        self._config, self._around, self._executor = config, around, executor
        self._state = around.state
        self._clock, self._rng = clock, rng
        self._unlock = UnlockKeys(config.unlock_key)
        self._agent: Agent | None = None
        self._parts: _Parts | None = None
        self._log_level = config.log_level
        self.life = Lifetime()

    def standing(self) -> Standing:
        """See standing.HasStanding."""
        parts = self._parts
        if parts is None:
            return Standing()
        return Standing(
            NodeState.ACTIVE if self.life.is_ready else NodeState.PENDING,
            parts.live.now.node_id,
            parts.live.now.is_manager,
            parts.serving.is_set(),
            tuple(parts.managers.peers()),
        )

    def set_log_level(self, level: str) -> None:
        """Have the manager log from this level on, now and whenever it is started."""
        self._log_level = level
        if self._parts is not None:
            self._parts.supervisor.set_log_level(level)

    def figures(self) -> NodeFigures | None:
        """As they are now; None while the node has no identity."""
        parts = self._parts
        if parts is None:
            return None
        identity = parts.live.now
        return NodeFigures(
            identity,
            identity.expires_ns,
            parts.serving.is_set(),
            parts.supervisor.starts,
            parts.agent.standing(),
        )

    async def leave(self) -> None:
        """Give up the node's tasks; returns when their work is removed. The node is of no use afterwards."""
        if self._agent is not None:
            await self._agent.leave()

    async def remove_tasks(self) -> None:
        """What `leave` does, of a node that cannot `run`. Raises StorageUnusable, perhaps in an ExceptionGroup."""
        await remove_tasks(self._executor, self._around, self._clock, self._rng)

    def opening_key(self) -> bytes | None:
        """The unlock key that the key file is under; None for one in the clear, or where no key is known. For another run."""
        try:
            return self._unlock.opening(self._state.key_file)
        except (CaError, OSError):
            return None

    async def run(self) -> None:
        """Until cancelled. Raises NodeError or StorageUnusable, perhaps in an ExceptionGroup."""
        with self.life.lived():
            await self._live()

    async def _live(self) -> None:
        identity = await self._identify()
        log.about_node(identity.node_id)
        _log.info(
            "node %s of cluster %s (%s)",
            identity.node_id,
            identity.organization,
            "manager" if identity.is_manager else "worker",
        )
        if not identity.is_manager:
            self._around.launcher.dismiss()
        live = LiveIdentity(identity)
        async with Group() as group:
            serving = asyncio.Event()
            managers = self._make_managers(live, serving)
            renewer = Renewer(live, self._state.key_file, self._unlock, managers, self._clock, self._rng)
            supervisor = self._make_supervisor(live, serving, managers, renewer)
            self._agent = agent = self._make_agent(live, managers, renewer)
            self._parts = _Parts(live, serving, managers, supervisor, agent)
            group.spawn(supervisor.run(), name="manager supervision")
            group.spawn(renewer.run(), name="certificate renewal")
            group.spawn(self._renew_when_served(live, serving, renewer), name="certificate out of its time")
            group.spawn(self._tell_ready(agent, live, serving), name="readiness")
            group.spawn(agent.run(), name="agent")

    async def _identify(self) -> Identity:
        config, state = self._config, self._state
        found = identities.load(state, self._clock, kek=config.unlock_key)
        if found is not None:
            if config.join is not None:
                identities.check_join(state, config.join)
            return found
        if config.join is not None:
            joined, kek = await identities.join_cluster(
                state, config.join, self._clock, self._rng, self._around.dial
            )
            if kek is not None:
                self._unlock.learn(kek)
            return joined
        kek = generate_unlock_key() if config.autolock else None
        if kek is not None:
            self._unlock.learn(kek)
        return identities.found_cluster(state, self._clock, self._rng, kek=kek)

    def _make_managers(self, live: LiveIdentity, serving: asyncio.Event) -> KnownManagers:
        identity = live.now
        managers = KnownManagers(
            Remotes(self._rng, self._first_remotes(identity)),
            identity.tls,
            self._around.dial,
            local=LocalManager(identity.node_id, self._config.control_socket, serving),
            keep=self._state.write_remotes,
        )
        live.listen(lambda identity: managers.show(identity.tls))
        return managers

    def _make_supervisor(
        self, live: LiveIdentity, serving: asyncio.Event, managers: KnownManagers, renewer: Renewer
    ) -> ManagerSupervisor:
        data = NodeManagerData(
            self._state,
            self._unlock,
            managers,
            renewer.force,
            force_new_cluster=self._config.force_new_cluster,
        )
        return ManagerSupervisor(
            self._around.launcher,
            ControlSocket(self._config.control_socket, live, self._around.dial),
            live,
            data,
            renewer.force,
            self._clock,
            self._rng,
            serving=serving,
            log_level=self._log_level,
        )

    def _make_agent(self, live: LiveIdentity, managers: KnownManagers, renewer: Renewer) -> Agent:
        agent = Agent(
            node_id=live.now.node_id,
            executor=self._executor,
            managers=managers,
            storage=self._around.storage,
            plugins=self._around.plugins,
            records=self._around.records,
            clock=self._clock,
            rng=self._rng,
            hostname=self._config.hostname,
            tls_info=lambda: live.now.tls_info(),
            on_session=RoleWatch(live, renewer).observe,
            progress=self._around.progress,
            ports=self._around.ports,
            usage=self._around.usage,
            takes_commands=self._around.takes_commands,
            labels=lambda: self._around.labels.now,
        )
        self._around.labels.changed = agent.identity_changed
        live.listen(lambda _: agent.identity_changed())
        return agent

    def _first_remotes(self, identity: Identity) -> list[Peer]:
        if self._config.join is not None:
            return [Peer(addr=self._config.join.address)]
        if self._config.force_new_cluster:
            return []
        known = self._state.read_remotes()
        if not known and not identity.is_manager:
            raise NodeError(
                "this node knows no manager of its cluster; start it with --join-addr and --join-token"
            )
        return known

    async def _renew_when_served(self, live: LiveIdentity, serving: asyncio.Event, renewer: Renewer) -> None:
        """A certificate that nobody believes is renewed as soon as this node's own manager can be asked."""
        await serving.wait()
        if not live.now.is_in_its_time(self._clock.wall_ns()):
            renewer.force()

    async def _tell_ready(self, agent: Agent, live: LiveIdentity, serving: asyncio.Event) -> None:
        await agent.registered_once.wait()
        async with Group() as group:
            waits = (
                group.spawn(serving.wait(), name="control socket"),
                group.spawn(live.until_role(is_manager=False), name="role"),
            )
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            group.cancel_all()
        self.life.ready()
        _log.info("the node is ready")
