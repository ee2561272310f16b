"""Requests of the Control API, Rollouts and CA, as any client may send them, to a leader whose loops work on what is accepted.

An input is a conversation: some requests, between which time passes and agents report. What must hold:
1. Each request is answered, or refused with a status that is told on purpose; "internal error" is a mistake of ours, and raised here as what it was.
2. No loop of the leader fails over what was accepted.
3. Afterwards everything can still be listed, and a snapshot of the store restores to the same objects.
"""

import asyncio
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from swarm_core.api.proto import control_pb2, objects_pb2, rollouts_pb2
from swarm_core.api.proto.types_pb2 import TaskState
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_core.manager.allocator.allocator import Allocator
from swarm_core.manager.control_api.parts import control_handlers
from swarm_core.manager.control_api.services.rollouts import RolloutsApi
from swarm_core.manager.orchestrator.constraint_enforcer import ConstraintEnforcer
from swarm_core.manager.orchestrator.global_ import GlobalOrchestrator
from swarm_core.manager.orchestrator.jobs import JobsOrchestrator
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_core.manager.orchestrator.task_reaper import TaskReaper
from swarm_core.manager.orchestrator.volume_enforcer import VolumeEnforcer
from swarm_core.manager.parts import PLAIN_ERRORS
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.rpc.server import Services
from swarm_core.store.memory import MemoryStore

from swarm_testkit.factories import (
    make_cluster,
    make_config,
    make_network,
    make_node,
    make_secret,
    make_service,
    make_volume,
)
from swarm_testkit.fuzz.frame import Kind, Player, must
from swarm_testkit.fuzz.messages import bent_message, fill
from swarm_testkit.in_process import InProcessConnection
from swarm_testkit.leader import Leader
from swarm_testkit.sole_manager import OPERATOR

_LOOPS: Final = (
    Allocator, Scheduler, ConstraintEnforcer, VolumeEnforcer, TaskReaper, ReplicatedOrchestrator, GlobalOrchestrator, JobsOrchestrator,
)  # fmt: skip
_SERVICES: Final = (
    control_pb2.DESCRIPTOR.services_by_name["Control"],
    rollouts_pb2.DESCRIPTOR.services_by_name["Rollouts"],
)
_METHODS: Final = tuple(
    method
    for service in _SERVICES
    for method in service.methods
    if not method.server_streaming and not method.client_streaming
)
_KINDS: Final = (
    objects_pb2.Node, objects_pb2.Service, objects_pb2.Task, objects_pb2.Network, objects_pb2.Secret, objects_pb2.Config, objects_pb2.Volume, objects_pb2.Cluster,
)  # fmt: skip
_MANY: Final = 15
"""Of what a number asks for that many objects are made of."""
_REPORTED: Final = (TaskState.RUNNING, TaskState.FAILED, TaskState.COMPLETE, TaskState.REJECTED)


