"""What a cluster holds, as a stack looks at it: objects by name, and which of them are its own."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.runtimes import process_spec
from swarm_core.compose.convert.names import NAMESPACE

T = TypeVar("T", objects_pb2.Network, objects_pb2.Secret, objects_pb2.Config, objects_pb2.Service)
KINDS: Final = (objects_pb2.Network, objects_pb2.Secret, objects_pb2.Config, objects_pb2.Service)
"""The kinds of objects that a stack is made of."""


def stack_of(item: Any) -> str:
    """The stack that an object belongs to; empty for none."""
    return str(item.spec.annotations.labels.get(NAMESPACE, ""))


@dataclass(slots=True)
class Held:
    """The objects of one look at the cluster."""

    stack: str
    networks: dict[str, objects_pb2.Network]
    secrets: dict[str, objects_pb2.Secret]
    configs: dict[str, objects_pb2.Config]
    services: dict[str, objects_pb2.Service]

    @classmethod
    def of(cls, stack: str, objects: Iterable[Any]) -> "Held":
        """These objects by name."""
        found: dict[Any, dict[str, Any]] = {kind: {} for kind in KINDS}
        for item in objects:
            if type(item) in found:
                found[type(item)][item.spec.annotations.name] = item
        return cls(stack, *(found[kind] for kind in KINDS))

    def own(self, items: dict[str, T]) -> dict[str, T]:
        """Those of the stack."""
        return {name: item for name, item in items.items() if stack_of(item) == self.stack}

    @property
    def network_names(self) -> dict[str, str]:
        """Names of networks by id."""
        return {network.id: name for name, network in self.networks.items()}

    def used_payloads(self, changed: Collection[str]) -> set[str]:
        """Ids of the secrets and configs that a service uses now, or would use again after a rollback. A service that is `changed`
        now can go back to its present spec, and no further."""
        found: set[str] = set()
        for name, service in self.services.items():
            found |= payload_ids(service.spec)
            if name not in changed:
                found |= payload_ids(service.previous_spec)
        return found


def payload_ids(spec: specs_pb2.ServiceSpec) -> set[str]:
    """Ids of the secrets and configs that a service refers to."""
    process = process_spec(spec.task)
    body = process if process is not None else spec.task.container
    return {one.secret_id for one in body.secrets} | {one.config_id for one in body.configs}
