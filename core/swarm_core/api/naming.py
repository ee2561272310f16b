"""Names of tasks as people and containers see them (docs/design/store.md 1.2, docs/design/docker-executor.md 7.2)."""

from swarm_core.api.proto.objects_pb2 import Task


def slot_name(task: Task) -> str:
    """The slot's number, or the node's id for a task of a global service."""
    return str(task.slot) if task.slot else task.node_id


def task_name(task: Task) -> str:
    """The name the task was given, else "<service>.<slot or node>.<task id>"."""
    return task.annotations.name or f"{task.service_annotations.name}.{slot_name(task)}.{task.id}"


def slot_title(task: Task) -> str:
    """What lists show: the task's name without its id, or its id when it has no service."""
    if task.annotations.name or not task.service_id:
        return task.annotations.name or task.id
    return f"{task.service_annotations.name or task.service_id}.{slot_name(task)}"
