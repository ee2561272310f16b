"""A cluster that stands still: what a view shows now, for work that must not see it change, such as in another thread.

Objects are never changed in place, so that only the tables are copied.
"""

from collections.abc import Collection
from functools import cached_property
from typing import Any

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.progress_pb2 import TaskProgress

from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.resources import registry
from swarm_tui.resources.model import ClusterView


class Still(Snapshot):
    """What `view` shows now."""

    def __init__(self, view: ClusterView) -> None:
        super().__init__((), raft=view.raft)
        self.cluster = view.cluster
        self._view = view
        self.share({kind: {item.id: item for item in _all(view, kind)} for kind in _kinds()})

    def progress(self, task_id: str) -> TaskProgress | None:
        """How far a task is prepared: of now, which is only looked up."""
        return self._view.progress(task_id)

    def tasks_of_service(self, service_id: str) -> list[objects_pb2.Task]:
        """The tasks of a service."""
        return self._by_service.get(service_id, [])

    def tasks_of_node(self, node_id: str) -> list[objects_pb2.Task]:
        """The tasks on a node."""
        return self._by_node.get(node_id, [])

    @cached_property
    def _by_service(self) -> dict[str, list[objects_pb2.Task]]:
        found: dict[str, list[objects_pb2.Task]] = {}
        for task in self.objects(objects_pb2.Task):
            found.setdefault(task.service_id, []).append(task)
        return found

    @cached_property
    def _by_node(self) -> dict[str, list[objects_pb2.Task]]:
        found: dict[str, list[objects_pb2.Task]] = {}
        for task in self.objects(objects_pb2.Task):
            found.setdefault(task.node_id, []).append(task)
        return found


def _all(view: ClusterView, kind: type[Message]) -> Collection[Any]:
    return view.objects(kind)


def _kinds() -> list[type[Message]]:
    """Every kind of which there are objects."""
    return [kind.message for kind in registry.kinds() if not kind.is_derived]
