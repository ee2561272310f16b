"""Removing images, volumes and networks of engines. What a container uses is not removed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.engines.api import EngineApi

from swarm_tui.clusters.allowance import Level
from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.operations.describe import LOST, MADE_AGAIN
from swarm_tui.operations.engines import acts
from swarm_tui.operations.model import Done, Plan, Step
from swarm_tui.resources import format as fmt
from swarm_tui.resources.engines import images, networks, shared, volumes
from swarm_tui.resources.engines.items import ImageItem
from swarm_tui.resources.model import ClusterView, ResourceKind

_REMOVE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Removable:
    """How one kind is removed. `refusal` is the end of a sentence, or nothing."""

    kind: ResourceKind[Any]
    path: Callable[[Any], str]
    words: Callable[[Any], tuple[str, ...]]
    users: Callable[[Any, ClusterView], list[str]]
    way_back: str
    note: str
    refusal: Callable[[Any], str] = lambda item: ""
    more: Callable[[Any], str] = lambda item: ""
    """What is said of it beside that it goes."""
    force: Callable[[Any], bool] = lambda item: False


def _image_words(item: ImageItem) -> tuple[str, ...]:
    several = len(item.record.tags) > 1
    name = item.record.tags[0] if len(item.record.tags) == 1 else images.short_id(item.record)
    return ("rmi", *(("--force",) if several else ()), name)


REMOVABLE: Final = {
    one.kind.noun: one
    for one in (
        Removable(
            images.KIND,
            lambda item: f"/images/{item.record.id}",
            _image_words,
            lambda item, view: shared.users(images.NOUN, item, view),
            MADE_AGAIN,
            "An image can be pulled again where a registry has it.",
            more=lambda item: f"up to {fmt.size(item.record.size_bytes)} freed",
            # An image with several names is only removed by force, which removes none that is used.
            force=lambda item: len(item.record.tags) > 1,
        ),
        Removable(
            volumes.KIND,
            lambda item: f"/volumes/{item.record.name}",
            lambda item: ("volume", "rm", item.record.name),
            lambda item, view: shared.users(volumes.NOUN, item, view),
            LOST,
            "What is in a volume goes with it.",
        ),
        Removable(
            networks.KIND,
            lambda item: f"/networks/{item.record.id}",
            lambda item: ("network", "rm", item.record.name),
            networks.users,
            MADE_AGAIN,
            "",
            refusal=lambda item: "its engine brings it" if item.record.name in networks.BUILT_IN else "",
        ),
    )
}


def removal(view: ClusterView, noun: str, ids: Sequence[str], hands: EngineHands) -> Plan:
    """These objects of a kind, gone: one plan for all of them."""
    how = REMOVABLE[noun]
    items = acts.found(view, how.kind.message, ids)
    steps, refusals = [], []
    for item in items:
        name = how.kind.name(item, view)
        if reason := acts.away(item.record.engine, view) or how.refusal(item) or _used(how, item, view):
            refusals.append(f"Could not remove {name}: {reason}.")
        else:
            steps.append(_step(view, how, item, name, hands))
    title = f"Remove {acts.subject(how.kind, [how.kind.name(item, view) for item in items])}"
    return acts.plan_of(title, steps, refusals, warnings=[how.note] if how.note and steps else [])


def _used(how: Removable, item: Any, view: ClusterView) -> str:
    users = how.users(item, view)
    return f"{', '.join(users)} {'uses' if len(users) == 1 else 'use'} it" if users else ""


def _step(view: ClusterView, how: Removable, item: Any, name: str, hands: EngineHands) -> Step:
    key, force = item.record.engine, how.force(item)

    async def call(api: EngineApi) -> None:
        await api.delete(how.path(item), {"force": True} if force else None, timeout=_REMOVE_S)

    docker = acts.line(shared.engine_of(key, view), *how.words(item))
    action = acts.act(hands, key, item.id, call, level=Level.IMPACT, way_back=how.way_back, docker=docker)
    changes = ("removed", *filter(None, (how.more(item),)))
    done = Done(f"{name} removed from {shared.engine_name(key, view)}")
    return Step(acts.place(name, key, view), f"remove {name}", action, done, changes)
