"""Placing many equal tasks: a tree of preferences over a heap of nodes (docs/design/scheduling.md 3.6, 3.7).

Each preference is a level of the tree, each label value a branch, and the lowest level holds nodes. A task goes
down the branch with the fewest active tasks of its service, then to the best node there; one task at a time,
so every level stays as even as it can be. Among equals the earlier node wins: the result is a function of the
input's order. A node that refuses is out until the next plan.

One placement costs one heap operation per level; building costs one look at each node.
"""

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heapreplace

from swarm_core.api.proto.types_pb2 import PlacementPreference
from swarm_core.rules.placement.constraint import label_of
from swarm_core.rules.placement.filters import Pipeline
from swarm_core.rules.placement.node_info import NodeInfo


def spread_descriptors(preferences: Iterable[PlacementPreference]) -> tuple[str, ...]:
    """The levels that `preferences` ask for; what is not a spread over labels is ignored."""
    descriptors = (one.spread.spread_descriptor for one in preferences if one.HasField("spread"))
    return tuple(
        text
        for text in descriptors
        if any(text.lower().startswith(p) and len(text) > len(p) for p in ("node.labels.", "engine.labels."))
    )


class _Leaf:
    """Nodes without further preference, best first."""

    __slots__ = ("_heap", "_pipeline", "tasks")

    def __init__(self, nodes: Sequence[NodeInfo], pipeline: Pipeline, now: float) -> None:
        service_id, release = pipeline.demand.service_id, pipeline.demand.release
        self._pipeline = pipeline
        # Nodes that refuse tasks still count: the branch is as full as it is (3.7).
        self.tasks = sum(info.active_of.get(service_id, 0) for info in nodes)
        self._heap = [
            (info.failures(release, now), info.active_of.get(service_id, 0), info.active, order, info, False)
            for order, info in enumerate(nodes)
        ]
        heapify(self._heap)

    def place(self) -> NodeInfo | None:
        """The best node that takes one more task, or None; the caller puts the task there before it asks again."""
        heap = self._heap
        while heap:
            failures, own, total, order, info, is_vetted = heap[0]
            pipeline = self._pipeline
            if not (pipeline.still_passes(info) if is_vetted else pipeline.passes(info)):
                heappop(heap)
                continue
            self.tasks += 1
            heapreplace(heap, (failures, own + 1, total + 1, order, info, True))
            return info
        return None


class _Branches:
    """The values of one label, the branch with the fewest tasks first."""

    __slots__ = ("_heap", "tasks")

    def __init__(self, children: Iterable["_Leaf | _Branches"]) -> None:
        self._heap: list[tuple[int, int, _Leaf | _Branches]] = [
            (child.tasks, order, child) for order, child in enumerate(children)
        ]
        self.tasks: int = sum(tasks for tasks, _, _ in self._heap)
        heapify(self._heap)

    def place(self) -> NodeInfo | None:
        """As for a leaf: the best node of the emptiest branch that has one."""
        heap = self._heap
        while heap:
            _, order, child = heap[0]
            if (info := child.place()) is None:
                heappop(heap)
                continue
            self.tasks += 1
            heapreplace(heap, (child.tasks, order, child))
            return info
        return None


Tree = _Leaf | _Branches


def tree(nodes: Sequence[NodeInfo], pipeline: Pipeline, descriptors: Sequence[str], now: float) -> Tree:
    """The preference tree over `nodes`; its `place` finds a node for one task."""
    if not descriptors:
        return _Leaf(nodes, pipeline, now)
    branches: dict[str, list[NodeInfo]] = {}
    for info in nodes:
        branches.setdefault(label_of(info.node, descriptors[0]) or "", []).append(info)
    return _Branches(tree(members, pipeline, descriptors[1:], now) for members in branches.values())
