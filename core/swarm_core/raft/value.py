"""How the values are made that raft makes by the thousand.

A frozen dataclass sets each of its fields by a call of `object.__setattr__`: making a message takes seven times as long as without. These are frozen for the
type checker, which sees every assignment, and plain at run time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:

    def value(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """`dataclass` for what is never changed once it is made; equal ones hash alike."""
        assert frozen
        return dataclass(slots=slots, unsafe_hash=True)


__all__ = ["value"]
