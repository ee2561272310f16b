"""The docker executor (port exec.executor): containers of a Docker Engine on this machine.

A daemon knows its containers by the label `io.swarm-tui.node`, whose value stands for its state directory: an engine may
serve several daemons, and be in a swarm of its own.
"""

import hashlib
import logging
import os
from collections.abc import Collection, Iterator, Sequence, Set
from pathlib import Path
from typing import Any

from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.api.proto.types_pb2 import EncryptionKey, NodeDescription
from swarm_core.api.runtimes import CONTAINER, RUNTIME_PLUGIN
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.exec.errors import Temporary
from swarm_agentd.exec.executor import Dependencies
from swarm_agentd.exec.private_files import PrivateFiles, memory_root
from swarm_agentd.exec.progress import ProgressBoard
from swarm_agentd.executors.docker import mapping
from swarm_agentd.executors.docker.controller import STOP_GRACE_S, DockerController, Host, free, stop
from swarm_agentd.executors.docker.engine import Engine
from swarm_agentd.executors.docker.images import Images
from swarm_agentd.executors.docker.networks import OVERLAY, Networks

_log = logging.getLogger(__name__)
OWNER_LABEL = "io.swarm-tui.node"
_CAPABILITIES = {"volumedriver": "Volume", "networkdriver": "Network", "logdriver": "Log"}


class DockerExecutor:
    """`state` is a directory of this executor alone; `memory` is found on the host when not given; `progress` is told of pulls."""

    def __init__(
        self,
        url: str,
        state: Path,
        clock: Clock,
        *,
        memory: Path | None = None,
        progress: ProgressBoard | None = None,
    ) -> None:
        key = hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:12]
        engine = Engine(url, clock, f"{OWNER_LABEL}={key}")
        own_labels = {OWNER_LABEL: key}
        self._host = Host(
            engine=engine,
            images=Images(engine),
            networks=Networks(engine, own_labels),
            private=PrivateFiles(memory_root(key, state / "memory") if memory is None else memory),
            clock=clock,
            progress=progress or ProgressBoard(),
            own_labels=own_labels,
        )

    @property
    def pulled_now(self) -> Set[str]:
        """The images whose pull is under way."""
        return self._host.images.pulled_now

    async def run(self) -> None:
        await self._host.engine.run()

    async def describe(self) -> NodeDescription:
        """Raises Temporary without an engine."""
        return describe(
            await self._host.engine.call(lambda client: client.info()),
            await self._host.engine.call(lambda client: client.plugins()),
        )

    async def configure(self, node: Node) -> None:
        """Containers use the engine's own networks, which take nothing from the node object."""

    def controller(self, task: Task, dependencies: Dependencies) -> DockerController:
        mapping.check(task)
        return DockerController(task, dependencies, self._host)

    async def retain(self, task_ids: Collection[str]) -> None:
        kept = set(task_ids)
        for task_id in self._host.private.known_ids():
            if task_id not in kept:
                self._host.private.delete(task_id)
        try:
            found = await self._host.engine.call(self._list_own)
        except Temporary:
            return  # an engine that is away runs nothing of ours; the next start asks again
        async with Group() as group:
            for name, task_id in found:
                if task_id not in kept:
                    group.spawn(self._clear(name, task_id), name=f"clear {name}")
        try:
            await self._host.networks.release_all()
        except Temporary as error:
            _log.info("networks that nothing uses stay for now: %s", error)

    async def set_network_bootstrap_keys(self, keys: Sequence[EncryptionKey]) -> None:
        """The engine's own networks are not encrypted."""

    def _list_own(self, client: Any) -> list[tuple[str, str]]:
        """Name and task id of each container of this daemon."""
        labels = [f"{name}={value}" for name, value in self._host.own_labels.items()]
        found = client.containers(all=True, filters={"label": labels})
        return [
            (each["Names"][0].removeprefix("/"), each["Labels"].get(mapping.TASK_LABEL, "")) for each in found
        ]

    async def _clear(self, name: str, task_id: str) -> None:
        await stop(self._host, name, task_id, grace_s=STOP_GRACE_S)
        await free(self._host, name, task_id)


def describe(info: dict[str, Any], managed: Sequence[dict[str, Any]]) -> NodeDescription:
    """The node as the engine tells it (docs/design/docker-executor.md 7.1)."""
    description = NodeDescription(hostname=info["Name"])
    description.platform.architecture, description.platform.os = info["Architecture"], info["OSType"]
    description.resources.nano_cpus = info["NCPU"] * 1_000_000_000
    description.resources.memory_bytes = info["MemTotal"]
    description.engine.engine_version = info["ServerVersion"]
    for label in info.get("Labels") or ():
        name, equals, value = label.partition("=")
        if equals:
            description.engine.labels[name] = value
    for type_, name in sorted({(RUNTIME_PLUGIN, CONTAINER), *_plugins(info), *_managed(managed)}):
        # An engine lists it also while it is in no swarm, where it can make no overlay network.
        if (type_, name) == ("Network", OVERLAY):
            continue
        description.engine.plugins.add(type=type_, name=name)
    _add_generic(description, info.get("GenericResources") or ())
    return description


def _plugins(info: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for type_ in ("Volume", "Network", "Authorization", "Log"):
        for name in (info.get("Plugins") or {}).get(type_) or ():
            yield type_, name


def _managed(plugins: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for plugin in plugins:
        if plugin.get("Enabled"):
            for interface in plugin["Config"]["Interface"]["Types"]:
                prefix, _, rest = interface.partition(".")
                capability = rest.partition("/")[0]
                if prefix == "docker":
                    yield _CAPABILITIES.get(capability, capability), plugin["Name"]


def _add_generic(description: NodeDescription, resources: Sequence[dict[str, Any]]) -> None:
    for resource in resources:
        if named := resource.get("NamedResourceSpec"):
            spec = description.resources.generic.add().named_resource_spec
            spec.kind, spec.value = named["Kind"], named["Value"]
        elif counted := resource.get("DiscreteResourceSpec"):
            discrete = description.resources.generic.add().discrete_resource_spec
            discrete.kind, discrete.value = counted["Kind"], counted["Value"]
