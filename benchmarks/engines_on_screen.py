"""What `bench_engines.py` measures of the dashboard over many engines: the whole program on a driver that writes to no terminal, and
its mirror alone.

An event is on screen when the frame that shows what it changed was handed to the driver. In the list of containers all starts and ends count: each goes the
way of one whose row is in the window, of which there are too few to tell. In the list of engines, where each of them changes its engine's row, those count whose
engine is in the window: there every row is another one in every frame, which is the dearest list there is. Of the mirror alone all count, when who listens is
told. Ages are by this machine's one clock.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from swarm_core.engines.discovery import Fixed
from swarm_core.engines.opening import no_engines_yet
from swarm_core.engines.records import EngineEntry
from swarm_testkit.engine_hands import Book, Runs
from swarm_tui.app import SwarmApp
from swarm_tui.clusters.allowance import Allowance
from swarm_tui.clusters.changes import Changes
from swarm_tui.engines.room import EngineRoom
from swarm_tui.resources import registry
from swarm_tui.resources.engines.items import ContainerItem, EventItem
from swarm_tui.resources.model import Link, Realm
from swarm_tui.shell.feed import no_updates
from swarm_tui.shell.screen import MainScreen
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.widgets.table import ObjectTable
from textual.drivers.headless_driver import HeadlessDriver

SIZE = (160, 50)
Churn = Callable[[float, float], Awaitable[dict[str, int]]]
_LOOK_S = 0.005
_COUNTED = ("start", "die")


class Frames(HeadlessDriver):
    """Takes what would go to the terminal, and tells of each frame."""

    heard: Callable[[], None] = staticmethod(lambda: None)

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        if data:
            Frames.heard()

    def flush(self) -> None:
        pass


def room_of(urls: Sequence[str]) -> EngineRoom:
    """The engines as the dashboard opens them."""
    entries = tuple(EngineEntry(url, f"h{number}") for number, url in enumerate(urls))
    opened = no_engines_yet()
    return EngineRoom(opened, [Fixed(entries)], opened.clock, Allowance(), print, Book(), Runs())


class Mirrored:
    """The mirror, with nobody who looks but one who reads the newest events as a list does."""

    lists = ("engines",)

    def __init__(self, room: EngineRoom) -> None:
        self._room = room
        self.ages_ms: list[float] = []

    @asynccontextmanager
    async def shown(self) -> Any:
        room = self._room
        unlisten = room.mirror.listen(lambda changes: self._told(changes.ids.get(EventItem, ())))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(room.run())
            try:
                yield
            finally:
                unlisten()
                running.cancel()

    def count(self) -> int:
        """Containers that the mirror has."""
        return len(self._room.mirror.ids(ContainerItem))

    def is_complete(self, total: int) -> bool:
        return self.count() == total

    async def look_at(self, name: str) -> None:
        """Nobody looks."""

    def _told(self, ids: Any) -> None:
        now_ns = time.time_ns()
        for id_ in ids:
            item = self._room.mirror.get(EventItem, id_)
            if item is not None and item.record.type != "swarm":
                self.ages_ms.append((now_ns - item.record.at_ns) / 1e6)


class OnScreen:
    """The whole program."""

    lists = ("containers", "engines")
    _is_heard = False
    _name = ""

    def __init__(self, room: EngineRoom) -> None:
        self._room = room
        self.app = SwarmApp(room.session, no_updates, driver_class=Frames, room=room)
        self.ages_ms: list[float] = []
        self._waiting: list[int] = []
        """When that happened which the next frame shows."""
        self._table: ObjectTable | None = None
        """The list that is looked at."""

    @asynccontextmanager
    async def shown(self) -> Any:
        Frames.heard = self._frame
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self.app.run_async(headless=False, size=SIZE))
            try:
                while not self.app.screen_stack or not self.app.screen.query(ObjectTable):
                    await asyncio.sleep(_LOOK_S)
                await self.look_at("containers")
                yield
            finally:
                self.app.exit()
                await running
                Frames.heard = lambda: None

    def count(self) -> int:
        """Rows of the list of containers that is on screen."""
        return 0 if self._table is None or not self._table.visible_ids() else len(self._table.rows)

    def is_complete(self, total: int) -> bool:
        """Whether the list says so; what is on screen is painted within a beat of it."""
        return self.count() == total

    async def look_at(self, name: str) -> None:
        """Go to a list by its word."""
        screen, kind = self.app.screen, registry.by_word(name, Realm.ENGINES)
        assert isinstance(screen, MainScreen) and kind is not None
        self.app.call_later(screen.navigator.go, Link(kind.plural))
        self._table = None
        while self._table is None:
            await asyncio.sleep(_LOOK_S)
            pane = screen.navigator.view.part(ObjectPane)
            if pane is not None and screen.navigator.here.view == kind.plural and pane.table.is_on_screen:
                self._table = pane.table
        self._name = name
        if not self._is_heard:
            self._is_heard = True
            self._hear(screen)

    def _hear(self, screen: MainScreen) -> None:
        """Note what the painter brings to the screen."""
        paint = screen.painter.apply

        def apply(changes: Changes) -> None:
            paint(changes)
            if self._table is None:
                return  # on the way to another list
            shown = {ref.id for ref in self._table.visible_ids()}
            is_any = self._name == "containers"
            told = (self._room.mirror.get(EventItem, id_) for id_ in changes.ids.get(EventItem, ()))
            self._waiting += [
                one.record.at_ns
                for one in told
                if one is not None
                and one.record.action in _COUNTED
                and (is_any or one.record.engine in shown)
            ]

        screen.painter.apply = apply  # type: ignore[method-assign]

    def _frame(self) -> None:
        now_ns = time.time_ns()
        self.ages_ms += [(now_ns - at_ns) / 1e6 for at_ns in self._waiting]
        self._waiting.clear()


async def measured(
    shown: Mirrored | OnScreen,
    total: int,
    churn: Churn,
    rates: Sequence[int],
    seconds: float,
    cpu_s: Callable[[], float],
    rss_mb: Callable[[], float],
) -> dict[str, Any]:
    """The list, memory, and what events cost and how old they are when they are shown."""
    found: dict[str, Any] = {}
    began, used = time.monotonic(), cpu_s()
    async with shown.shown():
        while not shown.count():
            await asyncio.sleep(_LOOK_S)
        found["first_rows_s"] = time.monotonic() - began
        while not shown.is_complete(total):
            await asyncio.sleep(_LOOK_S)
        found["complete_s"], found["complete_cpu_s"] = time.monotonic() - began, cpu_s() - used
        await asyncio.sleep(1.0)
        found["rss_mb"] = rss_mb()
        for list_ in shown.lists:
            await shown.look_at(list_)
            for rate in rates:
                shown.ages_ms.clear()
                used, then = cpu_s(), time.monotonic()
                await churn(rate, seconds)
                suffix = "" if list_ == shown.lists[0] else f"_{list_}"
                found[f"cpu_{rate}{suffix}"] = (cpu_s() - used) / (time.monotonic() - then)
                ages = statistics.quantiles(shown.ages_ms, n=100)
                found[f"p50_{rate}_ms{suffix}"], found[f"p99_{rate}_ms{suffix}"] = ages[49], ages[98]
                found[f"shown_{rate}{suffix}"] = len(shown.ages_ms)
        found["rss_after_mb"] = rss_mb()
    return found
