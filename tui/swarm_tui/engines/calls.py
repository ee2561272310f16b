"""What is asked of one engine for a person who looks at one object: all that it tells of it, and a command inside a container."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.errors import EngineError

from swarm_tui.clusters.inside import NotRun
from swarm_tui.engines.inside import run_in_container
from swarm_tui.engines.mirror import EngineMirror
from swarm_tui.resources import registry
from swarm_tui.resources.engines.items import (
    ContainerItem,
    EngineItem,
    ImageItem,
    NetworkItem,
    VolumeItem,
)
from swarm_tui.resources.refs import ObjectRef

_INSPECTIONS: Final[Mapping[type[Any], str]] = {
    ContainerItem: "/containers/{}/json",
    ImageItem: "/images/{}/json",
    VolumeItem: "/volumes/{}",
    NetworkItem: "/networks/{}",
}


class ObjectCalls:
    """See the module's text."""

    def __init__(self, cluster: EngineCluster, mirror: EngineMirror) -> None:
        self._cluster, self._mirror = cluster, mirror

    async def whole(self, ref: ObjectRef) -> Mapping[str, Any] | None:
        """An object as its engine inspects it; None where there is no more than is known. Raises ValueError with a sentence."""
        kind = registry.by_noun(ref.kind).message
        item: Any = self._mirror.get(kind, ref.id)
        try:
            if isinstance(item, EngineItem):
                return await self._cluster.api(item.record.key).get_object("/info")
            path = _INSPECTIONS.get(kind)
            if item is None or path is None:
                return None
            return await self._cluster.api(item.record.engine).get_object(path.format(item.record.id))
        except EngineError as error:
            raise ValueError(str(error)) from None

    async def run_inside(self, id_: str, command: Sequence[str]) -> int:
        """A command in a container, with this program's terminal; its exit code. Raises NotRun."""
        item = self._mirror.get(ContainerItem, id_)
        if item is None:
            raise NotRun("it is gone")
        streams = dict.fromkeys(("AttachStdin", "AttachStdout", "AttachStderr", "Tty"), True)
        try:
            api = self._cluster.api(item.record.engine)
            return await run_in_container(api, item.record.id, {**streams, "Cmd": list(command)})
        except EngineError as error:
            raise NotRun(str(error)) from None
