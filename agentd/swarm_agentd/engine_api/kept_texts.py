"""Objects as text, kept for readers that list them again every few seconds (docs/design/engine-api.md E10.7).

A text stands for one version of one object, as clients of one API version see it. The oldest go when all of them take too much room.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

from swarm_core.http.exchange import encoded
from swarm_core.http.version import Version

ROOM: Final = 32 << 20
"""Characters."""


class Stored(Protocol):
    """An object of the store."""

    @property
    def id(self) -> str: ...
    @property
    def meta(self) -> Any: ...


class KeptTexts:
    """Texts of objects of one kind; `show` makes an object's JSON."""

    def __init__(self, show: Callable[[Any, Version], Any], room: int = ROOM) -> None:
        self._show, self._room = show, room
        self._texts: dict[tuple[str, Version], tuple[int, str]] = {}
        self._taken = 0

    def of(self, item: Stored, version: Version) -> str:
        """The object's JSON."""
        key, index = (item.id, version), item.meta.version.index
        kept = self._texts.get(key)
        if kept is not None and kept[0] == index:
            return kept[1]
        text = encoded(self._show(item, version))
        if kept is not None:
            del self._texts[key]
            self._taken -= len(kept[1])
        self._texts[key] = index, text
        self._taken += len(text)
        while self._taken > self._room:
            _, gone = self._texts.pop(next(iter(self._texts)))
            self._taken -= len(gone)
        return text
