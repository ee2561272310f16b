"""Where a new service would land: the leader's own rules, asked about the nodes as the mirror knows them.

Pure. The answer is a forecast: it holds for the moment it is asked in, and only as far as reservations,
constraints, platforms and readiness decide.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.rules.placement.explain import Refusals
from swarm_core.rules.placement.filters import Pipeline
from swarm_core.rules.placement.matrix import Matrix
from swarm_core.rules.placement.node_info import Demand, NodeInfo, survey
from swarm_core.rules.placement.spread import tree
from swarm_core.specs.replicas import count

_PLACED_MAX = 1_000
"""A forecast beyond this many replicas says nothing that the first thousand do not."""


@dataclass(frozen=True, slots=True)
class Fit:
    """`room` is how many replicas there is room for, None where nothing limits them."""

    nodes: int
    fitting: int
    room: int | None
    wanted: int
    placed: int
    landing: tuple[tuple[str, int], ...]
    refusals: str
    """Why nodes are left out: counts where others fit, and everything with the numbers where none does."""
    remedies: tuple[str, ...] = ()
    """What would help where none fits."""


def fit_now(
    spec: specs_pb2.ServiceSpec,
    nodes: Sequence[objects_pb2.Node],
    tasks: Iterable[objects_pb2.Task],
    volumes: Iterable[objects_pb2.Volume] = (),
) -> Fit:
    """What would happen to `spec` now."""
    infos = survey(nodes, tasks, volumes)
    probe = objects_pb2.Task(id="new", spec=spec.task, service_id="new")
    pipeline = Pipeline(probe)
    refusals = Refusals(pipeline, infos.values())
    admitted = [info for info in infos.values() if info.id in refusals.admitted]
    nowhere = None if admitted else Matrix.of(pipeline, infos.values())
    room = _room(pipeline.demand, admitted)
    number = count(spec)
    wanted = len(admitted) if number is None else number
    landing = _landing(pipeline, admitted, min(wanted, _PLACED_MAX))
    placed = sum(landing.values())
    if wanted > _PLACED_MAX and placed == _PLACED_MAX:
        placed = wanted if room is None else min(wanted, room)
    names = {node.id: node.description.hostname or node.id for node in nodes}
    return Fit(
        nodes=len(nodes),
        fitting=len(admitted),
        room=room,
        wanted=wanted,
        placed=placed,
        landing=tuple(sorted((names[node_id], count) for node_id, count in landing.items())),
        refusals=str(refusals) if nowhere is None else nowhere.sentence,
        remedies=() if nowhere is None else nowhere.remedies,
    )


def _room(demand: Demand, admitted: Sequence[NodeInfo]) -> int | None:
    if not admitted:
        return 0
    if not demand.nano_cpus and not demand.memory_bytes:
        return None
    return sum(_room_on(demand, info) for info in admitted)


def _room_on(demand: Demand, info: NodeInfo) -> int:
    limits = []
    if demand.nano_cpus:
        limits.append(info.cpus_free // demand.nano_cpus)
    if demand.memory_bytes:
        limits.append(info.memory_free // demand.memory_bytes)
    return max(min(limits), 0)


def _landing(pipeline: Pipeline, admitted: Sequence[NodeInfo], replicas: int) -> Counter[str]:
    landing: Counter[str] = Counter()
    branch = tree(admitted, pipeline, (), 0.0)
    for number in range(replicas):
        info = branch.place()
        if info is None:
            break
        info.take(f"new-{number}", pipeline.demand, ())
        landing[info.id] += 1
    return landing
