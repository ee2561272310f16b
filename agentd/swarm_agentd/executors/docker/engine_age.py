"""What older engines do not know (docs/design/docker-executor.md 7.3). Pure.

An engine leaves out without a word what its API does not know yet. A task that asks for such a thing is refused instead:
a mount of a whole volume in place of one directory of it would be worse than no container.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.specs_pb2 import ContainerSpec
from swarm_core.api.timestamps import duration_s
from swarm_core.specs.tmpfs import has_tmpfs_options

from swarm_agentd.exec.errors import InvalidTask


@dataclass(frozen=True, slots=True)
class _Feature:
    """`since` is the first version of the engine's API that has it."""

    what: str
    since: str
    is_asked: Callable[[ContainerSpec], bool]


_FEATURES = (
    _Feature(
        "making the missing source of a bind mount",
        "1.42",
        lambda spec: any(mount.bind_options.createmountpoint for mount in spec.mounts),
    ),
    _Feature(
        # Newer Docker managers write one of 0 into every health check; the engine takes it for none.
        "a health check's start interval",
        "1.44",
        lambda spec: duration_s(spec.healthcheck.start_interval) != 0,
    ),
    _Feature(
        "bind mounts that are read-only in all their mounts",
        "1.44",
        lambda spec: any(mount.bind_options.readonlyforcerecursive for mount in spec.mounts),
    ),
    _Feature(
        "one directory of a volume as a mount",
        "1.45",
        lambda spec: any(mount.volume_options.subpath for mount in spec.mounts),
    ),
    _Feature(
        "further options of a tmpfs mount",
        "1.46",
        lambda spec: any(has_tmpfs_options(mount.tmpfs_options.options) for mount in spec.mounts),
    ),
)


def check(task: Task, api_version: str) -> None:
    """Raise InvalidTask for what an engine of this API version would leave out."""
    if unknown := list(_unknown(task.spec.container, version(api_version))):
        raise InvalidTask(
            f"the engine of this node has API {api_version}, which does not know {', nor '.join(unknown)}"
        )


def version(text: str) -> tuple[int, ...]:
    """Versions in their order."""
    return tuple(int(part) for part in text.split("."))


def _unknown(spec: ContainerSpec, has: tuple[int, ...]) -> Iterator[str]:
    for feature in _FEATURES:
        if has < version(feature.since) and feature.is_asked(spec):
            yield f"{feature.what} (API {feature.since})"
