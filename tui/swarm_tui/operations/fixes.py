"""The nearest changes that would let a task find a node, or a service go on, each as a plan (docs/design/plans.md 13.4). Pure.

A change of a node, or of the service, is offered when it mends everything that this node has against the task. What only a person at a
machine can mend is no fix: the explanation says it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.words import cpu_words, size_words
from swarm_core.rules.placement.filters import Pipeline, unmet_constraints
from swarm_core.rules.placement.matrix import Matrix, NodeAnswer
from swarm_core.rules.placement.node_info import Demand, NodeInfo, survey

from swarm_tui.operations import nodes, update
from swarm_tui.operations.model import Plan
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.why.explanation import Explanation
from swarm_tui.resources.why.placement import probe

Node = objects_pb2.Node
Service = objects_pb2.Service
Task = objects_pb2.Task
Volume = objects_pb2.Volume
Spec = specs_pb2.ServiceSpec
_FIXES_MAX: Final = 4
_LABEL: Final = "node.labels."
_PAUSED: Final = (types_pb2.UpdateStatus.PAUSED, types_pb2.UpdateStatus.ROLLBACK_PAUSED)


@dataclass(frozen=True, slots=True)
class Fix:
    """`text` is what is done, in a few words: "label w2 disk=ssd → runs on w2"."""

    text: str
    plan: Plan


class _NoFix(Exception):
    """Only a person at a machine can mend it."""


def fixes(service: Service, explanation: Explanation, view: ClusterView) -> list[Fix]:
    """The nearest first, no more than a few."""
    found = [*_of_update(service, view)]
    matrices = [one.matrix for one in explanation.findings if one.matrix is not None]
    if any(not matrix.fitting for matrix in matrices):
        infos = survey(view.objects(Node), view.objects(Task), view.objects(Volume))
        for matrix in matrices:
            found += _of_matrix(service, matrix, infos, view)
    return found[:_FIXES_MAX]


def _of_update(service: Service, view: ClusterView) -> Iterator[Fix]:
    """Where a rollout failed: back to what ran."""
    status = service.update_status.state
    is_failing = view.failures(service, 0).is_loop if status not in _PAUSED else True
    if service.HasField("previous_spec") and status != types_pb2.UpdateStatus.ROLLBACK_PAUSED and is_failing:
        name = service.spec.annotations.name
        yield Fix(f"roll {name} back to the spec before", update.rollback(view, [service.id]))


def _of_matrix(
    service: Service, matrix: Matrix, infos: Mapping[str, NodeInfo], view: ClusterView
) -> Iterator[Fix]:
    if matrix.fitting:
        return
    pipeline = Pipeline(probe(service, view))
    seen: set[tuple[str, ...]] = set()
    for answer in matrix.answers:
        if answer.refusing in seen:
            continue
        try:
            fix = _of_node(service, pipeline, answer, infos[answer.node_id], view)
        except _NoFix:
            continue
        seen.add(answer.refusing)
        yield fix


def _of_node(
    service: Service, pipeline: Pipeline, answer: NodeAnswer, info: NodeInfo, view: ClusterView
) -> Fix:
    """What makes this node take the task. Raises _NoFix."""
    words: list[str] = []
    labels: dict[str, str] = {}
    availability: str | None = None
    edits: list[Callable[[Spec], object]] = []
    for name in answer.refusing:
        match name:
            case "ready":
                availability = _activated(info)
                words.append(f"activate {answer.name}")
            case "constraints":
                wanted = _labels(service, info, view)
                labels |= wanted
                words += [f"label {answer.name} {key}={value}" for key, value in wanted.items()]
            case "resources":
                edits.append(_smaller(pipeline.demand, info))
                words.append(_smaller_words(pipeline.demand, info))
            case "max replicas":
                limit = service.spec.task.placement.max_replicas + 1
                edits.append(_with_replicas(limit))
                words.append(f"allow {limit} replicas per node")
            case _:
                raise _NoFix
    if edits and (labels or availability):
        # Two kinds of objects would have to change together, and either alone helps nobody.
        raise _NoFix
    plan = (
        update.plan(view, [service.id], lambda spec: [edit(spec) for edit in edits])
        if edits
        else nodes.plan(view, [info.id], nodes.Edit(availability=availability, labels_put=labels))
    )
    return Fix(f"{' and '.join(words)} → room on {answer.name}", plan)


def _activated(info: NodeInfo) -> str:
    if info.node.status.state != types_pb2.NodeStatus.READY:
        raise _NoFix
    assert info.node.spec.availability != NodeSpec.ACTIVE
    return "active"


def _labels(service: Service, info: NodeInfo, view: ClusterView) -> dict[str, str]:
    found = {}
    for one in unmet_constraints(probe(service, view), info):
        if not one.key.lower().startswith(_LABEL) or not one.is_equality:
            raise _NoFix
        found[one.key[len(_LABEL) :]] = one.value
    return found


def _with_replicas(limit: int) -> Callable[[Spec], object]:
    return lambda spec: setattr(spec.task.placement, "max_replicas", limit)


def _smaller(demand: Demand, info: NodeInfo) -> Callable[[Spec], object]:
    """Reserve no more than the node has left. Raises _NoFix where that is nothing."""
    short_memory, short_cpus = demand.memory_bytes > info.memory_free, demand.nano_cpus > info.cpus_free
    if demand.generic or (short_memory and info.memory_free <= 0) or (short_cpus and info.cpus_free <= 0):
        raise _NoFix
    memory, cpus = info.memory_free, info.cpus_free

    def edit(spec: Spec) -> None:
        reserved = spec.task.resources.reservations
        if short_memory:
            reserved.memory_bytes = memory
        if short_cpus:
            reserved.nano_cpus = cpus

    return edit


def _smaller_words(demand: Demand, info: NodeInfo) -> str:
    parts = []
    if demand.memory_bytes > info.memory_free:
        parts.append(f"{size_words(demand.memory_bytes)} → {size_words(info.memory_free)}")
    if demand.nano_cpus > info.cpus_free:
        parts.append(f"{cpu_words(demand.nano_cpus)} → {cpu_words(info.cpus_free)} CPUs")
    return f"reserve {' and '.join(parts)}"
