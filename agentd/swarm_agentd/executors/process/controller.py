"""One task as a process of this machine (port exec.controller).

Nothing about the running process is kept in this object: each call reads the task's directory, so that it makes no
difference which daemon made the process.
"""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarm_core.api.proto.exec_pb2 import ExecSpec
from swarm_core.api.proto.logbroker_pb2 import LogMessage, LogSubscriptionOptions
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import ContainerStatus, PortStatus
from swarm_core.api.task_ports import described, ingress_targets, local_ports
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.exec.commands import Typed, Write
from swarm_agentd.exec.errors import (
    AlreadyPrepared,
    AlreadyStarted,
    Closed,
    ExitFailure,
    Fatal,
    InvalidTask,
    Missing,
    Temporary,
)
from swarm_agentd.exec.executor import Dependencies
from swarm_agentd.exec.private_files import File, PrivateFiles
from swarm_agentd.exec.usage import Reading
from swarm_agentd.exec.volumes import mounted_volumes
from swarm_agentd.executors.process import commands, health, keeper, logs, own_ports, volumes
from swarm_agentd.executors.process.cgroups import Cgroups
from swarm_agentd.executors.process.directory import Exit, Started, TaskDirectory
from swarm_agentd.executors.process.material import CONFIGS, SECRETS, collect, environment
from swarm_agentd.executors.process.plan import Plan, find_user
from swarm_agentd.ports import sockets
from swarm_agentd.ports.tasks import LocalTasks

_RELEASE_TRIES, _RELEASE_WAIT_S = 50, 0.02


@dataclass(frozen=True, slots=True)
class Host:
    """What all tasks of one daemon share."""

    clock: Clock
    home: Path  # below it all directories are the node's own
    cgroups: Cgroups
    material: PrivateFiles
    ports: LocalTasks


