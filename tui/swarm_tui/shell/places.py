"""Where the person is and came from. Pure."""

from dataclasses import dataclass, replace
from typing import Final

HISTORY_MAX: Final = 50
DASHBOARD: Final = "dashboard"


@dataclass(frozen=True, slots=True)
class Place:
    """A view and what it is about: the owner of a list's objects, or the object of a text."""

    view: str
    kind: str = ""
    id: str = ""
    mode: str = ""
    cursor: str = ""
    """The row the cursor was on when the place was left."""


class Places:
    """The way back: the places gone through, the present one last."""

    def __init__(self) -> None:
        self._trail: list[Place] = [Place(DASHBOARD)]

    @property
    def here(self) -> Place:
        """The present place."""
        return self._trail[-1]

    @property
    def is_root(self) -> bool:
        """Whether there is no way back."""
        return len(self._trail) == 1

    def go(self, place: Place, *, cursor: str = "") -> None:
        """Go on to `place`, remembering the row left; the dashboard is always the beginning."""
        if place.view == DASHBOARD:
            self._trail = [place]
            return
        if place == replace(self.here, cursor=""):
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
