"""Where templates stand in a task, and what they may name (docs/design/agent.md 6.11)."""

from collections.abc import Iterable

from swarm_core.api.naming import slot_name, task_name
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.specs_pb2 import ContainerSpec, ServiceSpec, TaskSpec
from swarm_core.api.proto.types_pb2 import Mount, NodeDescription
from swarm_core.api.runtimes import PROCESS, process_spec, runtime_of, set_process
from swarm_core.api.task_ports import by_target, local_ports, published
from swarm_core.rules.templates.values import Struct, Value

# What parses and executes templates is loaded by the first one.


def task_fields(task: Task, description: NodeDescription) -> Struct:
    """What `.Service`, `.Node` and `.Task` are for a task on the node described."""
    platform = Struct(Architecture=description.platform.architecture, OS=description.platform.os)
    return Struct(
        Service=Struct(
            ID=task.service_id,
            Name=task.service_annotations.name,
            Labels=dict(task.service_annotations.labels),
        ),
        Node=Struct(ID=task.node_id, Hostname=description.hostname, Platform=platform),
        Task=Struct(ID=task.id, Name=task_name(task), Slot=slot_name(task), **_port_fields(task)),
    )


def _port_fields(task: Task) -> dict[str, Value]:
    """The ports of its node that a process task was given: `.Task.Port` is the first, `.Task.Ports` has them by target."""
    if runtime_of(task.spec) != PROCESS or not (ports := local_ports(task)):
        return {}
    return {"Port": ports[0].published_port, "Ports": dict(by_target(ports))}


def expand_task(task: Task, description: NodeDescription) -> Task:
    """`task` with the templates of its spec expanded; the same object when there is none. Raises TemplateError."""
    if not _has_templates(task.spec):
        return task
    fields = task_fields(task, description)
    expanded = Task()
    expanded.CopyFrom(task)
    if task.spec.WhichOneof("runtime") == "container":
        _expand_container(expanded.spec.container, fields)
    elif (process := process_spec(task.spec)) is not None:
        process.env[:] = _expand_env(process.env, fields)
        _expand_mounts(process.mounts, fields)
        set_process(expanded.spec, process)
    return expanded


def check_templates(spec: ServiceSpec) -> None:
    """Expand a service's templates for a task that stands for all of them. Raises TemplateError with what no task could
    carry out; so that a wrong template is refused at once, and not by every task on its node."""
    if not _has_templates(spec.task):
        return
    task = Task(id="taskid", service_id="serviceid", node_id="nodeid", slot=1)
    task.service_annotations.CopyFrom(spec.annotations)
    task.spec.CopyFrom(spec.task)
    task.endpoint.ports.extend(spec.endpoint.ports)
    task.status.port_status.ports.extend(published(task))
    description = NodeDescription(hostname="hostname")
    description.platform.os, description.platform.architecture = "os", "architecture"
    expand_task(task, description)


def _has_templates(spec: TaskSpec) -> bool:
    """Whether there may be one anywhere in it."""
    return b"{{" in spec.SerializeToString()


def _expand_env(env: Iterable[str], fields: Struct) -> list[str]:
    from swarm_core.rules.templates.execute import expand

    out = []
    for entry in env:
        name, equals, value = entry.partition("=")
        out.append(name + equals + expand(value, fields))
    return out


def _expand_container(container: ContainerSpec, fields: Struct) -> None:
    from swarm_core.rules.templates.execute import expand

    container.env[:] = _expand_env(container.env, fields)
    container.hostname = expand(container.hostname, fields)
    _expand_mounts(container.mounts, fields)


def _expand_mounts(mounts: Iterable[Mount], fields: Struct) -> None:
    from swarm_core.rules.templates.execute import expand

    for mount in mounts:
        mount.source = expand(mount.source, fields)
        mount.target = expand(mount.target, fields)
        for values in (mount.volume_options.labels, mount.volume_options.driver_config.options):
            for key in list(values):
                values[key] = expand(values[key], fields)
