"""What an orchestrator puts right when it starts (docs/design/orchestration.md 2.7).

Between two leaders tasks may have ended, nodes and services may have gone, and waits were forgotten.
"""

from collections.abc import Callable, Collection

from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.api.proto.types_pb2 import COMPLETE, READY, RUNNING
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.manager.orchestrator import changes
from swarm_core.manager.orchestrator.restart import RestartSupervisor, still_runs
from swarm_core.manager.orchestrator.restart_history import SlotTuple, slot_tuple
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Step


def init_tasks(
    store: MemoryStore, supervisor: RestartSupervisor, modes: Collection[str], fix: Callable[[Task], None]
) -> list[Step]:
    """The steps for all tasks of services with one of `modes`; `fix` is what the orchestrator does about each of them.

    Waits and restart history of `supervisor` are rebuilt on the way."""
    steps: list[Step] = []
    slots: dict[tuple[str, SlotTuple], list[Task]] = {}
    services = {service.id: service for service in store.find(Service)}
    ours = {id_ for id_, service in services.items() if service.spec.WhichOneof("mode") in modes}
    for task in store.find(Task):
        service_id = task.service_id
        if service_id not in ours:
            if service_id and service_id not in services:
                steps.append(changes.delete(task.id))
            continue
        service = services[service_id]
        slots.setdefault((service.id, slot_tuple(service, task)), []).append(task)
        fix(task)
    for (service_id, _), tasks in slots.items():
        steps += _resume_waits(store, supervisor, tasks)
        _rebuild_history(supervisor, services[service_id], tasks)
    return steps


def _resume_waits(store: MemoryStore, supervisor: RestartSupervisor, tasks: list[Task]) -> list[Step]:
    waiting = [t for t in tasks if t.desired_state == READY and t.status.state <= COMPLETE]
    if not waiting:
        return []
    leaving = [task for task in tasks if task.desired_state > RUNNING and still_runs(store, task)]
    return [step for task in waiting if (step := supervisor.resume(task, leaving)) is not None]


def _rebuild_history(supervisor: RestartSupervisor, service: Service, tasks: list[Task]) -> None:
    if len(tasks) == 1:
        return  # it was never restarted
    newest = max(task.spec_version.index for task in tasks)
    current = [task for task in tasks if task.spec_version.index == newest]
    current.sort(key=lambda task: timestamp_ns(task.meta.created_at))
    for task in current[1:]:
        supervisor.history.record(service, task, timestamp_ns(task.meta.created_at))
