"""Where the person is and came from. Pure."""

from dataclasses import replace
from typing import Final

from swarm_tui.resources.refs import ObjectRef
from swarm_tui.views.place import Place

HISTORY_MAX: Final = 50


class Places:
    """The way back: the places gone through, the present one last. It begins at home, and home forgets the way."""

    def __init__(self, home: Place) -> None:
        self._home = home
        self._trail: list[Place] = [home]

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
        if place.view == self._home.view:
            self._trail = [place]
            return
        if place == replace(self.here, cursor=None):
            return
        self._trail[-1] = replace(self.here, cursor=cursor)
        self._trail.append(place)
        del self._trail[1 : max(len(self._trail) - HISTORY_MAX, 1)]

    def back(self) -> Place | None:
        """Go back one place; None when this is the first."""
        if self.is_root:
            return None
        self._trail.pop()
        return self.here
