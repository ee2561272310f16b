"""The node daemon at work: builds the node's parts and serves until told to end."""

import asyncio
import logging
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from swarm_core.api.runtimes import CONTAINER, PROCESS
from swarm_core.client import log_levels, node_directory
from swarm_core.client.dial import SystemDial
from swarm_core.client.node_directory import READY
from swarm_core.runtime import lifeline, log, service_manager
from swarm_core.runtime import loop as event_loop
from swarm_core.runtime.clock import Clock, SystemClock
from swarm_core.runtime.tasks import Group

from swarm_agentd.agent.storage import FileStorage, StorageUnusable
from swarm_agentd.agent.task_ports import TaskPorts
from swarm_agentd.agent.volume_records import FileRecords
from swarm_agentd.exec.executor import Executor
from swarm_agentd.exec.progress import ProgressBoard
from swarm_agentd.exec.usage import MachineMeter, Measuring
from swarm_agentd.exec.volumes import NodePlugins, NoPlugins
from swarm_agentd.executors.runtimes import Runtimes
from swarm_agentd.node import flags
from swarm_agentd.node.config import NodeConfig
from swarm_agentd.node.errors import ManagerGaveUp, NodeError
from swarm_agentd.node.labels import EngineLabels
from swarm_agentd.node.launcher import CommandLauncher
from swarm_agentd.node.node import Node
from swarm_agentd.node.ports import Surroundings
from swarm_agentd.node.standby import Standby
from swarm_agentd.node.state_dir import StateDirectory, open_state
from swarm_agentd.ports.published import PublishedPorts
from swarm_agentd.ports.tasks import LocalTasks

if TYPE_CHECKING:
    from swarm_agentd.engine_api.membership.cluster import Cluster
    from swarm_agentd.engine_api.reloading import Reloading
    from swarm_agentd.node.api_flags import ApiConfig

_log = logging.getLogger(__name__)
# What a person can mend; anything else is a fault of the program and keeps its traceback.
_UNUSABLE = (NodeError, StorageUnusable)


def run(options: flags.Options, early: Standby | None, tell: service_manager.Tell | None) -> int:
    """Run the node until it is told to end; the exit code. `early` is a manager that stands by; `tell` tells the service manager that started
    this program."""
    try:
        event_loop.run(_serve(options, early, tell))
    except BaseExceptionGroup as group:
        unusable, other = group.split(_UNUSABLE)
        if other is not None or unusable is None:
            raise
        return give_up(_first(unusable))
    except _UNUSABLE as error:
        return give_up(error)
    return 0


async def _serve(options: flags.Options, early: Standby | None, tell: service_manager.Tell | None) -> None:
    """Serve until told to end."""
    loop, ending, leaving = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    loop.add_signal_handler(signal.SIGUSR1, leaving.set)
    if options.until_stdin_closes:
        lifeline.watch_stdin(loop, ending.set)
    clock = SystemClock()
    state = open_state(options.node.state_dir)
    with state.locked():
        making = _Making(options, state, clock, early, EngineLabels(options.labels))
        loop.add_signal_handler(signal.SIGHUP, making.reload)
        loop.add_signal_handler(log_levels.SIGNAL, making.take_log_level)
        making.log_level.begin(options.node.log_level)
        try:
            async with _watched(options, making):
                await _run(options, making, _Orders(ending, leaving, tell))
        finally:
            making.log_level.end()


async def _run(options: flags.Options, making: "_Making", orders: "_Orders") -> None:
    """Be a node until told to end."""
    if options.api is not None:
        await _answer_clients(options, options.api, making, orders)
        return
    with making.node(options.node) as node:
        async with Group() as group:
            group.spawn(node.run(), name="node")
            has_left = group.spawn(_leave(node, orders.leaving), name="leaving")
            ended = group.spawn(orders.ending.wait(), name="ending")
            group.spawn(_tell_ready(node.life.until_ready, options.ready_fd, orders.tell), name="readiness")
            await asyncio.wait((has_left, ended), return_when=asyncio.FIRST_COMPLETED)
            orders.say_stopping()
            group.cancel_all()
    if has_left.done() and not has_left.cancelled():
        making.state.forget()


