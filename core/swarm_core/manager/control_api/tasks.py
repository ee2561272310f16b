"""Tasks: read, list, remove (control-plane spec 4.2)."""

from swarm_core.api.naming import task_name
from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_core.api.runtimes import runtime_of
from swarm_core.manager.control_api.select import Criterion, by_name, labels, select
from swarm_core.manager.orchestrator.dirty import is_dirty
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import InvalidArgument, NotFound
from swarm_core.store.by import ByNode, ByService, DesiredState, Runtime
from swarm_core.store.memory import MemoryStore


class TaskRpcs:
    """The Control methods for tasks."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def _task(self, id_: str) -> objects_pb2.Task:
        if not id_:
            raise InvalidArgument("the task's id is required")
        task = self._store.get(objects_pb2.Task, id_)
        if task is None:
            raise NotFound(f"task {id_} not found")
        return task

    async def get_task(
        self, request: control_pb2.GetTaskRequest, caller: Caller
    ) -> control_pb2.GetTaskResponse:
        return control_pb2.GetTaskResponse(task=self._task(request.task_id))

    async def remove_task(
        self, request: control_pb2.RemoveTaskRequest, caller: Caller
    ) -> control_pb2.RemoveTaskResponse:
        task = self._task(request.task_id)
        await self._store.update(lambda tx: tx.delete(objects_pb2.Task, task.id))
        return control_pb2.RemoveTaskResponse()

    async def list_tasks(
        self, request: control_pb2.ListTasksRequest, caller: Caller
    ) -> control_pb2.ListTasksResponse:
        filters = request.filters
        criteria = [
            *by_name(filters, task_name),
            Criterion(filters.service_ids, ByService, lambda task, id_: task.service_id == id_),
            Criterion(
                [runtime.lower() for runtime in filters.runtimes],
                Runtime,
                lambda task, runtime: runtime_of(task.spec) == runtime,
            ),
            Criterion(filters.node_ids, ByNode, lambda task, id_: task.node_id == id_),
            Criterion(filters.desired_states, DesiredState, lambda task, state: task.desired_state == state),
            labels(filters.labels, lambda task: task.service_annotations.labels),
        ]
        found = select(self._store, objects_pb2.Task, criteria)
        if filters.up_to_date:
            found = [task for task in found if self._is_up_to_date(task)]
        return control_pb2.ListTasksResponse(tasks=found)

    def _is_up_to_date(self, task: objects_pb2.Task) -> bool:
        service = self._store.get(objects_pb2.Service, task.service_id)
        if service is None:
            return False
        return not is_dirty(service, task, self._store.get(objects_pb2.Node, task.node_id))
