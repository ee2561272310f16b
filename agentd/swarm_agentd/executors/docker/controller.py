"""One task as a container of the engine (port exec.controller).

The container's name and labels are the only memory: each call asks the engine what there is. Waiting is level-triggered: look,
decide, and look again when an event says that something changed.
"""

import logging
import socket
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from swarm_core.api.json_text import json_of
from swarm_core.api.proto.exec_pb2 import ExecSpec
from swarm_core.api.proto.logbroker_pb2 import LogMessage, LogSubscriptionOptions
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import ContainerStatus, Mount, PortConfig, PortStatus
from swarm_core.api.timestamps import duration_s
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.waiting import event_or_time

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
from swarm_agentd.exec.private_files import PrivateFiles
from swarm_agentd.exec.progress import ProgressBoard
from swarm_agentd.exec.usage import Reading
from swarm_agentd.exec.volumes import mounted_volumes
from swarm_agentd.executors.docker import engine_age, files, logs, mapping, mounts, own_ports, stats
from swarm_agentd.executors.docker.engine import Conflict, Engine, NotFound
from swarm_agentd.executors.docker.images import Images
from swarm_agentd.executors.docker.networks import Networks

_log = logging.getLogger(__name__)
STOP_GRACE_S = 10.0
_ENDED = ("exited", "dead")
_KILLED = 137
_OUT_OF_MEMORY = "killed for using more memory than its limit"
_PERHAPS_OUT_OF_MEMORY = "killed, perhaps for using more memory than its limit"
# How long the engine may take to tell why, after it has told that a container with a limit of memory was killed.
_CAUSE_S = 0.5
# How long the engine may take to make a container whose name it has taken, and how often that is looked at without a word from it.
_CREATION_S, _LOOK_AGAIN_S = 30.0, 0.2
_OUTPUT_MAX = 200
Container = dict[str, Any]
"""What the engine tells of one container (inspect)."""


@dataclass(frozen=True, slots=True)
class Host:
    """What all containers of one daemon share; `own_labels` mark them as its own."""

    engine: Engine
    images: Images
    networks: Networks
    private: PrivateFiles
    clock: Clock
    progress: ProgressBoard
    own_labels: dict[str, str]


