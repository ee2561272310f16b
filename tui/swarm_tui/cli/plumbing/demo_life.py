"""What happens in a demo by itself, so that who only looks sees it all within three minutes: a rollout that can be watched, one that fails and
goes back, a stack that comes, a node that is lost and returns, people who scale. What happens when and to what follows from a seed.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.names import STACK_LABEL
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import ClientError

_Service = objects_pb2.Service
_SCALED: Final = ("cache", "worker")
_ROUND_S: Final = 180.0
_DELAY_S: Final = 3
_MONITOR_S: Final = 5
_BROKEN: Final = ("SIM_AFTER=2", "SIM_EXIT=1", "SIM_ERR=FATAL schema 42 is newer than this program")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it happens. `lose` and `regain` take a node away, as a failed machine goes, and bring it back."""

    cluster: Cluster
    rng: random.Random
    lose: Callable[[], None]
    regain: Callable[[], None]


async def live(stage: Stage, over: asyncio.Event) -> None:
    """Round after round until `over`."""
    number = 0
    while not over.is_set():
        began = stage.cluster.clock.monotonic()
        for at_s, act in _ACTS:
            if not await _waited(stage, over, began + at_s):
                return
            # What somebody does in the dashboard meanwhile may stand in the way; the demo goes on.
            with contextlib.suppress(ClientError, LookupError):
                await act(stage, number)
        number += 1
        await _waited(stage, over, began + _ROUND_S)


async def _waited(stage: Stage, over: asyncio.Event, until: float) -> bool:
    """Wait for that moment; False when it is over before."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(until - stage.cluster.clock.monotonic(), 0)):
            await over.wait()
    return not over.is_set()


async def _change(stage: Stage, name: str, edit: Callable[[Any], None]) -> None:
    service = await stage.cluster.control.resolve(_Service, name)
    await stage.cluster.control.change(_Service, service.id, edit)


async def _roll_out(stage: Stage, number: int) -> None:
    """One task after the other."""

    def edit(spec: specs_pb2.ServiceSpec) -> None:
        spec.task.container.image = f"registry/web:7.1.{4 + number}"

    await _change(stage, "web", edit)


async def _fail(stage: Stage, number: int) -> None:
    """A version that ends at once: its update goes back by itself."""

    def edit(spec: specs_pb2.ServiceSpec) -> None:
        spec.task.container.image = f"registry/api:1.{43 + number}"
        spec.task.container.env.extend(one for one in _BROKEN if one not in spec.task.container.env)

    await _change(stage, "api", edit)


async def _scale(stage: Stage, number: int) -> None:
    by = stage.rng.randint(1, 3) * stage.rng.choice((-1, 1))

    def edit(spec: specs_pb2.ServiceSpec) -> None:
        spec.replicated.replicas = max(spec.replicated.replicas + by, 1)

    await _change(stage, stage.rng.choice(_SCALED), edit)


async def _deploy(stage: Stage, number: int) -> None:
    """A stack of two services comes in the first round, and gets another image in each later one."""
    for name, replicas in (("posts", 1), ("front", 2)):
        image = f"registry/{name}:2.{number}"
        if number:

            def edit(spec: specs_pb2.ServiceSpec, image: str = image) -> None:
                spec.task.container.image = image

            await _change(stage, f"blog_{name}", edit)
            continue
        spec = specs_pb2.ServiceSpec(annotations=types_pb2.Annotations(name=f"blog_{name}"))
        spec.annotations.labels[STACK_LABEL] = "blog"
        spec.task.container.image = image
        spec.replicated.replicas = replicas
        await stage.cluster.control.create(_Service, spec)


async def _lose(stage: Stage, number: int) -> None:
    stage.lose()


async def _regain(stage: Stage, number: int) -> None:
    """Another machine takes its place, and somebody takes the lost one out."""
    stage.regain()
    for node in await stage.cluster.control.find(objects_pb2.Node):
        if node.status.state == types_pb2.NodeStatus.DOWN and node.role == types_pb2.WORKER:
            await stage.cluster.control.remove(objects_pb2.Node, node.id, force=True)


_ACTS: Final[tuple[tuple[float, Callable[[Stage, int], Awaitable[None]]], ...]] = (
    (8.0, _roll_out),
    (25.0, _scale),
    (45.0, _deploy),
    (60.0, _scale),
    (75.0, _fail),
    (100.0, _scale),
    (115.0, _lose),
    (150.0, _regain),
)
"""Seconds from the beginning of a round, and what happens then."""


def can_be_watched(spec: specs_pb2.ServiceSpec) -> None:
    """Updates of this service go task by task with a pause between, and back where they fail."""
    spec.update.parallelism = 1
    spec.update.delay.seconds = _DELAY_S
    spec.update.monitor.seconds = _MONITOR_S
    spec.update.failure_action = types_pb2.UpdateConfig.ROLLBACK
