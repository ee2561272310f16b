"""Whether logs that are followed can bring anything more (docs/design/terminal.md 11.5)."""

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.log_query import LogQuery

from swarm_tui.clusters.changes import Phase
from swarm_tui.clusters.mirror import Mirror

LAST_LINES_S = 2.0
"""How long the last lines of something that has ended may be on their way, and the task that follows on it."""


def is_over(mirror: Mirror, query: LogQuery) -> bool:
    """Whether all that is followed has ended, or is gone. A node's logs never end; nor does a service without any task, which
    somebody may scale."""
    if mirror.stream.phase is not Phase.LIVE or query.node_ids:
        return False
    if not query.follow or not (query.task_ids or query.service_ids):
        return False
    return all(_has_ended(mirror.get(objects_pb2.Task, id_)) for id_ in query.task_ids) and all(
        _is_service_over(mirror, id_) for id_ in query.service_ids
    )


def _is_service_over(mirror: Mirror, service_id: str) -> bool:
    if mirror.get(objects_pb2.Service, service_id) is None:
        return True
    tasks = mirror.tasks_of_service(service_id)
    return len(tasks) > 0 and all(map(_has_ended, tasks))


def _has_ended(task: objects_pb2.Task | None) -> bool:
    return task is None or task.status.state > types_pb2.RUNNING
