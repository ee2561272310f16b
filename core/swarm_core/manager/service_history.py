"""The earlier specs of services: written by whoever replaces a spec, in the transaction that does it (docs/design/control-api.md 4.9)."""

import random

from swarm_core.api.ids import new_id
from swarm_core.api.proto.objects_pb2 import Extension, Resource, Service
from swarm_core.api.proto.service_history_pb2 import ServiceRevision
from swarm_core.api.proto.specs_pb2 import ServiceSpec
from swarm_core.api.proto.types_pb2 import UpdateStatus
from swarm_core.api.revisions import KIND, name_of, names_of, read
from swarm_core.api.timestamps import timestamp
from swarm_core.specs import replicas, surge
from swarm_core.store.by import Kind, Name
from swarm_core.store.transactions import Transaction

SPEC_BYTES_MAX = 256 << 10
"""A larger spec is not kept: with it and with the spec before, the change would not fit in one entry of the log."""


class ServiceHistory:
    """`rng` gives ids to new objects."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def keep(
        self,
        transaction: Transaction,
        old: Service,
        spec: ServiceSpec,
        *,
        outcome: UpdateStatus | None = None,
        now_ns: int,
    ) -> None:
        """Keep the spec of `old`, in whose place `spec` comes. `outcome` is how the update to it ended, where `old` does not say it. A
        scale alone is kept by nobody, nor is a move off nodes: they would push out what people want to go back to."""
        if _lasting(old.spec) == _lasting(spec) or old.spec.ByteSize() > SPEC_BYTES_MAX:
            return
        resources = _resources(transaction, old.id)
        numbers = [revision.number for revision in read(resources)]
        revision = ServiceRevision(service_id=old.id, number=max(numbers, default=0) + 1, spec=old.spec)
        if revision.spec.task.container.pull_options.registry_auth:
            revision.spec.task.container.pull_options.registry_auth = ""
        if outcome is not None:
            revision.update_status.CopyFrom(outcome)
        elif old.HasField("update_status"):
            revision.update_status.CopyFrom(old.update_status)
        revision.replaced_at.CopyFrom(timestamp(now_ns))
        self._put(transaction, resources, revision)

    def _put(self, transaction: Transaction, resources: list[Resource], revision: ServiceRevision) -> None:
        name = name_of(revision)
        known = next((one for one in resources if one.annotations.name == name), None)
        resource = Resource()
        if known is not None:
            resource.CopyFrom(known)
            resource.payload.Pack(revision)
            transaction.update(resource)
            return
        if not transaction.find(Extension, Name(KIND)):
            extension = Extension(id=new_id(self._rng), description="Earlier specs of services")
            extension.annotations.name = KIND
            transaction.create(extension)
        resource.id, resource.kind = new_id(self._rng), KIND
        resource.annotations.name = name
        resource.payload.Pack(revision)
        transaction.create(resource)


def _lasting(spec: ServiceSpec) -> ServiceSpec:
    """What is worth going back to."""
    return replicas.without_count(surge.without_mark(spec))


def forget(transaction: Transaction, service_id: str) -> None:
    """The service goes, and its earlier specs with it."""
    for resource in _resources(transaction, service_id):
        transaction.delete(Resource, resource.id)


def forget_removed(transaction: Transaction) -> None:
    """Delete what services left that were removed by a leader that knows of no history."""
    for resource in transaction.find(Resource, Kind(KIND.lower())):
        if transaction.get(Service, resource.annotations.name.partition(".")[0]) is None:
            transaction.delete(Resource, resource.id)


def _resources(transaction: Transaction, service_id: str) -> list[Resource]:
    found = transaction.find(Resource, *map(Name, names_of(service_id)))
    return [resource for resource in found if resource.kind == KIND]
