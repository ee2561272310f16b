"""Which tasks to move so that every service is spread as placement would spread it now (docs/design/scheduling.md 3.13).

Rules
1. Nothing is moved that would not end better: at the first level where its place and the new one differ (a preference's label, else
   the node), two tasks of the service more on the one side than on the other. Such a move makes the difference smaller.
2. Where that is even already, nodes are levelled by all of their tasks: a task moves to a node that has two or more fewer in all, and
   fewer of its service.
3. Where a task goes is not chosen here: the scheduler chooses, and is asked by its own rules, with the task taken away. The plan is
   the sequence of these answers, so it holds as long as nothing else happens meanwhile.
4. The tasks that moved least long ago move first: they have least to lose.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.rules.placement.constraint import label_of
from swarm_core.rules.placement.filters import Pipeline
from swarm_core.rules.placement.node_info import NodeInfo
from swarm_core.rules.placement.spread import spread_descriptors, tree


@dataclass(frozen=True, slots=True)
class Uneven:
    """Why a task moves: so many tasks on the one side and on the other, before it. `of` is the label that differs, empty for
    nodes; `is_in_all` counts the tasks of all services."""

    of: str
    source: str
    target: str
    source_tasks: int
    target_tasks: int
    is_in_all: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """A task that leaves its node, and the node that the scheduler gives its successor."""

    task: Task
    source: NodeInfo
    target: NodeInfo
    why: Uneven


@dataclass(frozen=True, slots=True)
class Movable:
    """A service whose tasks may be moved. `probe` is a task as it would be made now."""

    probe: Task
    tasks: Sequence[Task]


class _Spread:
    """One service, with its tasks by node; those that were moved are not moved again."""

    def __init__(self, movable: Movable, infos: Mapping[str, NodeInfo]) -> None:
        self.pipeline = Pipeline(movable.probe)
        self.descriptors = spread_descriptors(movable.probe.spec.placement.preferences)
        self.on_node: dict[str, list[Task]] = {}
        for task in sorted(movable.tasks, key=lambda task: (timestamp_ns(task.meta.created_at), task.id)):
            if (info := infos.get(task.node_id)) is not None and task.id in info:
                self.on_node.setdefault(task.node_id, []).append(task)

    def own(self, info: NodeInfo) -> int:
        """The service's active tasks on a node."""
        return info.active_of.get(self.pipeline.demand.service_id, 0)


_Judge = Callable[[_Spread, NodeInfo, NodeInfo], Uneven | None]


class Balancer:
    """Plans on `infos`, which it changes as the moves would. Costs a look at every node for each move."""

    def __init__(self, infos: Mapping[str, NodeInfo]) -> None:
        self._infos = infos
        self._nodes = list(infos.values())

    def moves(self, services: Iterable[Movable], moves_max: int) -> list[Move]:
        """The moves in the order in which they are to be made: services one by one, then what levels the nodes."""
        spreads = [_Spread(movable, self._infos) for movable in services]
        found: list[Move] = []
        for spread in spreads:
            while len(found) < moves_max and (move := self._for_service(spread)) is not None:
                found.append(move)
        while len(found) < moves_max and (move := self._for_nodes(spreads)) is not None:
            found.append(move)
        return found

    def _for_service(self, spread: _Spread) -> Move | None:
        least = min(map(spread.own, self._nodes), default=0)
        for node_id in sorted(spread.on_node, key=lambda node_id: self._crowd(spread, node_id)):
            if not spread.descriptors and spread.own(self._infos[node_id]) < least + 2:
                return None
            if (move := self._try(spread, node_id, self._uneven)) is not None:
                return move
        return None

    def _for_nodes(self, spreads: Sequence[_Spread]) -> Move | None:
        least = min((info.active for info in self._nodes), default=0)
        for info in sorted(self._nodes, key=lambda info: (-info.active, info.id)):
            if info.active < least + 2:
                return None
            for spread in spreads:
                if info.id in spread.on_node and (move := self._try(spread, info.id, self._uneven_in_all)):
                    return move
        return None

    def _crowd(self, spread: _Spread, node_id: str) -> tuple[object, ...]:
        """The most crowded first, branch by branch."""
        info = self._infos[node_id]
        branches = [-self._in_branch(spread, info, level) for level in range(1, len(spread.descriptors) + 1)]
        return (*branches, -spread.own(info), -info.active, node_id)

    def _try(self, spread: _Spread, node_id: str, judge: _Judge) -> Move | None:
        """Move the newest task of a node if the scheduler's answer is better than where it is."""
        source, tasks = self._infos[node_id], spread.on_node[node_id]
        task = tasks[-1]
        source.remove(task.id)
        target = tree(self._nodes, spread.pipeline, spread.descriptors, 0.0).place()
        source.add(task)
        why = judge(spread, source, target) if target is not None and target is not source else None
        if target is None or why is None:
            return None
        source.remove(task.id)
        demand = spread.pipeline.demand
        target.take(f"in place of {task.id}", demand, target.generic.choose(demand.generic))
        tasks.pop()
        if not tasks:
            del spread.on_node[node_id]
        return Move(task, source, target, why)

    def _uneven(self, spread: _Spread, source: NodeInfo, target: NodeInfo) -> Uneven | None:
        for level, descriptor in enumerate(spread.descriptors, 1):
            here, there = label_of(source.node, descriptor) or "", label_of(target.node, descriptor) or ""
            if here != there:
                why = Uneven(
                    descriptor,
                    here,
                    there,
                    self._in_branch(spread, source, level),
                    self._in_branch(spread, target, level),
                )
                return why if why.source_tasks >= why.target_tasks + 2 else None
        why = Uneven("", source.id, target.id, spread.own(source), spread.own(target))
        return why if why.source_tasks >= why.target_tasks + 2 else None

    def _uneven_in_all(self, spread: _Spread, source: NodeInfo, target: NodeInfo) -> Uneven | None:
        labels_differ = any(
            label_of(source.node, descriptor) != label_of(target.node, descriptor)
            for descriptor in spread.descriptors
        )
        if labels_differ or spread.own(target) >= spread.own(source) or target.active + 2 > source.active:
            return None
        return Uneven("", source.id, target.id, source.active, target.active, is_in_all=True)

    def _in_branch(self, spread: _Spread, info: NodeInfo, level: int) -> int:
        """The service's tasks on all nodes that share the first `level` labels with `info`."""
        labels = [label_of(info.node, one) or "" for one in spread.descriptors[:level]]
        return sum(
            spread.own(other)
            for other in self._nodes
            if [label_of(other.node, one) or "" for one in spread.descriptors[:level]] == labels
        )
