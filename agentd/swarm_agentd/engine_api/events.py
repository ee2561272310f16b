"""Events of the cluster and of the engine as one stream: which are kept, replayed, and asked for (docs/design/engine-api-json.md 14.12).

Without sockets, tasks or a clock: `event_feed` brings the events, the router takes them to clients.
"""

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from swarm_core.api.timestamps import NS_PER_S
from swarm_core.http.errors import BadRequest

from swarm_agentd.engine_api.filters import Filters, holds_labels

Event = Mapping[str, Any]
KEPT_MAX: Final = 256
WAITING_MAX: Final = 4096
"""Events that a slow reader may have waiting; then its connection ends."""
_BY_PREFIX: Final = frozenset({"health_status", "exec_create", "exec_start"})
_NAMED: Final = ("daemon", "container", "plugin", "volume", "network", "node", "service", "secret", "config")
_SECONDS: Final = re.compile(r"(-?[0-9]{1,18})(?:\.([0-9]{1,18}))?", re.ASCII)
_ESCAPED: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


class TooSlow(Exception):
    """A reader has more events waiting than is kept for it."""


@dataclass(slots=True)
class _Reader:
    waiting: "asyncio.Queue[Event]" = field(default_factory=lambda: asyncio.Queue(WAITING_MAX))
    is_too_slow: bool = False


class Events:
    """The last events, and those who wait for the next."""

    def __init__(self) -> None:
        self._kept: deque[Event] = deque(maxlen=KEPT_MAX)
        self._readers: list[_Reader] = []

    @property
    def kept(self) -> int:
        """How many events can be told again."""
        return len(self._kept)

    @property
    def readers(self) -> int:
        """How many follow them."""
        return len(self._readers)

    def tell(self, event: Event) -> None:
        """Keep an event and give it to all readers."""
        self._kept.append(event)
        for reader in self._readers:
            try:
                reader.waiting.put_nowait(event)
            except asyncio.QueueFull:
                reader.is_too_slow = True

    @contextmanager
    def reading(self, kept: Callable[[Event], bool]) -> Iterator[tuple[list[Event], Callable[[], Any]]]:
        """The events that were kept and are wanted, oldest first, and what waits for the next one: none falls between the two. The next
        raises TooSlow."""
        reader = _Reader()
        past = [event for event in self._kept if kept(event)]
        self._readers.append(reader)

        async def following() -> Event:
            if reader.is_too_slow:
                raise TooSlow("the reader of events is too slow")
            return await reader.waiting.get()

        try:
            yield past, following
        finally:
            self._readers.remove(reader)


@dataclass(frozen=True, slots=True)
class Span:
    """From when and until when events are asked for, in nanoseconds; None is without a limit."""

    since_ns: int | None
    until_ns: int | None

    @property
    def has_past(self) -> bool:
        """Whether events are asked for that have been."""
        return self.since_ns is not None or self.until_ns is not None

    def holds(self, event: Event) -> bool:
        """Whether the event lies within."""
        at = int(event.get("timeNano") or 0)
        return (self.since_ns is None or at >= self.since_ns) and (
            self.until_ns is None or at <= self.until_ns
        )


def span(query: Mapping[str, str]) -> Span:
    """From a query. Raises BadRequest."""
    since, until = (_nanoseconds(name, query.get(name, "")) for name in ("since", "until"))
    if since is not None and until is not None and until < since:
        raise BadRequest(f"`since` time ({query['since']}) cannot be after `until` time ({query['until']})")
    return Span(since, until)


def _nanoseconds(name: str, text: str) -> int | None:
    if not text:
        return None
    found = _SECONDS.fullmatch(text)
    if found is None:
        raise BadRequest(f'could not parse {name} timestamp: "{text}" is no number of seconds')
    return int(found[1]) * NS_PER_S + int((found[2] or "0").ljust(9, "0")[:9])


def is_asked_for(filters: Filters, event: Event) -> bool:
    """Whether the event fits every key."""
    actor = event.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    names = (str(actor.get("ID", "")), str(attributes.get("name", "")))
    return (
        _is_one_of(filters.get("type"), event.get("Type"))
        and _is_one_of(filters.get("scope"), event.get("scope"))
        and _fits_action(filters.get("event"), str(event.get("Action", "")))
        and all(_begins(filters.get(kind), names) for kind in _NAMED)
        and _fits_image(filters.get("image"), event, attributes, names[0])
        and holds_labels(attributes, filters.labels())
    )


def _is_one_of(wanted: tuple[str, ...], value: object) -> bool:
    return not wanted or value in wanted


def _fits_action(wanted: tuple[str, ...], action: str) -> bool:
    if wanted and not _BY_PREFIX.isdisjoint(wanted):
        return action.startswith(wanted)
    return not wanted or action in wanted


def _begins(wanted: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return not wanted or any(name.startswith(wanted) for name in names)


def _fits_image(wanted: tuple[str, ...], event: Event, attributes: Mapping[str, Any], id_: str) -> bool:
    if not wanted:
        return True
    name = str(attributes.get("name" if event.get("Type") == "image" else "image", ""))
    return any(each in wanted for each in (id_, name, _without_tag(id_), _without_tag(name)))


def _without_tag(image: str) -> str:
    """As people call it: without digest, tag, and what Docker adds in front."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    name = head if colon and "/" not in tag else name
    return name.removeprefix("docker.io/").removeprefix("library/")


def line(event: Event) -> bytes:
    """The event as it is sent: one line, with what a page could take for markup written as numbers."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    for character, escaped in _ESCAPED.items():
        text = text.replace(character, escaped)
    return text.encode("utf-8", "replace") + b"\n"
