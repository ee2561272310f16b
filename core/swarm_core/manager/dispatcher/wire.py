"""AssignmentsMessage and TasksMessage put together from encoded objects, so that no object is encoded twice.

The layouts are those of dispatcher.proto; a test decodes what is written here with the generated classes.
"""

from collections.abc import Iterable

from swarm_core.api.proto.dispatcher_pb2 import AssignmentChange, AssignmentsMessage
from swarm_core.api.wire import VARINT, delimited, tag, varint

TASK, SECRET, CONFIG, VOLUME = 1, 2, 3, 4  # fields of Assignment.item

_APPLIES_TO, _RESULTS_IN, _CHANGES = 2, 3, 4  # fields of AssignmentsMessage
_INCREMENTAL = tag(1, VARINT) + varint(AssignmentsMessage.INCREMENTAL)
_ASSIGNMENT = 1  # of AssignmentChange
_REMOVE = tag(2, VARINT) + varint(AssignmentChange.AssignmentAction.REMOVE)
_ID = 1  # of Task, Secret and Config
_TASKS = 1  # of TasksMessage


def update(item: int, encoded: bytes) -> bytes:
    """A change that carries an object; `item` is one of the fields above."""
    return delimited(_CHANGES, delimited(_ASSIGNMENT, delimited(item, encoded)))


def remove(item: int, object_id: str) -> bytes:
    """A change that takes an object away; the object has its id alone."""
    only_id = delimited(_ID, object_id.encode())
    return delimited(_CHANGES, delimited(_ASSIGNMENT, delimited(item, only_id)) + _REMOVE)


def take_away(item: int, encoded: bytes) -> bytes:
    """A change that takes an object away and tells all of it, for who may not know it."""
    return delimited(_CHANGES, delimited(_ASSIGNMENT, delimited(item, encoded)) + _REMOVE)


def complete(applies_to: str, results_in: str, changes: Iterable[bytes]) -> bytes:
    """A full set."""
    return _chain(applies_to, results_in) + b"".join(changes)


def incremental(applies_to: str, results_in: str, changes: Iterable[bytes]) -> bytes:
    """Changes to the set that `applies_to` names."""
    return _INCREMENTAL + _chain(applies_to, results_in) + b"".join(changes)


def tasks_message(encoded: Iterable[bytes]) -> bytes:
    """A TasksMessage."""
    return b"".join(delimited(_TASKS, task) for task in encoded)


def _chain(applies_to: str, results_in: str) -> bytes:
    head = delimited(_APPLIES_TO, applies_to.encode()) if applies_to else b""
    return head + delimited(_RESULTS_IN, results_in.encode())
