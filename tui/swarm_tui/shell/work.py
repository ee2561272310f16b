"""What is under way because a person asked for it: verbs that have begun and are not done.

Keys typed ahead wait for it (`typed_ahead`), except while it waits itself for the person, who answers with keys.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final


class Undertaking:
    """One verb, from its beginning to its end."""

    def __init__(self) -> None:
        self.is_waiting_for_person = False
        self.is_overdue = False


_mine: Final[ContextVar[Undertaking]] = ContextVar("the undertaking of this task")


class Work:
    """All that is under way."""

    def __init__(self) -> None:
        self._under_way: list[Undertaking] = []

    def begin(self) -> Undertaking:
        """Something begins; `carried_out` is to follow."""
        mine = Undertaking()
        self._under_way.append(mine)
        return mine

    @contextmanager
    def carried_out(self, mine: Undertaking) -> Iterator[None]:
        """In here it is carried out, by this task; afterwards it is over."""
        token = _mine.set(mine)
        try:
            yield
        finally:
            _mine.reset(token)
            self._under_way.remove(mine)

    @property
    def mine(self) -> Undertaking | None:
        """What the task that asks carries out."""
        return _mine.get(None)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is under way that keys should wait for."""
        return all(one.is_waiting_for_person or one.is_overdue for one in self._under_way)

    def give_up_waiting(self) -> None:
        """Whatever is under way takes too long: keys wait for it no more."""
        for one in self._under_way:
            one.is_overdue = True