@asynccontextmanager
async def _watched(options: flags.Options, making: "_Making") -> AsyncIterator[None]:
    """Tell whoever watches the node how it is, within the block. Most nodes are not watched, and load nothing for it."""
    config = options.node
    if not config.metrics_address:
        yield
        return
    from swarm_agentd import metrics

    async with metrics.serving(config.metrics_address, config.manager_metrics, lambda: making.current):
        yield


@dataclass(frozen=True, slots=True)
class _Orders:
    """What signals tell the daemon: to end, and to leave its cluster first. `tell` tells the service manager how it goes."""

    ending: asyncio.Event
    leaving: asyncio.Event
    tell: service_manager.Tell | None

    def say_stopping(self) -> None:
        """The daemon ends."""
        if self.tell is not None:
            self.tell(service_manager.STOPPING)


@dataclass(slots=True)
class _Making:
    """Makes nodes of this machine, one at a time. `early` is a manager that stands by for the first. What may change while they run is
    read again by `reload`: log level, labels, and what docker's clients are shown, where there are such clients."""

    options: flags.Options
    state: StateDirectory
    clock: Clock
    early: Standby | None
    labels: EngineLabels
    current: Node | None = None
    """The node that is being run."""
    api: "Reloading | None" = None
    log_level: log_levels.Holder = field(init=False)

    def __post_init__(self) -> None:
        self.log_level = log_levels.Holder(self.state.path)

    def reload(self) -> None:
        """Read the configuration file and the files of TLS again; what is wrong with them is told, and nothing changes."""
        source, api = self.options.config_file, self.api
        try:
            said = None if source is None else source.read()
            labels = {} if said is None else flags.labels(said.label)
            show = None if api is None else api.tls()
        except (NodeError, ValueError) as error:
            _log.error("nothing was reloaded: %s", error)
            return
        if said is not None:
            self._set_log_level(said.log_level)
            self.labels.replace(labels)
        if api is not None and show is not None:
            show()
            api.tell()
        _log.info("the configuration was reloaded")

    def take_log_level(self) -> None:
        """Somebody at this machine asks for another log level."""
        if (level := self.log_level.wanted()) is None:
            return
        self._set_log_level(level)
        _log.info("the log level is %s", level)

    def _set_log_level(self, level: str) -> None:
        log.set_level(level)
        self.log_level.hold(level)
        if self.current is not None:
            self.current.set_log_level(level)

    @contextmanager
    def node(self, config: NodeConfig) -> Iterator[Node]:
        """One that is to be run within the block. Raises NodeError, StorageUnusable."""
        options, clock, rng = self.options, self.clock, random.SystemRandom()
        state = open_state(self.state.path)
        state.note_format()
        early, self.early = self.early, None
        if early is not None and config.manager_flags() != options.node.manager_flags():
            early.dismiss()  # it was started with other flags
            early = None
        launcher = CommandLauncher(config.manager_flags(), state.manager_pid_file, clock, early=early)
        try:
            with closing(FileStorage(state.worker / "tasks.db")) as storage:
                tasks = LocalTasks(clock)
                around = Surroundings(
                    state,
                    storage,
                    launcher,
                    SystemDial(),
                    ports=make_ports(options, tasks, state.worker, clock, rng),
                    plugins=_storage_plugins(options, state.worker),
                    records=FileRecords(state.worker / "volumes"),
                    takes_commands=True,
                    labels=self.labels,
                    usage=Measuring(None if "simulated" in options.executors else MachineMeter()),
                )
                executor = make_executor(options, state.worker, clock, rng, Shared(around.progress, tasks))
                self.current = Node(config, around, executor, clock, rng)
                self.current.set_log_level(self.log_level.now)
                yield self.current
        finally:
            self.current = None
            launcher.dismiss()


def _storage_plugins(options: flags.Options, directory: Path) -> NodePlugins:
    """The storage plugins that the flags name. Most nodes have none, and load nothing for them."""
    if not options.node.csi_plugins:
        return NoPlugins()
    from swarm_core.csi import node

    return node.NodePlugins(options.node.csi_plugins, directory / "csi")


