"""The process executor (port exec.executor): tasks of kind `process` on this machine."""

import hashlib
import os
import platform
import socket
from collections.abc import Collection, Sequence
from pathlib import Path

from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.api.proto.types_pb2 import EncryptionKey, NodeDescription
from swarm_core.api.runtimes import PROCESS, RUNTIME_PLUGIN
from swarm_core.api.version import VERSION
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.exec.executor import Dependencies
from swarm_agentd.exec.private_files import PrivateFiles, memory_root
from swarm_agentd.executors.process import cgroups
from swarm_agentd.executors.process.controller import Host, ProcessController, free, stop
from swarm_agentd.executors.process.directory import TaskDirectory, known_ids
from swarm_agentd.executors.process.plan import STOP_GRACE_S, Plan
from swarm_agentd.ports.tasks import LocalTasks


class ProcessExecutor:
    """`state` is a directory of this executor alone; `home`, in or above which it lies, is the topmost one that is the node's own. `groups` and `memory` are found on the host when not given. `ports` says which
    tasks take connections."""

    def __init__(
        self,
        state: Path,
        clock: Clock,
        *,
        home: Path | None = None,
        groups: cgroups.Cgroups | None = None,
        memory: Path | None = None,
        ports: LocalTasks | None = None,
    ) -> None:
        key = hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:12]
        self._tasks = state / "tasks"
        self._host = Host(
            clock=clock,
            home=home or state,
            cgroups=cgroups.detect(key) if groups is None else groups,
            material=PrivateFiles(memory_root(key, state / "memory") if memory is None else memory),
            ports=LocalTasks(clock) if ports is None else ports,
        )

    async def run(self) -> None:
        """Nothing runs in the background: the shims look after the processes."""

    async def describe(self) -> NodeDescription:
        machine = NodeDescription(hostname=socket.gethostname())
        machine.platform.architecture = platform.machine()
        machine.platform.os = platform.system().lower()
        machine.resources.nano_cpus = (os.cpu_count() or 1) * 1_000_000_000
        machine.resources.memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        machine.engine.engine_version = VERSION
        machine.engine.plugins.add(type=RUNTIME_PLUGIN, name=PROCESS)
        return machine

    async def configure(self, node: Node) -> None:
        """Processes take nothing from the node object."""

    def controller(self, task: Task, dependencies: Dependencies) -> ProcessController:
        plan = Plan.of(task)
        return ProcessController(task, plan, dependencies, TaskDirectory(self._tasks, task.id), self._host)

    async def retain(self, task_ids: Collection[str]) -> None:
        found = {*known_ids(self._tasks), *self._host.material.known_ids(), *self._host.cgroups.known_ids()}
        async with Group() as group:
            for task_id in sorted(found - set(task_ids)):
                group.spawn(self._clear(task_id), name=f"clear {task_id}")

    async def set_network_bootstrap_keys(self, keys: Sequence[EncryptionKey]) -> None:
        """Processes have no networks of their own."""

    async def _clear(self, task_id: str) -> None:
        directory = TaskDirectory(self._tasks, task_id)
        await stop(directory, self._host, grace_s=STOP_GRACE_S)
        await free(task_id, directory, self._host)
