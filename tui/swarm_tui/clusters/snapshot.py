"""Objects as they were listed once: what a row may ask, for one-shot commands that need no stream.

It answers as the mirror does; sums are counted when they are first asked for. It loads little, because a command that
prints a list should take no longer than the list.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.progress_pb2 import TaskProgress
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse
from swarm_core.rules.usage import UsageHistory

from swarm_tui.clusters.failures import Failures
from swarm_tui.clusters.relations import Relations, relations_of
from swarm_tui.clusters.task_sums import TaskSums
from swarm_tui.resources.model import FailureSums, NodeSums, Realm, ServiceSums
from swarm_tui.resources.refs import ONLY_CLUSTER
from swarm_tui.resources.stacks import Stack

T = TypeVar("T")
_DOWN = types_pb2.NodeStatus.DOWN


class Snapshot:
    """`counts` are sums per service that somebody else has counted; they go before our own."""

    realm = Realm.CLUSTER

    def __init__(
        self,
        objects: Iterable[Any],
        counts: Mapping[str, ServiceSums] | None = None,
        raft: GetRaftStatusResponse | None = None,
    ) -> None:
        self.cluster = ONLY_CLUSTER
        self.raft = raft
        self._objects: dict[type[Any], dict[str, Any]] = {}
        for item in objects:
            self._objects.setdefault(type(item), {})[item.id] = item
        self._counts = counts or {}

    def share(self, objects: Mapping[type[Any], dict[str, Any]]) -> None:
        """Show what somebody else holds instead, as it is now: no copy is made."""
        self._objects = dict(objects)

    def get(self, kind: type[T], id_: str) -> T | None:
        """The object, if it was listed, or is made of what was."""
        held: Mapping[str, Any] = self._relations.stacks if kind is Stack else self._objects.get(kind, {})
        return held.get(id_)

    def objects(self, kind: type[T]) -> Collection[T]:
        """Every listed object of a kind, and what is made of them."""
        held: Mapping[str, Any] = self._relations.stacks if kind is Stack else self._objects.get(kind, {})
        return held.values()

    def on_engine(self, key: str, kind: type[Any]) -> Collection[str]:
        """See `ClusterView`."""
        return ()

    def users(self, noun: str, called: Collection[str]) -> Collection[str]:
        """Ids of the listed services that use what is called by any of these."""
        return self._relations.users(noun, called)

    @property
    def _relations(self) -> Relations:
        return relations_of([item for held in self._objects.values() for item in held.values()])

    def tasks_of_service(self, service_id: str) -> Collection[objects_pb2.Task]:
        """The listed tasks of a service."""
        return [task for task in self.objects(objects_pb2.Task) if task.service_id == service_id]

    def tasks_of_node(self, node_id: str) -> Collection[objects_pb2.Task]:
        """The listed tasks on a node."""
        return [task for task in self.objects(objects_pb2.Task) if task.node_id == node_id]

    def service_sums(self, service_id: str) -> ServiceSums:
        """The sums of a service's tasks."""
        return self._counts.get(service_id) or self._sums.services.get(service_id) or ServiceSums()

    def node_sums(self, node_id: str) -> NodeSums:
        """The sums of a node's tasks."""
        return self._sums.nodes.get(node_id) or NodeSums()

    @property
    def down_nodes(self) -> Collection[str]:
        """Listed nodes that are down."""
        return [node.id for node in self.objects(objects_pb2.Node) if node.status.state == _DOWN]

    def running_history(self, service_id: str, now_ns: int) -> Sequence[float | None]:
        """Nothing: one look has no past."""
        return ()

    def failures(self, service: objects_pb2.Service, now_ns: int) -> FailureSums:
        """What the ended tasks tell that the cluster still has."""
        failures = Failures()
        for task in self.tasks_of_service(service.id):
            failures.note(task)
        return failures.sums(service, now_ns)

    def progress(self, task_id: str) -> TaskProgress | None:
        """Nothing: it is told to those who watch."""
        return None

    def usage(self, id_: str) -> UsageHistory | None:
        """Nothing: it is told to those who watch."""
        return None

    def namesakes(self, hostname: str) -> int:
        """How many listed nodes have this host name."""
        return self._hostnames[hostname]

    @cached_property
    def _hostnames(self) -> Counter[str]:
        return Counter(node.description.hostname for node in self.objects(objects_pb2.Node))

    @cached_property
    def _sums(self) -> TaskSums:
        sums = TaskSums()
        for task in self.objects(objects_pb2.Task):
            sums.put(task.id, task)
        return sums
