"""Which secrets and configs a task spec names, whatever its runtime.

A container's spec and a process's payload list references, which also grant access. `resource_references` only say what
must be on the node.
"""

from collections.abc import Sequence

from swarm_core.api.proto.specs_pb2 import TaskSpec
from swarm_core.api.proto.types_pb2 import CONFIG, SECRET, ConfigReference, SecretReference
from swarm_core.api.runtimes import process_spec


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
