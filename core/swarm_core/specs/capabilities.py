"""Linux capabilities of a container: added and dropped ones, written in one way, sorted, each in one of the two lists.

A name is written in any case, with CAP_ or without. ALL stands for every one and leaves no other beside it. Adding wins over
dropping. RESET empties a list of an existing spec, and means nothing in a new one.
"""

from collections.abc import Collection, Sequence
from typing import Final

from swarm_core.specs.draft import Draft

ALL: Final = "ALL"
RESET: Final = "RESET"
ALL_ALONE: Final = (ALL,)
_PREFIX: Final = "CAP_"


def put(draft: Draft, adding: Sequence[str], dropping: Sequence[str]) -> None:
    """The capabilities of a new spec."""
    edit(draft, *(ALL_ALONE if ALL in _canonical(names) else names for names in (adding, dropping)))


def edit(draft: Draft, adding: Sequence[str], dropping: Sequence[str]) -> None:
    """Change an existing spec. What was dropped and is added now is only not dropped any more, and the other way round."""
    container = draft.container
    to_add, to_drop = _canonical(adding), _canonical(dropping)
    added = set() if RESET in to_add else _canonical(container.capability_add)
    dropped = set() if RESET in to_drop else _canonical(container.capability_drop)
    to_add -= {RESET}
    for name in to_drop - to_add - {RESET}:
        _turn(name, taken_from=added, put_into=dropped)
    for name in to_add:
        _turn(name, taken_from=dropped, put_into=added)
    container.capability_add[:] = _listed(added)
    container.capability_drop[:] = _listed(dropped)


def _turn(name: str, *, taken_from: set[str], put_into: set[str]) -> None:
    if name in taken_from:
        taken_from.remove(name)
    else:
        put_into.add(name)


def _canonical(names: Collection[str]) -> set[str]:
    found = {name.strip().upper() for name in names}
    return {name if name in (ALL, RESET) or name.startswith(_PREFIX) else _PREFIX + name for name in found}


def _listed(names: Collection[str]) -> list[str]:
    return [ALL] if ALL in names else sorted(names)
