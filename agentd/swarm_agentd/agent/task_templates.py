"""Where templates stand in a task, and what they may name (orchestration spec 6.11)."""

from collections.abc import Iterable

from swarm_core.api.naming import slot_name, task_name
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.specs_pb2 import ContainerSpec
from swarm_core.api.proto.types_pb2 import NodeDescription
from swarm_core.api.runtimes import process_spec, set_process

from swarm_agentd.agent.templates import Value, expand


def task_fields(task: Task, description: NodeDescription) -> dict[str, Value]:
    """What `.Service`, `.Node` and `.Task` are for a task on the node described."""
    platform: dict[str, Value] = {
        "OS": description.platform.os,
        "Architecture": description.platform.architecture,
    }
    return {
        "Service": {
            "ID": task.service_id,
            "Name": task.service_annotations.name,
            "Labels": dict(task.service_annotations.labels),
        },
        "Node": {"ID": task.node_id, "Hostname": description.hostname, "Platform": platform},
        "Task": {"ID": task.id, "Name": task_name(task), "Slot": slot_name(task)},
    }


def expand_task(task: Task, description: NodeDescription) -> Task:
    """`task` with the templates of its spec expanded; the same object when there is none. Raises TemplateError."""
    if b"{{" not in task.spec.SerializeToString():
        return task
    fields = task_fields(task, description)
    expanded = Task()
    expanded.CopyFrom(task)
    if task.spec.WhichOneof("runtime") == "container":
        _expand_container(expanded.spec.container, fields)
    elif (process := process_spec(task.spec)) is not None:
        process.env[:] = _expand_env(process.env, fields)
        set_process(expanded.spec, process)
    return expanded


def _expand_env(env: Iterable[str], fields: dict[str, Value]) -> list[str]:
    out = []
    for entry in env:
        name, equals, value = entry.partition("=")
        out.append(name + equals + expand(value, fields))
    return out


def _expand_container(container: ContainerSpec, fields: dict[str, Value]) -> None:
    container.env[:] = _expand_env(container.env, fields)
    container.hostname = expand(container.hostname, fields)
    for mount in container.mounts:
        mount.source = expand(mount.source, fields)
        mount.target = expand(mount.target, fields)
        for values in (mount.volume_options.labels, mount.volume_options.driver_config.options):
            for key in list(values):
                values[key] = expand(values[key], fields)
