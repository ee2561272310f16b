"""A drill: a node is drained, the clock stops when every service is at full strength again, the node is given back, and the score
stands beside what the plan had foretold. Pure: it is shown the cluster, and told the time.

Rules (docs/design/terminal.md 11.20)
1. At full strength is a service that runs as many tasks as before on nodes that are not drained. Tasks of which the plan foretold that
   they find no node are not waited for; they are part of the score. Neither are those of global services: each is of its node.
2. Only services that had a task on the nodes are looked at, each from before the drain on.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.proto import objects_pb2, types_pb2

from swarm_tui.operations.describe import Description
from swarm_tui.resources import format as fmt
from swarm_tui.resources import nodes, services
from swarm_tui.resources.model import ClusterView

_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Course:
    """One service: what was foretold of it, and what was seen."""

    name: str
    before: int
    foretold_lowest: int
    lowest: int
    homeless: int
    """So many of its tasks were foretold to find no node."""
    end: int


@dataclass(frozen=True, slots=True)
class Score:
    """`seconds` is None where full strength was not reached; `why_not` completes "Full strength …"."""

    nodes: tuple[str, ...]
    seconds: float | None
    foretold_seconds: float | None
    moved: int
    foretold_moved: int
    landing: Mapping[str, int]
    foretold_landing: Mapping[str, int]
    courses: tuple[Course, ...]
    why_not: str = ""

    @property
    def is_as_foretold(self) -> bool:
        """Whether all came as the plan had said: how many moved and where to, and no service fell lower."""
        return (
            self.seconds is not None
            and self.moved == self.foretold_moved
            and dict(self.landing) == dict(self.foretold_landing)
            and all(one.lowest >= one.foretold_lowest for one in self.courses)
        )


class Drill:
    """See the module's text. Made before the drain; `look` is given the cluster whenever it changed."""

    def __init__(self, view: ClusterView, ids: Sequence[str], description: Description) -> None:
        self.ids = tuple(ids)
        self._ids = frozenset(ids)
        self._nodes = tuple(
            nodes.name(node, view) for node in view.objects(objects_pb2.Node) if node.id in self._ids
        )
        found = description.forecast
        self._forecast = found
        self._homeless = Counter({one.service: one.count for one in found.homeless})
        self._foretold = {one.name: one.lowest for one in found.services}
        self._known = {task.id for task in view.objects(objects_pb2.Task)}
        self._names: dict[str, str] = {}
        self._of_nodes: dict[str, int] = {}
        """Of global services, how many tasks ran on the nodes: they run nowhere else."""
        self._before: dict[str, int] = {}
        for service_id in {task.service_id for task in self._running(view) if task.node_id in self._ids}:
            service = view.get(objects_pb2.Service, service_id)
            if service is not None:
                self._names[service_id] = services.name(service)
                self._before[service_id] = self._strength(view, service_id)
                if services.mode(service).startswith("global"):
                    elsewhere = self._strength(view, service_id, without=self._ids)
                    self._of_nodes[service_id] = self._before[service_id] - elsewhere
        self._lowest = dict(self._before)
        self._end_ns: int | None = None
        self._last = dict(self._before)
        self._elsewhere = self._strengths(view, self._ids)
        self._placed: dict[str, str] = {}

    @property
    def is_over(self) -> bool:
        """Whether every service is at full strength again."""
        return self._end_ns is not None

    def look(self, view: ClusterView, now_ns: int) -> None:
        """The cluster changed, or may have."""
        if self.is_over:
            return
        self._last = self._strengths(view)
        self._elsewhere = self._strengths(view, self._ids)
        for id_, count in self._last.items():
            self._lowest[id_] = min(self._lowest[id_], count)
        for task in self._running(view):
            if task.id not in self._known and task.service_id in self._before:
                node = view.get(objects_pb2.Node, task.node_id)
                self._placed[task.id] = nodes.name(node, view) if node is not None else task.node_id
        if all(self._elsewhere[id_] >= self._goal(id_) for id_ in self._before):
            self._end_ns = now_ns

    @property
    def subject(self) -> str:
        """The nodes by name."""
        return ", ".join(self._nodes)

    def score(self, began_ns: int, why_not: str = "") -> Score:
        """What came of it, beside what was foretold."""
        return Score(
            self._nodes,
            (self._end_ns - began_ns) / _NS_PER_S if self._end_ns is not None else None,
            self._forecast.seconds,
            len(self._placed),
            self._forecast.restarts + self._forecast.starts,
            dict(sorted(Counter(self._placed.values()).items())),
            dict(sorted(self._forecast.landing)),
            tuple(self._course(id_) for id_ in sorted(self._before, key=self._names.__getitem__)),
            why_not,
        )

    def progress(self) -> str:
        """How far it is, in one line."""
        goals = {id_: self._goal(id_) for id_ in self._before}
        have = sum(min(self._elsewhere[id_], goal) for id_, goal in goals.items())
        return f"{have} of {sum(goals.values())} tasks run on other nodes"

    def _course(self, id_: str) -> Course:
        name, before = self._names[id_], self._before[id_]
        return Course(
            name,
            before,
            self._foretold.get(name, before),
            self._lowest[id_],
            self._homeless[name],
            self._last[id_],
        )

    def _goal(self, service_id: str) -> int:
        wanted = self._before[service_id] - self._homeless[self._names[service_id]]
        return wanted - self._of_nodes.get(service_id, 0)

    @staticmethod
    def _running(view: ClusterView) -> Iterator[Any]:
        return (
            task
            for task in view.objects(objects_pb2.Task)
            if task.status.state == types_pb2.RUNNING and task.desired_state == types_pb2.RUNNING
        )

    def _strengths(self, view: ClusterView, without: frozenset[str] = frozenset()) -> dict[str, int]:
        return {id_: self._strength(view, id_, without) for id_ in self._before}

    def _strength(self, view: ClusterView, service_id: str, without: frozenset[str] = frozenset()) -> int:
        return sum(
            task.status.state == task.desired_state == types_pb2.RUNNING and task.node_id not in without
            for task in view.tasks_of_service(service_id)
        )


def headline(score: Score) -> str:
    """How long it took, or why it did not come to that."""
    took = fmt.short_duration(score.seconds) if score.seconds is not None else score.why_not
    return f"Full strength without {', '.join(score.nodes)}: {took}."


def told(score: Score) -> list[str]:
    """The score in lines, what was seen beside what was foretold."""
    lines = [headline(score)]
    lines.append(f"  moved       {score.moved}, foretold {score.foretold_moved}")
    lines.append(f"  landed on   {_where(score.landing)}, foretold {_where(score.foretold_landing)}")
    for one in score.courses:
        homeless = f"; {one.homeless} were foretold to find no node" if one.homeless else ""
        lines.append(
            f"  {one.name}: {one.before} before, {one.lowest} at the least (foretold {one.foretold_lowest}),"
            f" {one.end} at the end{homeless}"
        )
    lines.append("As the plan had foretold." if score.is_as_foretold else "Not as the plan had foretold.")
    return lines


def _where(landing: Mapping[str, int]) -> str:
    return " ".join(f"{name} {count}" for name, count in sorted(landing.items())) or "no node"
