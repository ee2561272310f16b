"""Tasks: read, list, remove (docs/design/control-api.md 4.2)."""

from swarm_core.api.naming import task_name
from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_core.api.runtimes import runtime_of
from swarm_core.manager.control_api.requests import known
from swarm_core.manager.control_api.selection import Criterion, Selection, by_labels, by_name
from swarm_core.rpc.caller import Caller
from swarm_core.rules.dirty import is_dirty
from swarm_core.store.by import ByNode, ByService, DesiredState, Runtime
from swarm_core.store.memory import MemoryStore

_SELECTION = Selection(
    objects_pb2.Task,
    by_name(task_name),
    (
        Criterion("service_ids", ByService, lambda task, id_: task.service_id == id_),
        Criterion(
            "runtimes", Runtime, lambda task, runtime: runtime_of(task.spec) == runtime, normal=str.lower
        ),
        Criterion("node_ids", ByNode, lambda task, id_: task.node_id == id_),
        Criterion("desired_states", DesiredState, lambda task, state: task.desired_state == state),
        by_labels("labels", lambda task: task.service_annotations.labels),
    ),
)


class TasksApi:
    """The Control methods for tasks."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def get_task(
        self, request: control_pb2.GetTaskRequest, caller: Caller
    ) -> control_pb2.GetTaskResponse:
        return control_pb2.GetTaskResponse(task=known(self._store, objects_pb2.Task, request.task_id))

    async def remove_task(
        self, request: control_pb2.RemoveTaskRequest, caller: Caller
    ) -> control_pb2.RemoveTaskResponse:
        task = known(self._store, objects_pb2.Task, request.task_id)
        await self._store.update(lambda tx: tx.delete(objects_pb2.Task, task.id))
        return control_pb2.RemoveTaskResponse()

    async def list_tasks(
        self, request: control_pb2.ListTasksRequest, caller: Caller
    ) -> control_pb2.ListTasksResponse:
        found = _SELECTION.found(self._store, request.filters)
        if request.filters.up_to_date:
            found = [task for task in found if self._is_up_to_date(task)]
        return control_pb2.ListTasksResponse(tasks=found)

    def _is_up_to_date(self, task: objects_pb2.Task) -> bool:
        service = self._store.get(objects_pb2.Service, task.service_id)
        if service is None:
            return False
        return not is_dirty(service, task, self._store.get(objects_pb2.Node, task.node_id))
