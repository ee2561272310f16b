"""Environment variables that every runtime gives its tasks."""

from swarm_core.api.proto.objects_pb2 import Task


def claimed_resources(task: Task) -> list[str]:
    """`DOCKER_RESOURCE_<KIND>=value,value` for each kind of generic resource claimed for `task`."""
    values: dict[str, list[str]] = {}
    for resource in task.assigned_generic_resources:
        if resource.WhichOneof("resource") == "named_resource_spec":
            named = resource.named_resource_spec
            values.setdefault(named.kind, []).append(named.value)
        else:
            discrete = resource.discrete_resource_spec
            values.setdefault(discrete.kind, []).append(str(discrete.value))
    return [f"DOCKER_RESOURCE_{kind.upper()}={','.join(values[kind])}" for kind in sorted(values)]
