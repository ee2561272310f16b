"""Why a task has no node, in one sentence with counts (docs/design/scheduling.md 3.5, 3.8).

`Refusals` keeps the first refusing filter of every node and follows single nodes as they change, so that the
sentence never needs a scan. `matrix` has the long form, for people: every filter on every node.
"""

from collections.abc import Callable, Iterable

from swarm_core.api.words import nodes_words
from swarm_core.rules.placement.filters import FILTERS, Pipeline
from swarm_core.rules.placement.node_info import NodeInfo

_PHRASES: dict[str, Callable[[int], str]] = {
    "ready": lambda n: f"{nodes_words(n)} {'does' if n == 1 else 'do'} not accept new tasks",
    "resources": lambda n: f"not enough resources on {nodes_words(n)}",
    "runtime": lambda n: f"{nodes_words(n)} {'does' if n == 1 else 'do'} not run this kind of task",
    "plugins": lambda n: f"plugin missing on {nodes_words(n)}",
    "constraints": lambda n: f"constraints not met by {nodes_words(n)}",
    "platform": lambda n: f"platform not supported by {nodes_words(n)}",
    "host port": lambda n: f"host port taken on {nodes_words(n)}",
    "max replicas": lambda n: "limit of replicas per node reached",
    "volumes": lambda n: f"cluster volumes not to be had on {nodes_words(n)}",
}
assert set(_PHRASES) == {rule.name for rule in FILTERS}


class Refusals:
    """Which filter refuses each node for one pipeline, and how many nodes each filter refuses."""

    __slots__ = ("_counts", "_filter_of", "_pipeline", "admitted")

    def __init__(self, pipeline: Pipeline, nodes: Iterable[NodeInfo] = ()) -> None:
        self._pipeline = pipeline
        self._filter_of: dict[str, int] = {}
        self._counts = [0] * len(FILTERS)
        self.admitted: set[str] = set()  # nodes that pass all filters
        for info in nodes:
            self.look_at(info)

    def look_at(self, info: NodeInfo) -> None:
        """Ask the filters about a node that is new or changed."""
        self.forget(info.id)
        failing = self._pipeline.first_failure(info)
        if failing is None:
            self.admitted.add(info.id)
        else:
            self._filter_of[info.id] = failing
            self._counts[failing] += 1

    def forget(self, node_id: str) -> None:
        """Drop a node; one that was never looked at is fine."""
        self.admitted.discard(node_id)
        failing = self._filter_of.pop(node_id, None)
        if failing is not None:
            self._counts[failing] -= 1

    def __str__(self) -> str:
        refusing = [index for index, count in enumerate(self._counts) if count]
        refusing.sort(key=lambda index: -self._counts[index])
        return "; ".join(_PHRASES[FILTERS[index].name](self._counts[index]) for index in refusing)


def no_suitable_node(refusals: Refusals) -> str:
    """The error of a task that no node can take."""
    reasons = str(refusals)
    return f"no suitable node ({reasons})" if reasons else "no suitable node"
