"""Which secrets and configs a task spec names, whatever its runtime.

A container's spec and a process's payload list references, which also grant access. `resource_references` only say what
must be on the node.
"""

from collections.abc import Sequence

from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.specs_pb2 import TaskSpec
from swarm_core.api.proto.types_pb2 import CONFIG, SECRET, ConfigReference, SecretReference

PROCESS_KIND = "process"


def process_spec(spec: TaskSpec) -> ProcessSpec | None:
    """The payload of a task of the process runtime; None for any other task or an unreadable payload."""
    if spec.WhichOneof("runtime") != "generic" or spec.generic.kind != PROCESS_KIND:
        return None
    process = ProcessSpec()
    return process if spec.generic.payload.Unpack(process) else None


def secret_references(spec: TaskSpec) -> Sequence[SecretReference]:
    """The secrets that a task of this spec may see."""
    if spec.WhichOneof("runtime") == "container":
        return spec.container.secrets
    process = process_spec(spec)
    return () if process is None else process.secrets


def config_references(spec: TaskSpec) -> Sequence[ConfigReference]:
    """The configs that a task of this spec may see."""
    if spec.WhichOneof("runtime") == "container":
        return spec.container.configs
    process = process_spec(spec)
    return () if process is None else process.configs


def dependencies(spec: TaskSpec) -> tuple[list[str], list[str]]:
    """Ids of the secrets and of the configs that a node needs for a task of this spec, each id once, in order."""
    secrets = {reference.secret_id: None for reference in secret_references(spec)}
    configs = {reference.config_id: None for reference in config_references(spec)}
    for reference in spec.resource_references:
        if reference.resource_type == SECRET:
            secrets[reference.resource_id] = None
        elif reference.resource_type == CONFIG:
            configs[reference.resource_id] = None
    return list(secrets), list(configs)
