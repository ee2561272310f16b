"""Removing a stack: services, then secrets and configs, then networks as soon as no task is on them any more, and cluster volumes, where
that is wanted, as soon as no node has them (docs/design/stacks.md 12.7.9)."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Any

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.compose.changes.held import Held, stack_of

from swarm_tui.operations.model import Done, Outcome, Plan, Remove, Step, apply_together
from swarm_tui.operations.stacks.waiting import Follower, following

FREE_WAIT_S = 60.0
_Volume = objects_pb2.Volume


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


async def remove(
    cluster: Cluster, held: Held, volumes: Sequence[_Volume] = (), *, within_s: float = FREE_WAIT_S
) -> AsyncIterator[Outcome]:
    """Remove everything of the stack, and these volumes; an outcome for each object. What fails does not keep the rest."""
    services = held.own(held.services)
    for items in (services, held.own(held.secrets), held.own(held.configs)):
        for outcome in await apply_together(Plan("", tuple(_steps(items))), cluster.control):
            yield outcome
    last = [*_steps(held.own(held.networks)), *_steps(_by_name(volumes))]
    if last:
        for outcome in await _last(cluster, last, {one.id for one in services.values()}, within_s):
            yield outcome


def _by_name(volumes: Iterable[_Volume]) -> dict[str, _Volume]:
    return {one.spec.annotations.name: one for one in volumes}


def _steps(items: dict[str, Any]) -> Iterable[Step]:
    for name in sorted(items):
        noun = type(items[name]).__name__.lower()
        done = Done(f"Removing {noun} {name}")
        yield Step(name, f"remove {noun} {name}", Remove(type(items[name]), items[name].id), done)


async def _last(cluster: Cluster, steps: list[Step], services: set[str], within_s: float) -> list[Outcome]:
    """Networks and volumes are in use as long as tasks of the services are ending."""
    try:
        async with following(cluster, (objects_pb2.Task, _Volume)) as follower:
            return await _once_free(cluster, steps, services, within_s, follower)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _once_free(
    cluster: Cluster, steps: list[Step], services: set[str], within_s: float, follower: Follower
) -> list[Outcome]:
    clock = cluster.clock
    end_s = clock.monotonic() + within_s
    done: dict[str, Outcome] = {}
    while True:
        follower.changed.clear()
        is_over = clock.monotonic() >= end_s
        if is_over or not _tasks_of(follower, services):
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


def _tasks_of(follower: Follower, services: set[str]) -> bool:
    return any(task.service_id in services for task in follower.mirror.objects(objects_pb2.Task))