class DockerController:
    def __init__(self, task: Task, dependencies: Dependencies, host: Host) -> None:
        self._task, self._dependencies, self._host = task, dependencies, host
        self._name = mapping.container_name(task)
        self._last: Container | None = None
        self._closed = False

    async def update(self, task: Task) -> None:
        self._check_open()
        self._task = task

    async def prepare(self) -> None:
        self._check_open()
        if await self._inspect() is not None:
            raise AlreadyPrepared(self._name)
        engine_age.check(self._task, self._host.engine.api_version)
        mounted = self._collect()
        volumes = await mounted_volumes(self._task, self._dependencies)
        with self._host.progress.telling(self._task.id) as tell:
            await self._host.images.provide(self._task.spec.container.image, self._credentials(), tell)
        await self._create_volumes()
        await self._host.networks.provide(self._task)
        self._write_files(mounted)
        body = mapping.create_body(
            mounts.with_volumes(self._task, volumes),
            self._host.own_labels,
            files.binds(self._host.private.directory(self._task.id), mounted),
        )
        try:
            await self._host.engine.call(lambda client: client.create_container_from_config(body, self._name))
        except Conflict:
            if not await self._appears():
                raise
            raise AlreadyPrepared(self._name) from None
        await self._join_networks()

    async def _appears(self) -> bool:
        """Whether the container whose name is taken is there, or soon is. An engine takes the name first, and shows the container once it is made:
        a task that is changed meanwhile is prepared again, while the former request still goes on."""
        clock = self._host.clock
        deadline = clock.monotonic() + _CREATION_S
        with self._host.engine.watching(self._name) as changed:
            while (found := await _named(self._host.engine, self._name)) is None:
                if clock.monotonic() >= deadline:
                    return False
                await event_or_time(clock, changed, _LOOK_AGAIN_S)
                changed.clear()
        return _is_of(found, self._task.id)

    async def start(self) -> None:
        self._check_open()
        container = await self._required()
        if container["State"]["Status"] != "created":
            if _health(container) == "starting":
                await self._await_healthy()
            raise AlreadyStarted(self._name)
        # After a restart of the machine the volumes come anew.
        await mounted_volumes(self._task, self._dependencies)
        if (mounted := self._collect()) and not self._host.private.directory(self._task.id).exists():
            self._write_files(mounted)  # memory was lost since: the machine was restarted
        await self._start(container["Id"])
        await self._await_healthy()

    async def _start(self, container_id: str) -> None:
        """Start the container. A network of its own may have been removed since it was made: nothing was in it."""
        if self._task.networks:
            await self._host.networks.provide(self._task)
            await self._join_networks()
        try:
            await self._host.engine.call(lambda client: client.start(container_id))
        except NotFound:
            if not self._task.networks or await self._inspect() is None:
                raise
            await self._host.networks.provide(self._task)
            await self._host.engine.call(lambda client: client.start(container_id))

    async def _join_networks(self) -> None:
        if len(self._task.networks) > 1:
            await self._host.networks.connect(self._task, await self._required())

    async def wait(self) -> None:
        self._check_open()
        ended = await self._until(
            lambda container: _has_ended(container) or _health(container) == "unhealthy"
        )
        if not _has_ended(ended):
            await self._fail_unhealthy(ended)
        self._host.private.delete(self._task.id)
        _judge(ended, await self._cause(ended))

    async def _cause(self, ended: Container) -> str:
        """What is known of why it ended. The engine may hear of a want of memory a moment after the end, and on a busy machine never: where
        nobody is known to have killed a container that has a limit, the limit is named as what may have been the cause."""
        engine, state = self._host.engine, ended["State"]
        told = str(state.get("Error", ""))
        if state.get("OOMKilled"):
            return _OUT_OF_MEMORY
        if state["ExitCode"] != _KILLED or not self._task.spec.resources.limits.memory_bytes:
            return told
        deadline = self._host.clock.monotonic() + _CAUSE_S
        with engine.watching(self._name) as changed:
            while not (state.get("OOMKilled") or engine.was_out_of_memory(self._name)):
                left = deadline - self._host.clock.monotonic()
                if left <= 0 or not await event_or_time(self._host.clock, changed, left):
                    return told if told or engine.was_killed(self._name) else _PERHAPS_OUT_OF_MEMORY
                changed.clear()
                state = ((await self._inspect()) or ended)["State"]
        return _OUT_OF_MEMORY

    async def shutdown(self) -> None:
        self._check_open()
        self._give_up_pull()
        await stop(self._host, self._name, self._task.id, grace_s=self._grace_s())
        await self._host.networks.release(self._task)

    async def terminate(self) -> None:
        self._check_open()
        self._give_up_pull()
        await stop(self._host, self._name, self._task.id, grace_s=0)

    async def remove(self) -> None:
        self._check_open()
        self._give_up_pull()
        await stop(self._host, self._name, self._task.id, grace_s=self._grace_s())
        await free(self._host, self._name, self._task.id)
        await self._host.networks.release(self._task)
        self._last = None

    def _give_up_pull(self) -> None:
        with suppress(InvalidTask):  # credentials that cannot be read began no pull
            self._host.images.give_up(self._task.spec.container.image, self._credentials())

    async def close(self) -> None:
        self._closed = True

    async def container_status(self) -> ContainerStatus | None:
        container = await self._newest()
        if container is None or container["State"]["Status"] == "created":
            return None
        state = container["State"]
        return ContainerStatus(container_id=container["Id"], pid=state["Pid"], exit_code=state["ExitCode"])

    async def port_status(self) -> PortStatus | None:
        container = await self._newest()
        bound: dict[str, Any] = ((container or {}).get("NetworkSettings") or {}).get("Ports") or {}
        status = PortStatus()
        for key, bindings in sorted(bound.items()):
            target, _, protocol = key.partition("/")
            # The same port is listed once for each address family.
            for published in sorted({int(binding["HostPort"]) for binding in bindings or ()}):
                status.ports.add(
                    protocol=PortConfig.Protocol.Value(protocol.upper()),
                    target_port=int(target),
                    published_port=published,
                    publish_mode=PortConfig.HOST,
                )
        return status if status.ports else None

    async def run_command(self, spec: ExecSpec, typed: Typed, write: Write) -> int:
        container = await self._required()
        # Loaded with the first command: aiohttp is large, and most nodes never need it.
        from swarm_agentd.executors.docker import commands

        return await commands.run(self._host.engine.url, container["Id"], spec, (typed, write))

    async def connect(self, port: int) -> socket.socket:
        return await own_ports.connect(await self._required(), port)

    async def usage(self) -> Reading | None:
        if not stats.is_told(self._host.engine.api_version):
            return None
        try:
            told = await self._host.engine.call(lambda client: stats.ask(client, self._name))
        except NotFound:
            return None
        return stats.reading(told)

    async def logs(self, options: LogSubscriptionOptions) -> AsyncIterator[LogMessage]:
        self._check_open()
        if options.follow:
            try:
                await self._until(lambda container: container["State"]["Status"] != "created")
            except Missing:
                return
        async for message in logs.read(
            self._host.engine, self._name, options, is_tty=self._task.spec.container.tty
        ):
            yield message

    def _check_open(self) -> None:
        if self._closed:
            raise Closed(self._name)

    def _grace_s(self) -> float:
        spec = self._task.spec.container
        return duration_s(spec.stop_grace_period) if spec.HasField("stop_grace_period") else STOP_GRACE_S

    def _collect(self) -> list[files.MountedFile]:
        mounted = files.collect(self._task.spec.container, self._dependencies)
        if mounted and not self._host.engine.url.startswith("unix://"):
            raise InvalidTask("secrets and configs need an engine on this machine")
        return mounted

    def _write_files(self, mounted: list[files.MountedFile]) -> None:
        try:
            self._host.private.write(self._task.id, [each.file for each in mounted])
        except OSError as error:
            raise Temporary(f"cannot keep secrets: {error.strerror}") from error

    def _credentials(self) -> dict[str, str] | None:
        text = self._task.spec.container.pull_options.registry_auth
        if not text:
            return None
        try:
            found = json_of(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except ValueError:
            raise InvalidTask("the registry credentials are not base64 of JSON") from None
        return {str(key): str(value) for key, value in found.items()}

    async def _create_volumes(self) -> None:
        for mount in self._task.spec.container.mounts:
            driver = mount.volume_options.driver_config
            if mount.type == Mount.VOLUME and mount.source and driver.name:
                await self._host.engine.call(
                    lambda client, mount=mount, driver=driver: client.create_volume(  # type: ignore[misc]
                        mount.source, driver.name, dict(driver.options), dict(mount.volume_options.labels)
                    )
                )

    async def _inspect(self) -> Container | None:
        self._last = await inspect(self._host.engine, self._name, self._task.id)
        return self._last

    async def _newest(self) -> Container | None:
        try:
            return await self._inspect()
        except Temporary:
            return self._last

    async def _required(self) -> Container:
        if (container := await self._inspect()) is None:
            raise Missing("the container does not exist")
        return container

    async def _until(self, is_enough: Callable[[Container], bool]) -> Container:
        """The container once `is_enough` of it. Raises Missing when it vanished, Temporary when the engine did."""
        with self._host.engine.watching(self._name) as changed:
            while not is_enough(container := await self._required()):
                await changed.wait()
                changed.clear()
        return container

    async def _await_healthy(self) -> None:
        """Return when the container is healthy, has no check, or ended with 0 before it was healthy."""
        container = await self._until(
            lambda container: _has_ended(container) or _health(container) != "starting"
        )
        if not _health(container):
            return
        if _has_ended(container):
            _judge(container, await self._cause(container))
        elif _health(container) == "unhealthy":
            await self._fail_unhealthy(container)

    async def _fail_unhealthy(self, container: Container) -> None:
        # Told before it is stopped: a check that comes meanwhile fails for that.
        cause = f"unhealthy: its health check failed{_last_check(container)}"
        await stop(self._host, self._name, self._task.id, grace_s=self._grace_s())
        code = (await self._required())["State"]["ExitCode"]
        if code == 0:
            raise Fatal(cause)
        raise ExitFailure(code, cause)


async def inspect(engine: Engine, name: str, task_id: str) -> Container | None:
    """What the engine tells of the task's container, None when there is none; one of somebody else under its name is none.
    Raises Temporary."""
    found = await _named(engine, name)
    return found if found is not None and _is_of(found, task_id) else None


async def _named(engine: Engine, name: str) -> Container | None:
    """The container of this name, whosever it is."""
    try:
        found: Container = await engine.call(lambda client: client.inspect_container(name))
    except NotFound:
        return None
    return found


def _is_of(container: Container, task_id: str) -> bool:
    labels = container["Config"].get("Labels") or {}
    return bool(labels.get(mapping.TASK_LABEL) == task_id)


async def stop(host: Host, name: str, task_id: str, *, grace_s: float) -> None:
    """Stop the container politely for `grace_s`, then at once. None, or one that does not run, is fine."""
    engine = host.engine
    with engine.watching(name) as changed:
        container = await inspect(engine, name, task_id)
        if container is None or not _is_running(container):
            return
        if grace_s > 0:
            await _kill(engine, name, container["Config"].get("StopSignal") or "SIGTERM")
            end_s = host.clock.monotonic() + grace_s
            while _is_running(await inspect(engine, name, task_id)):
                if not await event_or_time(host.clock, changed, end_s - host.clock.monotonic()):
                    break
                changed.clear()
        await _kill(engine, name, "SIGKILL")
        while _is_running(await inspect(engine, name, task_id)):
            await changed.wait()
            changed.clear()


async def free(host: Host, name: str, task_id: str) -> None:
    """Remove the stopped container and its anonymous volumes, and the task's files."""
    host.private.delete(task_id)
    with host.engine.watching(name) as changed:
        if (container := await inspect(host.engine, name, task_id)) is None:
            return
        try:
            await host.engine.call(
                lambda client: client.remove_container(container["Id"], v=True, force=True)
            )
        except NotFound:
            return
        except Conflict:
            _log.debug("container %s is being removed already", name)
        while await inspect(host.engine, name, task_id) is not None:
            await changed.wait()
            changed.clear()


async def _kill(engine: Engine, name: str, signal: str) -> None:
    try:
        await engine.call(lambda client: client.kill(name, signal))
    except (NotFound, Conflict):
        pass  # it has ended by itself


def _is_running(container: Container | None) -> bool:
    return container is not None and bool(container["State"]["Running"])


def _has_ended(container: Container) -> bool:
    return container["State"]["Status"] in _ENDED


def _health(container: Container) -> str:
    """ "starting", "healthy" or "unhealthy"; empty without a check."""
    status = (container["State"].get("Health") or {}).get("Status", "")
    return "" if status == "none" else str(status)


def _last_check(container: Container) -> str:
    """What the last health check said, to go after a sentence: its code, and the last line that it wrote."""
    log = (container["State"].get("Health") or {}).get("Log") or ()
    if not log:
        return ""
    lines = [line.strip() for line in str(log[-1].get("Output", "")).splitlines() if line.strip()]
    said = f", {lines[-1][:_OUTPUT_MAX]!r}" if lines else ""
    return f" (exit code {log[-1].get('ExitCode')}{said})"


def _judge(container: Container, cause: str) -> None:
    if code := container["State"]["ExitCode"]:
        raise ExitFailure(code, cause)