async def _answer_clients(options: flags.Options, api: "ApiConfig", making: _Making, orders: _Orders) -> None:
    """Be an engine for docker's clients until told to end, with a node or without one. Few daemons are told to, and the others load
    nothing for it."""
    from swarm_agentd.engine_api.membership.cluster import Cluster
    from swarm_agentd.engine_api.server import ApiOptions, serving_api

    engine = options.engine if "docker" in options.executors else ""
    config = ApiOptions(
        api.hosts,
        api.terms,
        engine,
        options.node.control_socket,
        options.node.store_versions,
        options.node.state_dir / node_directory.OWN_API_SOCKET,
        options.node.hostname,
        api.authorization_plugins,
        options.default_advertise,
        api.is_experimental,
        making.labels,
    )
    cluster = Cluster(options.node, making.state, making.node, making.clock, begins=options.begins_cluster)
    async with serving_api(config, cluster, making.clock) as making.api, Group() as group:
        group.spawn(cluster.run(), name="membership")
        has_left = group.spawn(_leave_cluster(cluster, orders.leaving), name="leaving")
        ended = group.spawn(orders.ending.wait(), name="ending")
        group.spawn(_tell_ready(cluster.until_settled, options.ready_fd, orders.tell), name="readiness")
        await asyncio.wait((has_left, ended), return_when=asyncio.FIRST_COMPLETED)
        orders.say_stopping()
        group.cancel_all()


async def _leave_cluster(cluster: "Cluster", leaving: asyncio.Event) -> None:
    """Return when the daemon was told to leave, and its machine is in no cluster."""
    await leaving.wait()
    await cluster.be_in_none()


async def _tell_ready(
    until_ready: Callable[[], Awaitable[None]], descriptor: int | None, tell: service_manager.Tell | None
) -> None:
    """Tell whoever started us, if it still listens."""
    if descriptor is None and tell is None:
        return
    await until_ready()
    if tell is not None:
        tell(service_manager.READY)
    if descriptor is not None:
        with suppress(OSError):
            os.write(descriptor, READY)
        os.close(descriptor)


async def _leave(node: Node, leaving: asyncio.Event) -> None:
    """Return when the node was told to leave and has stopped its tasks."""
    await leaving.wait()
    await node.leave()


def make_ports(
    options: flags.Options, tasks: LocalTasks, directory: Path, clock: Clock, rng: random.Random
) -> TaskPorts | None:
    """The ports of the node's tasks; simulated ones have none."""
    if "simulated" in options.executors:
        return None
    return PublishedPorts(tasks, directory, clock, rng, options.ports)


@dataclass(frozen=True, slots=True)
class Shared:
    """What executors share with the rest of the node: they tell `progress` what tasks are busy with, and `tasks` which take no
    connections any more."""

    progress: ProgressBoard
    tasks: LocalTasks


def make_executor(
    options: flags.Options, directory: Path, clock: Clock, rng: random.Random, shared: Shared
) -> Executor:
    """The runtimes that the flags name, in one. Only these are loaded."""
    executors: dict[str, Executor] = {}
    for name in options.executors:
        match name:
            case "docker":
                from swarm_agentd.executors.docker.executor import DockerExecutor

                executors[CONTAINER] = DockerExecutor(
                    options.engine, directory / "docker", clock, progress=shared.progress
                )
            case "process":
                from swarm_agentd.executors.process.executor import ProcessExecutor

                # The node's own directory begins one above that of its executors.
                executors[PROCESS] = ProcessExecutor(
                    directory / "process", clock, home=directory.parent, ports=shared.tasks
                )
            case _:
                from swarm_agentd.executors.simulated.executor import Behaviour, Machine, SimulatedExecutor

                machine = Machine(Behaviour(tells_usage=True), clock, rng, shared.progress)
                executors[CONTAINER] = executors[PROCESS] = SimulatedExecutor(machine)
    return Runtimes(executors, options.generic)


def give_up(reason: BaseException) -> int:
    """Say why the node cannot go on; the exit code."""
    if not isinstance(reason, ManagerGaveUp):
        sys.stderr.write(f"swarm-agentd: {reason}\n")
    return 1


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
