"""Removing a stack: services, then secrets and configs, then networks as soon as no task is on them any more, and cluster volumes, where
that is wanted, as soon as no node has them (docs/design/stacks.md 12.7.9)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.compose.changes.held import KINDS, Held, stack_of

from swarm_tui.operations.model import Done, Outcome, Plan, Remove, Step, apply_together
from swarm_tui.operations.stacks.deploy import with_follower
from swarm_tui.operations.stacks.look import Reached
from swarm_tui.operations.stacks.waiting import Follow, Follower
from swarm_tui.resources import networks, payloads, services
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView

FREE_WAIT_S = 60.0
FOLLOWED: Final = (objects_pb2.Task, objects_pb2.Volume)
"""What has to be followed until networks and volumes are free."""
_Volume = objects_pb2.Volume


def held_in(view: ClusterView, stack: str) -> Held:
    """What the cluster holds for the stack, as the view shows it."""
    return Held.of(stack, (item for kind in KINDS for item in view.objects(kind)))


def nothing_in(held: Held) -> bool:
    """Whether the cluster holds nothing of the stack."""
    own: tuple[Collection[str], ...] = (
        held.own(held.services),
        held.own(held.secrets),
        held.own(held.configs),
        held.own(held.networks),
    )
    return not any(own)


async def volumes_of(cluster: Cluster, stack: str) -> list[_Volume]:
    """The cluster volumes that carry the stack's label."""
    return [one for one in await cluster.control.find(_Volume) if stack_of(one) == stack]


def kept_volumes(held: Held) -> list[str]:
    """Names of the volumes that engines made for the stack's containers: each is on the nodes that ran them, and stays there."""
    return sorted(
        {
            mount.source
            for service in held.own(held.services).values()
            for mount in service.spec.task.container.mounts
            if mount.type == types_pb2.Mount.VOLUME and mount.source.startswith(f"{held.stack}_")
        }
    )


def plan(held: Held, volumes: Sequence[_Volume] = ()) -> Plan:
    """All that goes with the stack, in order."""
    parts = (held.services, held.secrets, held.configs, held.networks)
    steps = [step for items in parts for step in _steps(held.own(items))]
    return Plan(f"Remove stack {held.stack}", (*steps, *_steps(_by_name(volumes))))


def foretold(all_held: Sequence[Held], view: ClusterView) -> Plan:
    """What the removal of these stacks comes to, for a forecast and a person."""
    names = [held.stack for held in all_held]
    going = [one for held in all_held for one in held.own(held.services).values()]
    kept = [name for held in all_held for name in kept_volumes(held)]
    return Plan(
        f"Remove stack {names[0]}" if len(names) == 1 else f"Remove {plural(len(names), 'stack')}",
        tuple(step for held in all_held for step in plan(held).steps),
        (
            *((", ".join(names),) if len(names) > 1 else ()),
            *(services.consequences(going, view) if going else ()),
            *_staying(all_held, {one.id for one in going}, view),
        ),
        word=names[0] if len(names) == 1 else str(len(names)),
        notes=(f"Volumes stay on the nodes that ran them: {', '.join(kept)}.",) if kept else (),
    )


def _staying(all_held: Sequence[Held], going: Collection[str], view: ClusterView) -> Iterator[str]:
    """What others use too."""
    names = {services.name(one) for id_ in going if (one := view.get(objects_pb2.Service, id_)) is not None}
    for held in all_held:
        for network in held.own(held.networks).values():
            yield from _used("network", networks.name(network), networks.users(network, view), names)
        for noun, items in (("secret", held.own(held.secrets)), ("config", held.own(held.configs))):
            for item in items.values():
                users = services.users_of(noun, (item.id,), view)
                yield from _used(noun, payloads.name(item), users, names)


def _used(noun: str, name: str, users: Iterable[str], going: Collection[str]) -> Iterator[str]:
    if others := [one for one in users if one not in going]:
        yield f"{noun.capitalize()} {name} is used by {', '.join(others)} too: the manager will keep it."


async def remove(
    cluster: Reached,
    held: Held,
    volumes: Sequence[_Volume] = (),
    *,
    follow: Follow,
    within_s: float = FREE_WAIT_S,
    say: Callable[[str], object] = lambda text: None,
) -> AsyncIterator[Outcome]:
    """Remove everything of the stack, and these volumes; an outcome for each object. What fails does not keep the rest. `say` is told what
    is waited for."""
    own = held.own(held.services)
    for items in (own, held.own(held.secrets), held.own(held.configs)):
        for outcome in await apply_together(Plan("", tuple(_steps(items))), cluster.control):
            yield outcome
    last = [*_steps(held.own(held.networks)), *_steps(_by_name(volumes))]
    if not last:
        return
    ended: list[Outcome] = []

    async def work(follower: Follower) -> None:
        ended.extend(
            await _once_free(cluster, last, {one.id for one in own.values()}, within_s, follower, say)
        )

    # Networks and volumes are in use as long as tasks of the services are ending.
    await with_follower(follow, work)
    for outcome in ended:
        yield outcome


def _by_name(volumes: Iterable[_Volume]) -> dict[str, _Volume]:
    return {one.spec.annotations.name: one for one in volumes}


def _steps(items: dict[str, Any]) -> Iterable[Step]:
    for name in sorted(items):
        noun = type(items[name]).__name__.lower()
        done = Done(f"Removing {noun} {name}")
        said = () if noun == "service" else (f"{noun} removed",)
        yield Step(name, f"remove {noun} {name}", Remove(type(items[name]), items[name].id), done, said)


async def _once_free(
    cluster: Reached,
    steps: list[Step],
    going: set[str],
    within_s: float,
    follower: Follower,
    say: Callable[[str], object],
) -> list[Outcome]:
    clock = follower.clock
    end_s = clock.monotonic() + within_s
    done: dict[str, Outcome] = {}
    while True:
        follower.changed.clear()
        is_over = clock.monotonic() >= end_s
        left_tasks = _tasks_of(follower, going)
        say(f"waiting for {plural(left_tasks, 'task')} to end" if left_tasks else "")
        if is_over or not left_tasks:
            left = [step for step in steps if step.name not in done or _is_in_use(done[step.name])]
            for outcome in await apply_together(Plan("", tuple(left)), cluster.control):
                done[outcome.name] = outcome
        if len(done) == len(steps) and (is_over or not any(map(_is_in_use, done.values()))):
            return [done[step.name] for step in steps]
        try:
            async with asyncio.timeout(max(end_s - clock.monotonic(), 0)):
                await follower.changed.wait()
        except TimeoutError:
            continue


def _is_in_use(outcome: Outcome) -> bool:
    """Whether the failure will pass: the last tasks are still on the network, or a node has the volume still. Any other one stays."""
    return outcome.is_error and ("in use" in outcome.text or "is published on" in outcome.text)


def _tasks_of(follower: Follower, going: Iterable[str]) -> int:
    return sum(len(follower.mirror.tasks_of_service(id_)) for id_ in going)
