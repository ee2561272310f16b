"""What has to be true of a field some time after the last fault, and what its nodes wrote meanwhile."""

import asyncio
import re
import time
from collections import defaultdict

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.errors import ClientError

from swarm_testkit import versions
from swarm_testkit.rounds.field import SERVICE, Field, Place, control_of, reached

_CALL_S = 10.0
_PAUSE_S = 0.2
# A component that fails by surprise is logged with where it failed.
_SURPRISE = re.compile(r"Traceback \(most recent call last\)|was never (?:awaited|retrieved)")
_AROUND_LINES = 25


async def whole_again(field: Field, seconds: float) -> tuple[float, str]:
    """Wait until the cluster is well; how long it took, and what is still amiss when time is up (empty: nothing)."""
    start = time.monotonic()
    while True:
        amiss = await _amiss(field)
        taken = time.monotonic() - start
        if not amiss or taken > seconds:
            return taken, amiss
        await asyncio.sleep(_PAUSE_S)


async def _amiss(field: Field) -> str:
    """The first thing that is not as it has to be."""
    for place in field.managers:
        try:
            async with asyncio.timeout(_CALL_S), control_of(place) as control:
                nodes = await control.find(objects_pb2.Node)
                services = await control.find(objects_pb2.Service, names=[SERVICE])
                tasks = await control.find(objects_pb2.Task)
        except (ClientError, TimeoutError, OSError) as error:
            return f"{place.name} does not answer: {error!r}"
        if said := _members(field, nodes):
            return f"{place.name} says: {said}"
        if said := await _service(field, place, services, tasks):
            return f"{place.name} says: {said}"
    if (running := sorted(field.programs())) != [field.argument] * field.wanted.replicas:
        return f"programs that run: {running}, wanted: {field.wanted.replicas} times {field.argument}"
    return ""


def _members(field: Field, nodes: list[objects_pb2.Node]) -> str:
    leaders = [node.id for node in nodes if node.manager_status.leader]
    unready = [node.id for node in nodes if node.status.state != types_pb2.NodeStatus.READY]
    if len(nodes) != len(field.places):
        return f"{len(nodes)} nodes, not {len(field.places)}"
    if len(reached(nodes)) != len(field.managers):
        return f"{len(reached(nodes))} managers are reached"
    if len(leaders) != 1:
        return f"leaders: {leaders}"
    return f"nodes not ready: {unready}" if unready else ""


async def _service(
    field: Field, place: Place, services: list[objects_pb2.Service], tasks: list[objects_pb2.Task]
) -> str:
    """Whether the service is what was ordered; if not it is ordered again, as people do whose order failed."""
    (service,) = services
    wanted = type(service.spec)()
    wanted.CopyFrom(service.spec)
    field.apply(wanted)
    if wanted != service.spec:
        await order(field, place)
        return "the service was ordered anew"
    live = [task for task in tasks if task.desired_state == types_pb2.TaskState.RUNNING]
    run = [task for task in live if task.status.state == types_pb2.TaskState.RUNNING]
    if not len(live) == len(run) == field.wanted.replicas:
        states = [types_pb2.TaskState.Name(task.status.state) for task in live]
        return f"tasks of the service: {states}, wanted: {field.wanted.replicas}"
    return ""


async def order(field: Field, place: Place) -> bool:
    """Change the service through this manager into what is wanted; whether that was acknowledged."""
    try:
        async with asyncio.timeout(_CALL_S), control_of(place) as control:
            (service,) = await control.find(objects_pb2.Service, names=[SERVICE])
            await control.change(objects_pb2.Service, service.id, field.apply)
    except (ClientError, TimeoutError, OSError):
        return False
    return True


class Logs:
    """The logs of a field's daemons, read on from where they ended the last time."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._read_bytes: dict[str, int] = defaultdict(int)

    def surprises(self) -> list[str]:
        """What nobody expects a daemon to write, each with the lines around it."""
        found = []
        for daemon in self._field.ours:
            with daemon.log.open("rb") as file:
                file.seek(self._read_bytes[daemon.log.name])
                lines = file.read().decode(errors="replace").splitlines()
                self._read_bytes[daemon.log.name] = file.tell()
            at = next((at for at, line in enumerate(lines) if _SURPRISE.search(line)), None)
            if at is not None:
                around = lines[max(0, at - 2) : at + _AROUND_LINES]
                if any(str(versions.KEPT) in line for line in around):
                    continue  # what the version before says is as it is
                found.append(f"{daemon.log.name} says\n      " + "\n      ".join(around))
        return found
