"""AssignmentsMessage and TasksMessage put together from encoded objects, so that no object is encoded twice.

The layouts are those of dispatcher.proto; a test decodes what is written here with the generated classes.
"""

from collections.abc import Iterable

TASK, SECRET, CONFIG = 1, 2, 3  # fields of Assignment.item

_LENGTH_DELIMITED = 2
_CHANGE = 4 << 3 | _LENGTH_DELIMITED
_ASSIGNMENT = 1 << 3 | _LENGTH_DELIMITED
_FIRST = 1 << 3 | _LENGTH_DELIMITED
_INCREMENTAL = b"\x08\x01"
_APPLIES_TO, _RESULTS_IN = 0x12, 0x1A
_REMOVE = b"\x10\x01"


def update(item: int, encoded: bytes) -> bytes:
    """A change that carries an object; `item` is TASK, SECRET or CONFIG."""
    return _field(_CHANGE, _field(_ASSIGNMENT, _field(item << 3 | _LENGTH_DELIMITED, encoded)))


def remove(item: int, object_id: str) -> bytes:
    """A change that takes an object away; the object has its id alone."""
    only_id = _field(_FIRST, object_id.encode())
    return _field(_CHANGE, _field(_ASSIGNMENT, _field(item << 3 | _LENGTH_DELIMITED, only_id)) + _REMOVE)


def complete(applies_to: str, results_in: str, changes: Iterable[bytes]) -> bytes:
    """A full set."""
    return _chain(applies_to, results_in) + b"".join(changes)


def incremental(applies_to: str, results_in: str, changes: Iterable[bytes]) -> bytes:
    """Changes to the set that `applies_to` names."""
    return _INCREMENTAL + _chain(applies_to, results_in) + b"".join(changes)


def tasks_message(encoded: Iterable[bytes]) -> bytes:
    """A TasksMessage."""
    return b"".join(_field(_FIRST, task) for task in encoded)


def _chain(applies_to: str, results_in: str) -> bytes:
    head = _field(_APPLIES_TO, applies_to.encode()) if applies_to else b""
    return head + _field(_RESULTS_IN, results_in.encode())


def _field(tag: int, data: bytes) -> bytes:
    size = len(data)
    if size < 0x80:
        return bytes((tag, size)) + data
    if size < 0x4000:
        return bytes((tag, size & 0x7F | 0x80, size >> 7)) + data
    out = bytearray((tag,))
    while size >= 0x80:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    return bytes(out) + data
