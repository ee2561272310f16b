"""What is wrong in the whole cluster, kept up to date object by object.

Tasks are left out: a task's trouble is its service's problem or its node's, told once.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from swarm_tui.resources import cluster, nodes, services
from swarm_tui.resources.model import ClusterView, Health, Problem, ResourceKind, Role

_WATCHED: tuple[ResourceKind[Any], ...] = (cluster.KIND, services.KIND, nodes.KIND)


class ProblemBoard:
    """The problems of clusters, services and nodes."""

    def __init__(self, view: ClusterView) -> None:
        self._view = view
        self._problems: dict[tuple[str, str], tuple[Problem, ...]] = {}

    def rebuild(self, now_ns: int) -> None:
        """Look at everything anew: after a reset, and now and then because texts hold ages."""
        self._problems = {}
        for kind in _WATCHED:
            self._look(kind, [item.id for item in self._view.objects(kind.message)], now_ns)

    def apply(self, touched: Mapping[type[Message], Iterable[str]], now_ns: int) -> None:
        """Look at these objects anew."""
        for kind in _WATCHED:
            self._look(kind, touched.get(kind.message, ()), now_ns)
        if nodes.KIND.message in touched:
            self._look(cluster.KIND, [item.id for item in self._view.objects(cluster.Cluster)], now_ns)

    def _look(self, kind: ResourceKind[Any], ids: Iterable[str], now_ns: int) -> None:
        for id_ in ids:
            item = self._view.get(kind.message, id_)
            found = kind.problems(item, self._view, now_ns) if item is not None else ()
            if found:
                self._problems[kind.noun, id_] = found
            else:
                self._problems.pop((kind.noun, id_), None)

    def all(self) -> list[Problem]:
        """Every problem, the worst first."""
        every = [problem for found in self._problems.values() for problem in found]
        return sorted(every, key=lambda problem: (-problem.health.severity, problem.ref, problem.name))

    def counts(self) -> tuple[int, int]:
        """(failures, warnings), as the header shows them."""
        every = [problem for found in self._problems.values() for problem in found]
        failures = sum(problem.health.role is Role.ERROR for problem in every)
        return failures, len(every) - failures

    def worst(self) -> Health:
        """The worst health there is."""
        return max((p.health for p in self.all()), key=lambda health: health.severity, default=Health.OK)
