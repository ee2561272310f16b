"""Where the person is and came from. Pure."""

from dataclasses import replace
from typing import Final

from swarm_tui.resources.refs import ObjectRef
from swarm_tui.views.place import Place

HISTORY_MAX: Final = 50
"""Places that are remembered."""


class Places:
    """The way back: the places gone through, the present one last. It begins at home, and home forgets the way. Beside it
    stands the history: every place in the order of time, which one goes through in both directions."""

    def __init__(self, home: Place) -> None:
        self._home = home
        self._trail: list[Place] = [home]
        self._history: list[Place] = [home]
        self._now = 0
        """Where in the history one is."""
        self._last: Place | None = None
        """Where one was before, whichever way one came."""

    @property
    def here(self) -> Place:
        """The present place."""
        return self._trail[-1]

    @property
    def trail(self) -> tuple[Place, ...]:
        """The way back, and the present place at its end."""
        return tuple(self._trail)

    @property
    def is_root(self) -> bool:
        """Whether there is no way back."""
        return len(self._trail) == 1

    def go(self, place: Place, *, cursor: ObjectRef | None = None) -> None:
        """Go on to `place`, remembering the row left."""
        if place == replace(self.here, cursor=None):
            return
        self._leave(cursor)
        if place.view == self._home.view:
            self._trail = [place]
        else:
            self._trail.append(place)
            del self._trail[1 : max(len(self._trail) - HISTORY_MAX, 1)]
        self._remember(place)

    def begin_here(self) -> None:
        """What led here is elsewhere: from here there is no way back."""
        self._trail = [self.here]

    def back(self, *, cursor: ObjectRef | None = None) -> Place | None:
        """Go back one place; None when this is the first."""
        if self.is_root:
            return None
        self._leave(cursor)
        self._trail.pop()
        self._remember(self.here)
        return self.here

    def step(self, steps: int, *, cursor: ObjectRef | None = None) -> Place | None:
        """Go through the history, back (-1) or forward (1); None at its end."""
        if not 0 <= self._now + steps < len(self._history):
            return None
        self._leave(cursor)
        self._now += steps
        self._set(self._history[self._now])
        return self.here

    def swap(self, *, cursor: ObjectRef | None = None) -> Place | None:
        """Go to where one was before; from there it leads back here. None when one was nowhere else."""
        if self._last is None:
            return None
        last = self._last
        self._leave(cursor)
        self._set(last)
        self._remember(last)
        return self.here

    def _leave(self, cursor: ObjectRef | None) -> None:
        left = replace(self.here, cursor=cursor)
        self._trail[-1] = self._history[self._now] = self._last = left

    def _set(self, place: Place) -> None:
        """Home, and from there to `place`: the way that led there may be forgotten."""
        self._trail = [self._home] if place.view == self._home.view else [self._home, place]
        self._trail[-1] = place

    def _remember(self, place: Place) -> None:
        del self._history[self._now + 1 :]
        self._history.append(place)
        del self._history[: max(len(self._history) - HISTORY_MAX, 0)]
        self._now = len(self._history) - 1