class _Mistakes(logging.Handler):
    """Keeps what the server did not expect."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.found.append(record.exc_info[1])


@contextmanager
def _opened() -> Iterator[Player]:
    mistakes, logger = _Mistakes(), logging.getLogger("swarm_core")
    before = logger.propagate, logger.level
    logger.addHandler(mistakes)
    logger.propagate = False
    try:
        with asyncio.Runner() as runner:
            yield lambda seed: runner.run(_play(random.Random(seed), mistakes))
    finally:
        logger.removeHandler(mistakes)
        logger.propagate = before[0]


async def _play(rng: random.Random, mistakes: _Mistakes) -> str:
    mistakes.found.clear()
    leader = Leader(seed=rng.getrandbits(32))
    service = make_service("w1", name="web", replicas=2)
    await leader.put(
        make_cluster(), make_node("n1", hostname="n1"), make_node("n2", hostname="n2"), service, make_network("net1", name="net1"),
    )  # fmt: skip
    for item in (make_secret("s1", name="s1"), make_config("c1", name="c1"), make_volume("v1", name="v1")):
        await leader.put(item)  # type: ignore[arg-type]
    external = ExternalCas(_no_identity)
    handlers = control_handlers(
        leader.store,
        leader.clock,
        leader.rng,
        members=dict,
        can_remove=lambda raft_id: True,
        external=external,
    )
    services = Services(plain=PLAIN_ERRORS)
    services.add(_SERVICES[0], *handlers)
    services.add(_SERVICES[1], RolloutsApi(leader.store))
    connection = InProcessConnection(services, OPERATOR)
    taken = 0
    async with leader.running(*_LOOPS):
        for _ in range(rng.choice((1, 2, 4, 6))):
            taken += await _one(leader, connection, rng, mistakes)
            if rng.random() < 0.6:
                await leader.clock.advance(rng.choice((0.1, 1, 10)))
            await _report(leader, rng)
        await leader.clock.advance(40)
        await _listed(connection)
    _restores(leader.store)
    return f"{taken} taken"


async def _one(
    leader: Leader, connection: InProcessConnection, rng: random.Random, mistakes: _Mistakes
) -> bool:
    """Send a request; whether it was taken."""
    method = rng.choice(_METHODS)
    request = _drawn(method, leader, rng)
    try:
        await connection.call(f"{method.containing_service.name}.{method.name}", request, timeout=30)
    except (CallFailed, Unreachable) as error:
        if mistakes.found:
            raise mistakes.found[0] from None
        must(str(error).strip() and "internal error" not in str(error), f"{method.name}: {error}")
        return False
    if mistakes.found:
        raise mistakes.found[0]
    return True


def _drawn(method: Any, leader: Leader, rng: random.Random) -> Message:
    request: Any = GetMessageClass(method.input_type)()
    held = [(kind, one) for kind in _KINDS for one in leader.store.find(kind)]
    names = [
        text
        for _, one in held
        for text in (
            one.id,
            one.spec.annotations.name
            if hasattr(one, "spec") and hasattr(one.spec, "annotations")
            else one.id,
        )
    ]
    fill(request, rng, names, chance=rng.choice((0.15, 0.3, 0.6)))
    if rng.random() < 0.7:
        _aim(request, held, rng)
    if rng.random() < 0.2 and (changed := bent_message(request, rng)) is not None:
        request = cast(Any, changed)
    _few(request)
    return cast(Message, request)


def _aim(request: Any, held: list[tuple[Any, Any]], rng: random.Random) -> None:
    """Name an object that exists, in its present version and with its spec but for a few fields."""
    fields = {field.name: field for field in request.DESCRIPTOR.fields}
    for kind, one in rng.sample(held, len(held)):
        noun = kind.__name__.lower()
        if f"{noun}_id" in fields:
            setattr(request, f"{noun}_id", one.id)
        if f"{noun}_version" in fields:
            getattr(request, f"{noun}_version").CopyFrom(one.meta.version)
        if (
            "spec" in fields
            and hasattr(one, "spec")
            and fields["spec"].message_type is type(one.spec).DESCRIPTOR
        ):
            request.spec.CopyFrom(one.spec)
            if "Create" in type(request).__name__:
                request.spec.annotations.name = f"new{rng.randrange(100)}"
            fill(
                request.spec,
                rng,
                [one.id, one.spec.annotations.name],
                chance=rng.choice((0.0, 0.05, 0.15, 0.3)),
            )
            return


def _few(message: Any) -> None:
    """Nobody is to wait for as many tasks as a number may ask for."""
    for field, value in message.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for part in value if field.is_repeated else (value,):
                _few(part)
        elif field.name in ("replicas", "total_completions", "max_concurrent") and value > _MANY:
            setattr(message, field.name, value % _MANY)


async def _report(leader: Leader, rng: random.Random) -> None:
    """Some agents tell what became of their tasks."""
    for task in leader.store.find(objects_pb2.Task):
        if task.node_id and task.status.state < TaskState.COMPLETE and rng.random() < 0.5:
            state = rng.choice(_REPORTED)
            if state > task.status.state:
                await leader.report(task.id, TaskState.Name(state))


async def _listed(connection: InProcessConnection) -> None:
    for method in _METHODS:
        if method.name.startswith("List"):
            await connection.call(f"Control.{method.name}", GetMessageClass(method.input_type)(), timeout=30)


def _restores(store: MemoryStore) -> None:
    again = MemoryStore(clock=store._clock, proposer=None)
    again.restore(store.version, store.snapshot()())
    for kind in _KINDS:
        held = {one.id: one.SerializeToString(deterministic=True) for one in store.find(kind)}
        found = {one.id: one.SerializeToString(deterministic=True) for one in again.find(kind)}
        must(held == found, f"a snapshot restores every {kind.__name__}")


def _no_identity() -> Any:
    raise AssertionError("nobody is to ask an external authority")


KIND = Kind(
    "wire",
    "requests of the Control API and what the leader makes of them",
    _opened,
    (
        "swarm_core.manager.control_api", "swarm_core.manager.orchestrator", "swarm_core.manager.scheduler", "swarm_core.manager.allocator", "swarm_core.specs",
        "swarm_core.rules", "swarm_core.store",
    ),
)  # fmt: skip
