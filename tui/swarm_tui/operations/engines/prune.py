"""Removing what nobody uses, engine by engine: what would go as last seen, and what an engine freed when it is done."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.engines.api import EngineApi
from swarm_core.engines.changing import PRUNE_S

from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.operations.describe import LOST
from swarm_tui.operations.engines import acts, levels
from swarm_tui.operations.model import Done, Plan, Step
from swarm_tui.resources import format as fmt
from swarm_tui.resources.engines import containers, images, networks, volumes
from swarm_tui.resources.engines.items import EngineItem
from swarm_tui.resources.engines.shared import is_away, is_used
from swarm_tui.resources.model import ClusterView, ResourceKind

_NAMED_MAX: Final = 6
_ENDED: Final = ("created", "exited", "dead")


@dataclass(frozen=True, slots=True)
class Prunable:
    """How what nobody uses of a kind is removed. `goes`: whether an object would go; `size` its bytes, as far as that is known."""

    kind: ResourceKind[Any]
    noun: str
    what: str
    goes: Callable[[Any, ClusterView], bool]
    removed: str
    """The field of the answer with what was removed."""
    size: Callable[[Any], int] = lambda item: 0
    filters: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()


def _unused(noun: str) -> Callable[[Any, ClusterView], bool]:
    return lambda item, view: not is_used(noun, item, view)


CONTAINERS: Final = Prunable(
    containers.KIND,
    "container",
    "every container that has ended",
    lambda item, view: item.record.state in _ENDED,
    "ContainersDeleted",
)
NAMELESS_IMAGES: Final = Prunable(
    images.KIND,
    "image",
    "every image without a name that no container uses",
    lambda item, view: not item.record.tags and not is_used(images.NOUN, item, view),
    "ImagesDeleted",
    lambda item: item.record.size_bytes,
    (("dangling", "true"),),
)
UNUSED_IMAGES: Final = Prunable(
    images.KIND,
    "image",
    "every image that no container uses",
    _unused(images.NOUN),
    "ImagesDeleted",
    lambda item: item.record.size_bytes,
    (("dangling", "false"),),
    ("--all",),
)
UNUSED_VOLUMES: Final = Prunable(
    volumes.KIND,
    "volume",
    "every local volume that no container uses, with what is in it",
    lambda item, view: item.record.driver == "local" and not is_used(volumes.NOUN, item, view),
    "VolumesDeleted",
    filters=(("all", "true"),),
    words=("--all",),
)
UNUSED_NETWORKS: Final = Prunable(
    networks.KIND,
    "network",
    "every network that no container is in",
    lambda item, view: networks.state(item, view) == "unused" and item.record.scope == "local",
    "NetworksDeleted",
)
CHOICES: Final = {
    containers.NOUN: (CONTAINERS,),
    images.NOUN: (NAMELESS_IMAGES, UNUSED_IMAGES),
    volumes.NOUN: (UNUSED_VOLUMES,),
    networks.NOUN: (UNUSED_NETWORKS,),
}
"""By the noun of a list, what may be pruned there."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What more is said of what goes. `filters`: as the engine takes them; `ids`: what they leave, None where only the engine can tell."""

    filters: Mapping[str, list[str]]
    ids: Collection[str] | None


def prune(
    view: ClusterView,
    which: Prunable,
    keys: Sequence[str],
    hands: EngineHands,
    narrowed: Narrowed | None = None,
) -> Plan:
    """On these engines, or on all that live where none is named."""
    ids = None if narrowed is None else narrowed.ids
    wanted = [view.get(EngineItem, key) for key in keys] if keys else list(view.objects(EngineItem))
    going: dict[str, list[Any]] = {}
    for item in view.objects(which.kind.message):
        if which.goes(item, view) and (ids is None or item.id in ids):
            going.setdefault(item.record.engine, []).append(item)
    pruned = [
        engine
        for engine in wanted
        if engine is not None and engine.id in going and not is_away(engine.record.key, view)
    ]
    steps = [_step(view, which, engine, going[engine.id], hands, narrowed) for engine in pruned]
    missing = [one.record.name for one in wanted if one is not None and is_away(one.record.key, view)]
    warnings = [f"Not on {', '.join(missing)}: no calls go there now."] if missing else []
    gone = [item for engine in pruned for item in going[engine.id]]
    count, size = len(gone), sum(map(which.size, gone))
    notes = (
        [f"{fmt.plural(count, which.noun)} go{'es' if count == 1 else ''}: {which.what}."] if count else []
    )
    if size:
        notes.append(f"Up to {fmt.size(size)} is freed: what images share is counted for each.")
    return acts.plan_of(f"Prune {which.kind.title.lower()}", steps, (), warnings=warnings, notes=notes)


def _step(
    view: ClusterView,
    which: Prunable,
    engine: EngineItem,
    items: Sequence[Any],
    hands: EngineHands,
    narrowed: Narrowed | None,
) -> Step:
    record = engine.record

    async def call(api: EngineApi) -> str:
        filters = {
            **({} if narrowed is None else narrowed.filters),
            **{name: [value] for name, value in which.filters},
        }
        told = await api.post(
            f"/{which.noun}s/prune", {"filters": filters} if filters else None, timeout=PRUNE_S
        )
        return _told(told, which)

    said = {} if narrowed is None else narrowed.filters
    flags = [
        word for name, values in said.items() for one in values for word in ("--filter", f"{name}={one}")
    ]
    docker = acts.line(record, which.noun, "prune", "--force", *which.words, *flags)
    action = acts.act(hands, record.key, engine.id, call, level=levels.REMOVE, way_back=LOST, docker=docker)
    names = [which.kind.name(item, view) for item in items]
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    freed = fmt.size(size) if (size := sum(map(which.size, items))) else ""
    changes = (f"{', '.join(names[:_NAMED_MAX])}{more} removed", *([f"up to {freed}"] if freed else []))
    done = Done(f"{which.kind.title} of {record.name} pruned")
    return Step(record.name, f"prune {which.noun}s of {record.name}", action, done, changes)


def _told(told: Any, which: Prunable) -> str:
    """What an engine says it removed and freed."""
    found = told if isinstance(told, dict) else {}
    gone = found.get(which.removed) or ()
    # An image is told once for each name, and once as removed.
    count = sum("Deleted" in one for one in gone) if which.removed == "ImagesDeleted" else len(gone)
    freed = float(found.get("SpaceReclaimed") or 0)
    return f"{fmt.plural(count, which.noun)} removed" + (f", {fmt.size(freed)} freed" if freed else "")
