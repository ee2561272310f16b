"""The docker commands that do what a plan does, or why there are none (docs/design/plans.md 13.2). Pure."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2

from swarm_tui.operations.docker.service import NoCommand, create_words, update_words
from swarm_tui.operations.forecast.model import Pair
from swarm_tui.operations.model import Act, Change, Hold, Plan, Remove
from swarm_tui.resources.model import ClusterView

Cluster, Node, Service, Task = objects_pb2.Cluster, objects_pb2.Node, objects_pb2.Service, objects_pb2.Task
_NOUNS: Final = ("node", "service", "network", "secret", "config", "volume")
_ROTATIONS: Final = {
    "worker_join_token": ["docker", "swarm", "join-token", "--rotate", "worker"],
    "manager_join_token": ["docker", "swarm", "join-token", "--rotate", "manager"],
    "manager_unlock_key": ["docker", "swarm", "unlock-key", "--rotate"],
}


@dataclass(frozen=True, slots=True)
class Commands:
    """`lines` do the same as the plan, one after the other; without any, `why_none` is a sentence."""

    lines: tuple[str, ...] = ()
    why_none: str = ""
    own: tuple[str, ...] = ()
    """The same as our own commands, where docker has none."""


def commands_of(plan: Plan, pairs: Sequence[Pair], view: ClusterView) -> Commands:
    """How docker's command would be told to do what the plan does."""
    acts = [step.action.docker for step in plan.steps if isinstance(step.action, Act)]
    if acts:
        lines = tuple(dict.fromkeys(filter(None, acts)))
        return Commands(lines, "" if lines else "No docker command does this.")
    try:
        words = [*_removals(plan, view), *_calls(plan), *_changes(plan, pairs, view)]
    except NoCommand as reason:
        return Commands(why_none=f"No docker command does this: {reason}.", own=tuple(_own(plan)))
    if not words:
        return Commands(why_none="No docker command is needed.")
    return Commands(tuple(shlex.join(one) for one in words))


def _removals(plan: Plan, view: ClusterView) -> Iterator[list[str]]:
    """What goes, of each kind in one command."""
    gone: dict[str, list[str]] = {}
    forced: set[str] = set()
    for step in plan.steps:
        if isinstance(step.action, Remove):
            if step.action.kind is Task:
                raise NoCommand("docker ends no single task")
            noun = step.action.kind.__name__.lower()
            if noun not in _NOUNS:
                raise NoCommand(f"docker knows no {noun}")
            gone.setdefault(noun, []).append(step.name)
            if step.action.more.get("force"):
                forced.add(noun)
    for noun, names in gone.items():
        yield ["docker", noun, "rm", *(["--force"] if noun in forced else []), *names]


def _own(plan: Plan) -> Iterator[str]:
    """Our own commands for the steps that docker has none for."""
    for step in plan.steps:
        match step.action:
            case Remove(kind, _, _) if kind is Task:
                yield shlex.join(["swarm-tui", "task", "kill", step.name])
            case Hold(_, _, is_on):
                yield shlex.join(["swarm-tui", "service", "hold" if is_on else "resume", step.name])
            case _:
                return


def _calls(plan: Plan) -> Iterator[list[str]]:
    """What the specs do not show: rollbacks and rotations."""
    for step in plan.steps:
        if isinstance(step.action, Hold):
            raise NoCommand("docker neither holds a rollout nor goes on with one")
        if not isinstance(step.action, Change):
            continue
        if "rollback" in step.action.more:
            yield ["docker", "service", "rollback", step.name]
        rotation: Any = step.action.more.get("rotation")
        if rotation is not None:
            yield from (words for field, words in _ROTATIONS.items() if getattr(rotation, field))


def _changes(plan: Plan, pairs: Sequence[Pair], view: ClusterView) -> Iterator[list[str]]:
    rolled_back = {
        step.action.id
        for step in plan.steps
        if isinstance(step.action, Change) and "rollback" in step.action.more
    }
    scaled: list[str] = []
    for pair in pairs:
        if pair.after is None or pair.after.id in rolled_back:
            continue
        if _is_scaling(pair):
            scaled.append(f"{pair.after.spec.annotations.name}={pair.after.spec.replicated.replicas}")
            continue
        yield from _created(pair.after, view) if pair.before is None else _changed(pair, view)
    if scaled:
        yield ["docker", "service", "scale", *scaled]


def _is_scaling(pair: Pair) -> bool:
    if not isinstance(pair.before, Service) or not pair.after.spec.HasField("replicated"):
        return False
    alike = specs_pb2.ServiceSpec()
    alike.CopyFrom(pair.before.spec)
    alike.replicated.replicas = pair.after.spec.replicated.replicas
    return bool(alike == pair.after.spec)


def _created(item: Any, view: ClusterView) -> Iterator[list[str]]:
    spec = item.spec
    labels = [
        word
        for key, value in sorted(spec.annotations.labels.items())
        for word in ("--label", f"{key}={value}")
    ]
    match item:
        case Service():
            yield ["docker", "service", "create", *create_words(spec, view)]
        case objects_pb2.Secret() | objects_pb2.Config():
            yield ["docker", type(item).__name__.lower(), "create", *labels, spec.annotations.name, "-"]
        case _:
            raise NoCommand(f"how a {type(item).__name__.lower()} is made is not known here")


def _changed(pair: Pair, view: ClusterView) -> Iterator[list[str]]:
    before, after = pair.before, pair.after
    match after:
        case Service():
            words = update_words(before.spec, after.spec, view)
            yield ["docker", "service", "update", *words, after.spec.annotations.name]
        case Node():
            yield from _node(before, after)
        case _:
            noun = type(after).__name__.lower()
            raise NoCommand(f"how a {noun} is changed is not known here")


def _node(before: objects_pb2.Node, after: objects_pb2.Node) -> Iterator[list[str]]:
    name = after.description.hostname or after.id
    is_promoted = after.spec.desired_role == types_pb2.MANAGER
    if before.spec.desired_role != after.spec.desired_role:
        yield ["docker", "node", "promote" if is_promoted else "demote", name]
    words = []
    if before.spec.availability != after.spec.availability:
        words += ["--availability", specs_pb2.NodeSpec.Availability.Name(after.spec.availability).lower()]
    here, there = before.spec.annotations.labels, after.spec.annotations.labels
    words += [word for key in sorted(here) if key not in there for word in ("--label-rm", key)]
    words += [
        word
        for key in sorted(there)
        if here.get(key) != there[key]
        for word in ("--label-add", f"{key}={there[key]}")
    ]
    if words:
        yield ["docker", "node", "update", *words, name]
