"""How the interface names a cluster and an object in it.

Rules:
- Whatever leads to an object (a row, a mark, a place, a note, a problem) holds an `ObjectRef`, so that objects of several
  clusters can stand in one list. Inside one cluster's mirror the object's own id is enough.
- A `ClusterId` is given by whoever opens the session, says nothing about what is behind it, and stays the same while the
  program runs. It is not the id of the cluster object, which is not known before the first listing.
"""

from typing import Final, NamedTuple, NewType

ClusterId = NewType("ClusterId", str)

ONLY_CLUSTER: Final = ClusterId("")
"""For a program that looks at one cluster and needs no name for it."""


class ObjectRef(NamedTuple):
    """One object of one cluster. A tuple, because rows are looked up by it thousands of times a second."""

    cluster: ClusterId
    kind: str
    """The kind's noun: "service"."""
    id: str