class ProcessController:
    def __init__(
        self, task: Task, plan: Plan, dependencies: Dependencies, directory: TaskDirectory, host: Host
    ) -> None:
        self._task, self._plan, self._dependencies = task, plan, dependencies
        self._directory, self._host = directory, host
        self._health = health.configuration(plan.spec.healthcheck)
        self._monitor: health.Monitor | None = None
        self._closed = False

    async def update(self, task: Task) -> None:
        self._check_open()
        self._task = task

    async def prepare(self) -> None:
        self._check_open()
        if self._directory.is_prepared():
            raise AlreadyPrepared(self._task.id)
        limits, cgroups = self._plan.limits, self._host.cgroups
        if missing := cgroups.missing(limits):
            raise InvalidTask(
                f"this node cannot limit {' and '.join(missing)}: its control groups are not ours to use"
            )
        has_files = bool(self._collect())
        mounted = await mounted_volumes(self._task, self._dependencies)
        try:
            self._directory.create()
            added = volumes.link(self._directory, mounted)
            if has_files:
                added |= environment(self._host.material.directory(self._task.id))
            launch = self._plan.launch(self._directory, added)
            if launch["user"] is not None and mounted:
                volumes.make_reachable(self._host.home, self._directory, mounted)
            if (user := launch["user"]) is not None:
                self._directory.give_work_to(user["uid"], user["gid"])
            launch["cgroup_procs"] = cgroups.create(self._task.id, limits)
            self._directory.write_launch(launch)
        except OSError as error:
            raise Temporary(f"cannot prepare: {error.strerror} ({error.filename})") from error

    async def start(self) -> None:
        self._check_open()
        if (started := await keeper.settled(self._directory, self._host.clock)) is None:
            await self._launch()
            await self._await_healthy(await self._begun())
            return
        if self._directory.exit() is None and started.keeper.is_alive():
            await self._await_healthy(started)
        raise AlreadyStarted(self._task.id)

    async def wait(self) -> None:
        self._check_open()
        started = await keeper.settled(self._directory, self._host.clock)
        if started is None:
            raise Missing(
                "the process was never started" if self._directory.exit() is None else self._refusal()
            )
        async with Group() as group:
            ended = group.spawn(keeper.ended(self._directory, started), name="process end")
            watched: list[asyncio.Task[Any]] = [ended]
            if self._health is not None:
                watched.append(group.spawn(self._until_unhealthy(started), name="health"))
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            is_unhealthy = not ended.done()
            group.cancel_all()
        if is_unhealthy:
            await self._fail_unhealthy()
        self._host.material.delete(self._task.id)
        self._judge(ended.result())

    async def shutdown(self) -> None:
        self._check_open()
        await self._stop_gently()

    async def terminate(self) -> None:
        self._check_open()
        self._host.ports.withdraw(self._task.id)
        await stop(self._directory, self._host, grace_s=0)

    async def remove(self) -> None:
        self._check_open()
        await self._stop_gently()
        await free(self._task.id, self._directory, self._host)

    async def close(self) -> None:
        self._closed = True

    async def container_status(self) -> ContainerStatus | None:
        started = self._directory.started()
        if started is None:
            return None
        ended = self._directory.exit()
        return ContainerStatus(
            container_id=self._task.id,
            pid=0 if ended else started.command.pid,
            exit_code=ended.code if ended else 0,
        )

    async def port_status(self) -> PortStatus | None:
        ports = local_ports(self._task)
        if not ports or self._directory.started() is None or self._directory.exit() is not None:
            return None
        return PortStatus(ports=ports)

    async def usage(self) -> Reading | None:
        started = self._directory.started()
        if started is None or self._directory.exit() is not None or not started.command.is_alive():
            return None
        return self._host.cgroups.usage(self._task.id, started.command.pid)

    async def run_command(self, spec: ExecSpec, typed: Typed, write: Write) -> int:
        launch = self._directory.read_launch()
        if launch is None or await self.usage() is None:
            raise Missing("the process does not run")
        return await commands.run(spec, launch, typed, write)

    async def connect(self, port: int) -> socket.socket:
        started = self._directory.started()
        if started is None or await self.usage() is None:
            raise Missing("the process does not run")
        return await own_ports.connect(self._task, started.command.pid, port)

    async def logs(self, options: LogSubscriptionOptions) -> AsyncIterator[LogMessage]:
        self._check_open()
        async for message in logs.read(self._directory.logs, options, self._host.clock, self._has_ended):
            yield message

    def _check_open(self) -> None:
        if self._closed:
            raise Closed(self._task.id)

    def _collect(self) -> list[File]:
        return collect(self._plan.spec, self._dependencies)

    def _has_ended(self) -> bool:
        """Nothing runs and nothing ever will."""
        directory = self._directory
        if directory.exit() is not None or not directory.path.exists():
            return True
        if (started := directory.started()) is None:
            return directory.is_start_forbidden() and not directory.is_locked()
        return not started.keeper.is_alive()

    async def _launch(self) -> None:
        if not self._directory.is_prepared():
            raise Missing("the process was not prepared")
        if self._directory.is_start_forbidden():
            raise Fatal("the process was stopped before it was started")
        await self._check_ports()
        # After a restart of the machine the volumes come anew.
        await mounted_volumes(self._task, self._dependencies)
        try:
            user = find_user(self._plan.spec.user)
            self._host.material.write(
                self._task.id,
                self._collect(),
                owner=(user.uid, user.gid) if user else None,
                directories=(SECRETS, CONFIGS),
            )
            self._host.cgroups.create(self._task.id, self._plan.limits)
            await asyncio.to_thread(keeper.launch, self._directory)
        except OSError as error:
            if error.errno not in (
                errno.ENOSPC,
                errno.EDQUOT,
                errno.EMFILE,
                errno.ENFILE,
                errno.EAGAIN,
                errno.ENOMEM,
            ):
                raise
            raise Temporary(f"cannot start: {error.strerror}") from error

    async def _check_ports(self) -> None:
        """Whoever listens already is a stranger: the tasks of this node have other ports. Raises Fatal."""
        for port in local_ports(self._task):
            if not sockets.is_free(port.protocol, port.published_port):
                holder = await asyncio.to_thread(sockets.holder, port.protocol, port.published_port)
                raise Fatal(f"port {described(port)} of this node is taken by {holder}")

    async def _stop_gently(self) -> None:
        """First let the connections that were forwarded here end, then stop politely, both within the grace period."""
        grace_s = self._plan.stop_grace_s
        if ingress_targets(self._task):
            grace_s -= await self._host.ports.drain(self._task.id, grace_s / 2)
        await stop(self._directory, self._host, grace_s=grace_s)

    async def _begun(self) -> Started:
        """Who runs what was just launched. Raises Fatal when the command cannot be run."""
        started = await keeper.settled(self._directory, self._host.clock)
        if started is None:
            if self._directory.is_start_forbidden():
                raise Fatal("the process was stopped before it was started")
            raise Temporary(f"the shim did not start: {self._directory.complaint() or 'no reason given'}")
        ended = self._directory.exit()
        if ended is not None and ended.error:
            raise Fatal(self._refusal())
        return started

    def _refusal(self) -> str:
        ended = self._directory.exit()
        assert ended is not None
        argv = [*self._plan.spec.command, *self._plan.spec.args]
        return f"cannot run {argv[0]}: {ended.error}"

    async def _await_healthy(self, started: Started) -> None:
        """Return when the check has succeeded or the process has ended with 0. Raises ExitFailure or Fatal."""
        if self._health is None or self._directory.was_healthy():
            return
        async with Group() as group:
            ended = group.spawn(keeper.ended(self._directory, started), name="process end")
            healthy = group.spawn(self._monitoring(started).until_healthy(), name="health")
            await asyncio.wait([ended, healthy], return_when=asyncio.FIRST_COMPLETED)
            group.cancel_all()
        if ended.done() and not ended.cancelled():
            self._judge(ended.result())
        elif healthy.result():
            self._directory.mark_healthy()
        else:
            await self._fail_unhealthy()

    async def _until_unhealthy(self, started: Started) -> None:
        await self._monitoring(started).until_unhealthy()

    def _monitoring(self, started: Started) -> health.Monitor:
        if self._monitor is None:
            config = self._health
            assert config is not None

            async def probe() -> bool:
                launch: dict[str, Any] | None = self._directory.read_launch()
                return launch is not None and await health.run_probe(config.argv, launch, config.timeout_s)

            self._monitor = health.Monitor(
                config, probe, self._host.clock, is_healthy=self._directory.was_healthy()
            )
        return self._monitor

    async def _fail_unhealthy(self) -> None:
        self._host.ports.withdraw(self._task.id)
        await stop(self._directory, self._host, grace_s=self._plan.stop_grace_s)
        ended = self._directory.exit()
        if ended is None or ended.code == 0:
            raise Fatal("unhealthy: its health check failed")
        raise ExitFailure(ended.code, "unhealthy: its health check failed")

    def _judge(self, ended: Exit) -> None:
        if ended.code == 0:
            return
        cause = ended.error
        if self._host.cgroups.was_out_of_memory(self._task.id):
            cause = "killed for using more memory than its limit"
        raise ExitFailure(ended.code, cause)


