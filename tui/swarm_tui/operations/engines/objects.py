"""Removing images, volumes and networks of engines. What a container uses is not removed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.engines.api import EngineApi
from swarm_core.engines.changing import CHANGE_S
from swarm_core.engines.records import EngineRecord

from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.operations.describe import LOST, MADE_AGAIN
from swarm_tui.operations.engines import acts, levels
from swarm_tui.operations.model import Done, Plan, Step
from swarm_tui.resources import format as fmt
from swarm_tui.resources.engines import images, networks, shared, volumes
from swarm_tui.resources.engines.items import ImageItem
from swarm_tui.resources.model import ClusterView, ResourceKind


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
    """Whether it goes by force alone."""
    can_force: bool = False
    """Whether force removes what is used."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is said besides which objects go. `name`: the one of an image's names that goes, with the image where it is the last; `force`: None
    where nobody was asked; `keeps_parents`: nameless parents stay; `hear` is told what the engine says of an image."""

    name: str = ""
    force: bool | None = None
    keeps_parents: bool = False
    hear: Callable[[EngineRecord | None, Any], None] = lambda record, told: None


NOTHING_ASKED: Final = Asked()


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
            can_force=True,
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


def removal(
    view: ClusterView, noun: str, ids: Sequence[str], hands: EngineHands, asked: Asked = NOTHING_ASKED
) -> Plan:
    """These objects of a kind, gone: one plan for all of them."""
    how = REMOVABLE[noun]
    items = acts.found(view, how.kind.message, ids)
    steps, refusals = [], []
    for item in items:
        name = asked.name or how.kind.name(item, view)
        reason = acts.away(item.record.engine, view) or how.refusal(item)
        if reason := reason or _used(how, item, view, asked):
            refusals.append(f"Could not remove {name}: {reason}.")
        else:
            steps.append(_step(view, how, item, name, hands, asked))
    names = [asked.name or how.kind.name(item, view) for item in items]
    title = f"Remove {acts.subject(how.kind, names)}"
    return acts.plan_of(title, steps, refusals, warnings=[how.note] if how.note and steps else [])


def _used(how: Removable, item: Any, view: ClusterView, asked: Asked) -> str:
    users = how.users(item, view)
    if not users or (asked.force and how.can_force) or _keeps_a_name(item, asked):
        return ""
    hint = "; say --force" if how.can_force and asked.force is not None else ""
    return f"{', '.join(users)} {'uses' if len(users) == 1 else 'use'} it{hint}"


def _keeps_a_name(item: Any, asked: Asked) -> bool:
    """Whether a name goes and nothing else: the image has another."""
    return bool(asked.name) and asked.name in item.record.tags and len(item.record.tags) > 1


def _words(how: Removable, item: Any, asked: Asked) -> tuple[str, ...]:
    if asked.force is None:
        return how.words(item)
    flags = (*(("--force",) if asked.force else ()), *(("--no-prune",) if asked.keeps_parents else ()))
    if asked.name:
        return ("rmi", *flags, asked.name)
    noun, verb, name = how.words(item)
    return (noun, verb, *flags, name)


def _step(view: ClusterView, how: Removable, item: Any, name: str, hands: EngineHands, asked: Asked) -> Step:
    key = item.record.engine
    force = how.force(item) if asked.force is None else asked.force
    path = f"/images/{asked.name}" if asked.name else how.path(item)
    query = {"force": force or None, "noprune": asked.keeps_parents or None}

    async def call(api: EngineApi) -> None:
        asked.hear(shared.engine_of(key, view), await api.delete(path, query, timeout=CHANGE_S))

    docker = acts.line(shared.engine_of(key, view), *_words(how, item, asked))
    action = acts.act(hands, key, item.id, call, level=levels.REMOVE, way_back=how.way_back, docker=docker)
    changes = ("removed", *filter(None, (how.more(item),)))
    done = Done(f"{name} removed from {shared.engine_name(key, view)}")
    return Step(acts.place(name, key, view), f"remove {name}", action, done, changes)
