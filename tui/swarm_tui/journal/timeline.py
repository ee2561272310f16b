"""The longer past of one object, as events: what its journal tells of it. Reads the file: for a thread.

Rules (docs/design/journal.md 5)
1. Each change is told as the events of now are: an object's own changes, and of the tasks of a service that they failed.
2. Only blocks with something about the object are read, the newest `BLOCKS_MAX` of them. Of the first record of an object
   nothing is told, unless it tells that the object came: what was before is not known.
"""

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2

from swarm_tui.journal.file import JournalFile
from swarm_tui.journal.records import OF_OBJECTS, Record, Verb
from swarm_tui.journal.told import Told, owner_of, told
from swarm_tui.resources import registry
from swarm_tui.resources.events import Event
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.owners import stack_name
from swarm_tui.resources.refs import ObjectRef

BLOCKS_MAX: Final = 500


def timeline(file: JournalFile, ref: ObjectRef, view: ClusterView, before_ns: int) -> list[Event]:
    """The events of an object before a moment, the oldest first; without ids, which whoever keeps them gives."""
    found = []
    stack = stack_name(view.get(registry.by_noun(ref.kind).message, ref.id))
    blocks = list(file.blocks_of(ref.id, newest=BLOCKS_MAX))
    for one in _told([record for block in reversed(blocks) for record in block], ref.id, view):
        if one.at_ns < before_ns and (one.noun != "task" or one.is_incident):
            name = one.name.rpartition(".")[0] if one.noun == "task" else one.name
            text = f"task {one.text}" if one.noun == "task" else one.text
            found.append(Event("", one.at_ns, ref, name, text, one.is_incident, stack=stack))
    return found


def _told(records: list[Record], owner: str, view: ClusterView) -> Iterator[Told]:
    held: dict[tuple[type[Message], str], Any] = {}
    for record in records:
        if record.kind is None or record.verb not in OF_OBJECTS:
            continue
        item = record.object()
        if owner_of(item) != owner:
            continue
        key = (record.kind, item.id)
        old, new = held.get(key), None if record.verb == Verb.REMOVED else item
        if old is not None or record.verb == Verb.CREATED or record.kind is objects_pb2.Task:
            yield from told(record.at_ns, record.kind, old, new, view)
        held[key] = new
