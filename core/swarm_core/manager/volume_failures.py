"""Why plugins could not make or delete volumes: written by the leader's volume manager, and gone with the reason (docs/design/volumes.md 12.5.8)."""

import random

from swarm_core.api.ids import new_id
from swarm_core.api.proto.objects_pb2 import Extension, Resource, Volume
from swarm_core.api.volume_failures import KIND, may_have_failed, read, write
from swarm_core.store.by import Kind, Name
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction


def note(transaction: Transaction, volume_id: str, text: str, rng: random.Random) -> None:
    """Keep this as the reason, in place of the one before, where the volume is still to be made or deleted. `rng` gives ids to new objects."""
    volume = transaction.get(Volume, volume_id)
    if volume is None or not may_have_failed(volume):
        return
    for known in _of(transaction, volume_id):
        if read(known) != text:
            changed = Resource()
            changed.CopyFrom(known)
            write(changed, text)
            transaction.update(changed)
        return
    if not transaction.find(Extension, Name(KIND)):
        extension = Extension(id=new_id(rng), description="Why volumes could not be made or deleted")
        extension.annotations.name = KIND
        transaction.create(extension)
    resource = Resource(id=new_id(rng), kind=KIND)
    resource.annotations.name = volume_id
    write(resource, text)
    transaction.create(resource)


def forget(transaction: Transaction, volume_id: str) -> None:
    """The plugin has done it, or the volume goes."""
    for resource in _of(transaction, volume_id):
        transaction.delete(Resource, resource.id)


def forget_settled(transaction: Transaction) -> None:
    """Delete what is no reason any more: a leader that knows of none has made or removed the volume meanwhile."""
    for resource in transaction.find(Resource, Kind(KIND.lower())):
        volume = transaction.get(Volume, resource.annotations.name)
        if volume is None or not may_have_failed(volume):
            transaction.delete(Resource, resource.id)


def _of(reader: MemoryStore | Transaction, volume_id: str) -> list[Resource]:
    return [one for one in reader.find(Resource, Name(volume_id)) if one.kind == KIND]
