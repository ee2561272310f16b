"""One node: its identity, its agent, and its manager while it is one.

Rules (control-plane spec 6.3)
1. The order: state directory, identity, then manager and agent side by side; either ending ends the node.
2. Cancelling `run` ends the node politely: the manager stops, tasks keep running and are found again by the next run.
"""

import logging
import random

from swarm_core.api.proto.dispatcher_pb2 import SessionMessage
from swarm_core.api.proto.types_pb2 import Peer
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.agent.agent import Agent
from swarm_agentd.agent.storage import FileStorage
from swarm_agentd.exec.executor import Executor
from swarm_agentd.node import identity as identities
from swarm_agentd.node.config import NodeConfig
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.identity import Identity
from swarm_agentd.node.launcher import CommandLauncher
from swarm_agentd.node.managers import KnownManagers, LocalManager
from swarm_agentd.node.remotes import Remotes
from swarm_agentd.node.state_dir import StateDirectory
from swarm_agentd.node.supervisor import ManagerSupervisor

_log = logging.getLogger(__name__)


class Node:
    """`executor` runs the node's tasks; `state` is the opened and locked state directory."""

    def __init__(
        self, config: NodeConfig, state: StateDirectory, executor: Executor, clock: Clock, rng: random.Random
    ) -> None:
        self._config, self._state, self._executor = config, state, executor
        self._clock, self._rng = clock, rng
        self._supervisor: ManagerSupervisor | None = None

    async def run(self) -> None:
        """Until cancelled. Raises NodeError or StorageUnusable, perhaps in an ExceptionGroup."""
        identity = await self._identify()
        _log.info(
            "node %s of cluster %s (%s)",
            identity.node_id,
            identity.organization,
            "manager" if identity.is_manager else "worker",
        )
        storage = FileStorage(self._state.worker / "tasks.db")
        try:
            async with Group() as group:
                agent = self._make_agent(identity, storage)
                if self._supervisor is not None:
                    group.spawn(self._supervisor.run(), name="manager supervision")
                group.spawn(self._tell_ready(agent), name="readiness")
                group.spawn(agent.run(), name="agent")
        finally:
            storage.close()

    async def _identify(self) -> Identity:
        config, state = self._config, self._state
        found = identities.load(state, self._clock, kek=config.unlock_key)
        if found is not None:
            if config.join is not None:
                identities.check_join(state, config.join)
            if found.is_manager and config.unlock_key is not None:
                raise NodeError("this version cannot run a locked manager")
            return found
        if config.join is not None:
            return await identities.join_cluster(state, config.join, self._clock, self._rng)
        return identities.found_cluster(state, self._clock, self._rng)

    def _make_agent(self, identity: Identity, storage: FileStorage) -> Agent:
        remotes = Remotes(self._rng, self._first_remotes(identity))
        local = None
        if identity.is_manager:
            launcher = CommandLauncher(
                self._config.manager_flags(), self._state.manager_pid_file, self._clock
            )
            self._supervisor = ManagerSupervisor(
                launcher, self._config.control_socket, identity.tls.roots, self._clock, self._rng
            )
            local = LocalManager(identity.node_id, self._config.control_socket, self._supervisor.serving)
        managers = KnownManagers(remotes, identity.tls, local=local, keep=self._state.write_remotes)
        return Agent(
            node_id=identity.node_id,
            executor=self._executor,
            managers=managers,
            storage=storage,
            clock=self._clock,
            rng=self._rng,
            hostname=self._config.hostname,
            tls_info=identity.tls_info,
            on_session=lambda message: self._check_session(identity, message),
        )

    def _first_remotes(self, identity: Identity) -> list[Peer]:
        if self._config.join is not None:
            return [Peer(addr=self._config.join.address)]
        known = self._state.read_remotes()
        if not known and not identity.is_manager:
            raise NodeError(
                "this node knows no manager of its cluster; start it with --join-addr and --join-token"
            )
        return known

    async def _tell_ready(self, agent: Agent) -> None:
        await agent.registered_once.wait()
        _log.info("the node is ready")

    def _check_session(self, identity: Identity, message: SessionMessage) -> None:
        """What managers want that this version does not do is said, not passed over."""
        if message.RootCA and message.RootCA != identity.tls.roots:
            _log.warning("the cluster's root certificate has changed; this node still trusts the old one")
        wants_manager = message.node.spec.desired_role == 1
        if message.node.id and wants_manager != identity.is_manager:
            wanted = "manager" if wants_manager else "worker"
            _log.warning("the cluster wants this node to be a %s, which takes joining anew", wanted)
