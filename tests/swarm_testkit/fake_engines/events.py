"""The events of a fake engine: the last ones, and those who wait for the next.

Rules
1. Times are whole nanoseconds and never the same twice, so that an event is told from another by its time.
2. Who falls behind loses its stream, as at a real engine.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

KEPT_MAX: Final = 256
WAITING_MAX: Final = 65536
Json = dict[str, Any]
Filters = Mapping[str, tuple[str, ...]]
_WITH_STATUS: Final = ("container", "image")


class Events:
    """The events of one engine."""

    def __init__(self) -> None:
        self._kept: deque[Json] = deque(maxlen=KEPT_MAX)
        self._readers: set[asyncio.Queue[Json | None]] = set()
        self._last_ns = 0
        self.count = 0

    @property
    def readers(self) -> int:
        """How many streams are open."""
        return len(self._readers)

    def tell(self, kind: str, action: str, id_: str, attributes: Mapping[str, str], now_ns: int) -> Json:
        """Keep an event and give it to all readers."""
        self._last_ns = now_ns = max(now_ns, self._last_ns + 1)
        event: Json = {}
        if kind in _WITH_STATUS:
            event.update(status=action, id=id_)
            if kind == "container":
                event["from"] = attributes.get("image", "")
        event.update(
            Type=kind,
            Action=action,
            Actor={"ID": id_, "Attributes": dict(attributes)},
            scope="local",
            time=now_ns // 10**9,
            timeNano=now_ns,
        )
        self.count += 1
        self._kept.append(event)
        for reader in list(self._readers):
            try:
                reader.put_nowait(event)
            except asyncio.QueueFull:
                self._end(reader)
        return event

    @contextmanager
    def reading(self) -> Iterator[tuple[list[Json], "asyncio.Queue[Json | None]"]]:
        """The events that were kept, oldest first, and a queue of the next ones: None is the end."""
        reader: asyncio.Queue[Json | None] = asyncio.Queue(WAITING_MAX)
        past = list(self._kept)
        self._readers.add(reader)
        try:
            yield past, reader
        finally:
            self._readers.discard(reader)

    def end_all(self) -> None:
        """Break every stream off."""
        for reader in list(self._readers):
            self._end(reader)

    def _end(self, reader: "asyncio.Queue[Json | None]") -> None:
        self._readers.discard(reader)
        while reader.full():
            reader.get_nowait()
        reader.put_nowait(None)


def fits(event: Json, filters: Filters) -> bool:
    """Whether an event is one of those asked for."""
    return all(not wanted or _fits(event, key, wanted) for key, wanted in filters.items())


def _fits(event: Json, key: str, wanted: tuple[str, ...]) -> bool:
    actor = event["Actor"]
    attributes = actor["Attributes"]
    match key:
        case "type":
            return event["Type"] in wanted
        case "event":
            return any(event["Action"] == one or event["Action"].startswith(one + ":") for one in wanted)
        case "label":
            return all(_has_label(attributes, one) for one in wanted)
        case "scope":
            return event["scope"] in wanted
        case "image":
            name = actor["ID"] if event["Type"] == "image" else attributes.get("image", "")
            return name in wanted or name.partition(":")[0] in wanted
        case _:
            names = (actor["ID"], attributes.get("name", ""))
            return event["Type"] == key and any(name.startswith(wanted) for name in names)


def _has_label(labels: Mapping[str, str], wanted: str) -> bool:
    name, separator, value = wanted.partition("=")
    return name in labels and (not separator or labels[name] == value)