async def stop(directory: TaskDirectory, host: Host, *, grace_s: float) -> None:
    """Stop whatever runs in `directory`, politely for `grace_s`, and see to it that nothing starts there again."""
    directory.forbid_start()
    started = await keeper.settled(directory, host.clock)
    if started is None or directory.exit() is not None:
        return
    if grace_s > 0:
        await keeper.stop_politely(started)
        async with Group() as group:
            ended = group.spawn(keeper.ended(directory, started), name="process end")
            grace = group.spawn(host.clock.sleep(grace_s), name="grace period")
            await asyncio.wait([ended, grace], return_when=asyncio.FIRST_COMPLETED)
            group.cancel_all()
    if directory.exit() is None:
        await keeper.kill(started)
        host.cgroups.kill(directory.path.name)
        await keeper.ended(directory, started)


async def free(task_id: str, directory: TaskDirectory, host: Host) -> None:
    """Delete all that was made for a stopped task."""
    host.cgroups.kill(task_id)
    host.material.delete(task_id)

    async def delete_groups() -> None:
        host.cgroups.delete(task_id)

    # A killed process stays in its group until it has died.
    await _tried(delete_groups, errno.EBUSY, host)
    # A shim whose start was cancelled half way still writes that it starts nothing.
    await _tried(lambda: asyncio.to_thread(directory.delete), errno.ENOTEMPTY, host)


async def _tried(work: Callable[[], Awaitable[None]], passing: int, host: Host) -> None:
    """Do it, and again while it fails with an error that passes. Raises OSError."""
    for remaining in reversed(range(_RELEASE_TRIES)):
        try:
            await work()
            return
        except OSError as error:
            if error.errno != passing or not remaining:
                raise
            await host.clock.sleep(_RELEASE_WAIT_S)
