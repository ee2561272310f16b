"""The agent of one node: a session with a manager, the worker with the node's tasks, and an executor.

Rules
1. Everything an agent needs comes by constructor; any number of agents runs in one process.
2. Cancelling `run` ends the agent politely: it stops no task. `leave` gives the node's tasks up.
3. The node's description is taken every 20 s, and when its identity changed; then, and when it differs, the node registers
   again.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from swarm_core.api.proto.dispatcher_pb2 import AssignmentsMessage, SessionMessage
from swarm_core.api.proto.objects_pb2 import Node
from swarm_core.api.proto.types_pb2 import NodeDescription, NodeTLSInfo
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import event_or_time

from swarm_agentd.agent.commands import CommandServer
from swarm_agentd.agent.logs import LogPublisher
from swarm_agentd.agent.progress import ProgressReporter
from swarm_agentd.agent.reporter import Reporter
from swarm_agentd.agent.session import Managers, SessionLoop
from swarm_agentd.agent.storage import TaskStorage
from swarm_agentd.agent.task_ports import NoPorts, TaskPorts
from swarm_agentd.agent.usage import UsageReporter, UsageSampler
from swarm_agentd.agent.volume_records import MemoryRecords, VolumeRecords
from swarm_agentd.agent.volumes import NodeVolumes, Surroundings
from swarm_agentd.agent.worker import Worker
from swarm_agentd.config import AgentConfig
from swarm_agentd.exec.executor import Executor
from swarm_agentd.exec.progress import ProgressBoard
from swarm_agentd.exec.usage import Measuring
from swarm_agentd.exec.volumes import NodePlugins, NoPlugins

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AgentStanding:
    """How an agent stands at one moment, for whoever watches it. `sessions`: that have begun; `beat_age_s`: since a manager last answered a
    heartbeat; `reports`: that no manager was told yet; `tasks`: how many are in each state."""

    is_registered: bool
    sessions: int
    beat_age_s: float | None
    reports: int
    tasks: Mapping[int, int]


class Agent:
    """`hostname` replaces the executor's when not empty, `labels` come to the engine's; `tls_info` describes the node's certificate, if it has one. `plugins` are
    the storage plugins of this node, `records` what is kept of the volumes that they publish.

    `on_session` sees every session message after the agent did: role, root CA and managers are the node's business.
    `registered_once` is set once the node has had its first session. `progress` is what the executor tells of its tasks.
    With `takes_commands` commands may be run by hand in its tasks. With `usage` it is told what the machine and the tasks use.
    """

    def __init__(
        self,
        *,
        node_id: str,
        executor: Executor,
        managers: Managers,
        storage: TaskStorage,
        plugins: NodePlugins | None = None,
        records: VolumeRecords | None = None,
        clock: Clock,
        rng: random.Random,
        config: AgentConfig | None = None,
        hostname: str = "",
        labels: Callable[[], Mapping[str, str]] = dict,
        tls_info: Callable[[], NodeTLSInfo | None] = lambda: None,
        on_session: Callable[[SessionMessage], None] = lambda _: None,
        progress: ProgressBoard | None = None,
        ports: TaskPorts | None = None,
        usage: Measuring | None = None,
        takes_commands: bool = False,
    ) -> None:
        self.registered_once = asyncio.Event()
        self._node_id = node_id
        self._ports = ports or NoPorts()
        self._executor = executor
        self._managers = managers
        self._clock = clock
        self._config = config or AgentConfig()
        self._hostname, self._labels = hostname, labels
        self._tls_info = tls_info
        self._on_session = on_session
        self._description: NodeDescription | None = None
        self._node: Node | None = None
        self._key_times: frozenset[int] = frozenset()
        self._is_leaving = False
        self._is_changed = asyncio.Event()
        self._reporter = Reporter(self._config.report_tasks_max)
        self._volumes = NodeVolumes(
            plugins or NoPlugins(),
            records or MemoryRecords(),
            clock,
            Surroundings(
                secret=lambda secret_id: self._worker.secret(secret_id),
                in_use=lambda volume_id: self._worker.uses_volume(volume_id),
                unpublished=self._reporter.report_unpublished,
            ),
        )
        self._worker = Worker(
            executor=executor,
            storage=storage,
            volumes=self._volumes,
            reporter=self._reporter,
            clock=clock,
            config=self._config,
            description=lambda: self._description or NodeDescription(),
            ports=self._ports,
        )
        self._sampler = None if usage is None else UsageSampler(self._worker.managers, usage.meter, clock)
        self._sessions = SessionLoop(
            managers=managers,
            handler=self,
            reporter=self._reporter,
            logs=LogPublisher(node_id, self._worker, clock, self._config),
            progress=ProgressReporter(progress or ProgressBoard(), clock, self._config),
            commands=CommandServer(self._worker) if takes_commands else None,
            usage=None if self._sampler is None else UsageReporter(self._sampler, clock, rng, self._config),
            clock=clock,
            rng=rng,
            config=self._config,
            ports=self._ports,
        )

    async def run(self) -> None:
        """Until cancelled. Raises, in an ExceptionGroup, StorageUnusable or what ends the choice of a manager for good."""
        async with Group() as outer:
            outer.spawn(self._executor.run(), name="executor")
            outer.spawn(self._ports.run(self._node_id, self._is_changed.set), name="ports")
            try:
                self._description = await self._describe()
                async with Group() as group:
                    group.spawn(self._worker.run(), name="worker")
                    group.spawn(self._sessions.run(), name="sessions")
                    group.spawn(self._watch_description(), name="description")
                    if self._sampler is not None:
                        group.spawn(self._sampler.run(self._config.usage_apart_s), name="usage")
            finally:
                outer.cancel_all()

    def standing(self) -> AgentStanding:
        """How it stands now."""
        return AgentStanding(
            self._sessions.is_up,
            self._sessions.begun,
            self._sessions.beat_age_s,
            self._reporter.waiting,
            Counter(status.state for status in self._worker.statuses().values()),
        )

    async def leave(self) -> None:
        """Give up all tasks, ignore further assignments, and return when every task's work is removed."""
        self._is_leaving = True
        await self._worker.leave()

    def identity_changed(self) -> None:
        """The node has another certificate: register again, which shows it."""
        self._is_changed.set()

    # what the session loop asks of its handler

    def description(self) -> NodeDescription | None:
        """See session.SessionHandler."""
        return self._description

    async def adopt(self, message: SessionMessage) -> None:
        """See session.SessionHandler."""
        self._managers.learn(message.managers)
        if self._node is None or _differ(self._node, message.node):
            self._node = Node()
            self._node.CopyFrom(message.node)
            try:
                await self._executor.configure(self._node)
            except Exception as error:  # noqa: BLE001 - an executor's trouble must not end the session
                _log.error("the executor did not take the node's configuration: %s", error)
        keys = list(message.network_bootstrap_keys)
        if any(key.lamport_time not in self._key_times for key in keys):
            self._key_times = frozenset(key.lamport_time for key in keys)
            self._ports.set_keys(keys)
            await self._executor.set_network_bootstrap_keys(keys)
        self._on_session(message)

    async def assign(self, message: AssignmentsMessage) -> None:
        """See session.SessionHandler."""
        if not self._is_leaving:
            await self._worker.assign(message)

    def registered(self) -> None:
        """See session.SessionHandler."""
        self._reporter.report(self._worker.statuses())
        self.registered_once.set()

    # the node's description

    async def _describe(self) -> NodeDescription | None:
        try:
            described = await self._executor.describe()
        except Exception as error:  # noqa: BLE001 - an engine that does not answer leaves the old description
            _log.warning("the executor cannot describe the node: %s", error)
            return self._description
        description = NodeDescription()
        description.CopyFrom(described)
        if self._hostname:
            description.hostname = self._hostname
        description.engine.labels.update(self._labels())
        tls_info = self._tls_info()
        if tls_info is not None:
            description.tls_info.CopyFrom(tls_info)
        self._ports.describe(description)
        description.csi_info.extend(await self._volumes.describe())
        return description

    async def _watch_description(self) -> None:
        while True:
            is_told = await event_or_time(self._clock, self._is_changed, self._config.describe_every_s)
            self._is_changed.clear()
            description = await self._describe()
            # After a change of identity the connection is made anew, whatever the description shows of it.
            if is_told or description != self._description:
                self._description = description
                self._sessions.renew()


def _differ(old: Node, new: Node) -> bool:
    """Whether anything but status and meta differs."""
    one, other = Node(), Node()
    for copy, node in ((one, old), (other, new)):
        copy.CopyFrom(node)
        copy.ClearField("status")
        copy.ClearField("meta")
    return one != other
