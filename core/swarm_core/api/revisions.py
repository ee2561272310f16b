"""Earlier specs of services, as the store carries them (docs/design/control-api.md 4.9).

Each is the payload of a Resource of our own kind. SwarmKit knows such objects and replicates them; what is in them it need not know. The
resources of a service are a ring: the name says which service, and which place of the ring.
"""

from collections.abc import Iterable
from typing import Final

from google.protobuf.message import DecodeError

from swarm_core.api.proto.objects_pb2 import Resource
from swarm_core.api.proto.service_history_pb2 import ServiceRevision

KIND: Final = "swarmtui.v1.ServiceRevision"
"""The name of the extension, which is the kind of its resources."""
KEPT: Final = 10
"""So many earlier specs of each service are kept."""


def names_of(service_id: str) -> list[str]:
    """The names that the resources of a service may have."""
    return [f"{service_id}.{place}" for place in range(KEPT)]


def name_of(revision: ServiceRevision) -> str:
    """The name of the resource that carries it: the place of the one that is KEPT numbers older."""
    return f"{revision.service_id}.{revision.number % KEPT}"


def read(resources: Iterable[Resource]) -> list[ServiceRevision]:
    """What the resources carry, oldest first; what is not of our kind, or cannot be read, is left out."""
    found = []
    for resource in resources:
        revision = ServiceRevision()
        try:
            is_ours = resource.kind == KIND and resource.payload.Unpack(revision)
        except DecodeError:
            continue
        if is_ours:
            found.append(revision)
    return sorted(found, key=lambda one: one.number)
