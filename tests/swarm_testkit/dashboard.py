"""The dashboard on a cluster in memory: for its tests, its pictures and its benchmark.

The clock that ages and the header read is the cluster's own (`FakeCluster.now_ns`) and moves only when a
test moves it; waiting is real. `until` waits for a condition on what the program shows, and on a busy machine longer.
"""

import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.timestamps import timestamp
from swarm_core.client.control import Control
from swarm_core.client.logs import LogReader
from swarm_core.client.watch import MIRRORED, ClusterWatch
from swarm_tui.app import SwarmApp
from swarm_tui.clusters.allowance import Allowance, Level
from swarm_tui.clusters.changes import Phase
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Session
from swarm_tui.engines.door import Door
from swarm_tui.journal.recorder import Recorder
from swarm_tui.journal.sessions import together
from swarm_tui.operations.gate import Gate
from swarm_tui.resources.refs import ClusterId
from swarm_tui.shell.feed import Feed, no_updates
from swarm_tui.shell.other_clusters import OtherClusters
from swarm_tui.shell.preferred import NOTHING_WANTED, Started
from swarm_tui.shell.screen import MainScreen
from swarm_tui.views.dashboard.view import DashboardView
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.widgets.theme import DARK
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Input

from swarm_testkit.cluster_fake import START_NS, FakeCluster, lively_cluster, log_line
from swarm_testkit.factories import make_task
from swarm_testkit.notices import looked
from swarm_testkit.patience import until_true

WAIT_S = 120.0
POLL_S = 0.01
_LOOKS = round(WAIT_S / POLL_S)
_FLUSH_S = 0.01


def dashboard_of(
    cluster: FakeCluster,
    *,
    title: str = "prod-eu",
    theme: str | None = DARK.name,
    is_ascii: bool = False,
    ends_with_program: bool = False,
    recorder: Recorder | None = None,
    started: Started = NOTHING_WANTED,
    clusters: OtherClusters | None = None,
    engines: Door | None = None,
    level: Level = Level.IMPACT,
) -> SwarmApp:
    """The program on `cluster`, not yet running."""
    feed = feed_of(cluster, title, Allowance(level), ends_with_program=ends_with_program, recorder=recorder)
    app = SwarmApp(
        feed.session,
        no_updates,
        theme=theme,
        is_ascii=is_ascii,
        started=started,
        clusters=clusters,
        engines=engines,
        feeds=(feed,),
    )
    app.animation_level = "none"
    return app


def feed_of(
    cluster: FakeCluster,
    title: str,
    allowance: Allowance,
    *,
    ends_with_program: bool = False,
    recorder: Recorder | None = None,
) -> Feed:
    """The cluster as the program is given it."""
    clock = cluster.clock
    session = Session(
        title,
        Mirror(clock, cluster=ClusterId(title), flush_interval_s=_FLUSH_S),
        Control(Gate(cluster, allowance)),
        LogReader(cluster, clock=clock, window_s=0.01),
        clock,
        ends_with_program,
        allowance=allowance,
    )
    watch = partial(ClusterWatch, cluster, clock=clock, rng=random.Random(1), kinds=MIRRORED)
    return Feed(session, lambda: watch().updates(), recorder)


def dashboard_of_several(
    clusters: Mapping[str, FakeCluster], *, others: OtherClusters | None = None, level: Level = Level.IMPACT
) -> SwarmApp:
    """The program on these clusters as one, not yet running; their ids must be different."""
    allowance = Allowance(level)
    feeds = [feed_of(cluster, title, allowance) for title, cluster in clusters.items()]
    session = together([feed.session for feed in feeds])
    app = SwarmApp(session, no_updates, theme=DARK.name, clusters=others, feeds=feeds)
    app.animation_level = "none"
    return app


def main_screen(app: SwarmApp) -> MainScreen:
    """The program's one screen, under any dialog."""
    screen = app.screen_stack[0]
    assert isinstance(screen, MainScreen)
    return screen


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Let the program run until `condition` holds and what the program does by itself is painted. Raises at once what ended the program
    with an error."""

    def is_so() -> object:
        if (error := pilot.app._exception) is not None:
            raise error
        if not (found := condition()):
            looked()
        return found

    await until_true(is_so, looks=_LOOKS, nap_s=POLL_S)
    await pilot.pause()


async def settle(app: SwarmApp, pilot: Pilot[None]) -> None:
    """Let everything that the mirror told come on screen, with ages and clock of now."""
    screen = main_screen(app)
    await until(pilot, lambda: not screen.session.mirror.is_dirty and screen.painter.is_settled)
    screen.painter.show_time()
    await pilot.pause()


def screen_text(app: SwarmApp) -> str:
    """What is on screen, line by line, without its colours."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def until_shown(app: SwarmApp, pilot: Pilot[None], text: str) -> None:
    """Wait until `text` stands somewhere on the screen."""
    try:
        await until(pilot, lambda: text in screen_text(app))
    except TimeoutError:
        raise AssertionError(f"{text!r} is not on screen:\n{screen_text(app)}") from None


async def until_live(app: SwarmApp, pilot: Pilot[None]) -> None:
    """Wait for the first content on screen."""
    session = main_screen(app).session
    await until(pilot, lambda: session.mirror.stream.phase is Phase.LIVE)
    await settle(app, pilot)


@dataclass
class Running:
    """The program while it runs, with what a test asks of it."""

    app: SwarmApp
    pilot: Pilot[None]
    cluster: FakeCluster

    @property
    def screen(self) -> MainScreen:
        """The one screen, under any dialog."""
        return main_screen(self.app)

    @property
    def dashboard(self) -> DashboardView:
        """The first view."""
        home = self.screen.navigator.views[0]
        assert isinstance(home, DashboardView)
        return home

    @property
    def pane(self) -> ObjectPane | None:
        """The list that has the focus; in a list's own view that list."""
        return self.screen.navigator.view.part(ObjectPane)

    @property
    def text(self) -> str:
        """What is on screen."""
        return screen_text(self.app)

    async def press(self, *keys: str) -> None:
        """Press keys, and let all that they lead to happen."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Press the keys of a text."""
        await self.press(*(_KEYS.get(letter, letter) for letter in text))

    def press_soon(self, key: str) -> None:
        """Press a key and do not wait for anything."""
        self.app.post_message(key_event(key))

    async def burst(self, *keys: str) -> None:
        """Press keys as they come from one read: all are there before the first is handled."""
        for key in keys:
            self.press_soon(key)
        await self.until(lambda: self.app.is_caught_up)

    async def one_by_one(self, *keys: str) -> None:
        """Press keys slowly: each after everything that the one before it led to."""
        for key in keys:
            await self.burst(key)

    async def shows(self, text: str) -> None:
        """Wait until `text` is on screen, and with it in every other pane all that the mirror was told by then."""
        await until_shown(self.app, self.pilot, text)
        mirror, painter = self.screen.session.mirror, self.screen.painter
        await self.until(lambda: not mirror.is_dirty and painter.is_settled)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition."""
        await until(self.pilot, condition)

    async def knows(self) -> None:
        """Wait until the program was told of all that the cluster has done: until then it may show, and judge by, what was before."""
        mirror = self.screen.session.mirror
        await self.until(lambda: mirror.version >= self.cluster.version)

    def called(self, method: str) -> list[Any]:
        """The requests of this method so far."""
        return [request for name, request in self.cluster.calls if name == method]


def key_event(key: str) -> events.Key:
    """A key as the terminal's driver tells of it; single characters are what is typed."""
    return events.Key(_character_to_key(key), key) if len(key) == 1 else events.Key(key, None)


def what_is(run: Running) -> dict[str, object]:
    """Where the person is and what they have done so far, but for what only time changes."""
    screen, focused = run.screen, run.app.focused
    view = screen.navigator.view
    panes = [pane for one in screen.navigator.views for pane in one.query(ObjectPane)]
    return {
        "screens": [type(one).__name__ for one in run.app.screen_stack],
        "places": screen.navigator.trail,
        "focus": None if focused is None else (type(focused).__name__, focused.id, str(focused.parent)),
        "selected": view.selected,
        "lists": {
            pane.id: (pane.found_text, pane.is_problems_only, pane.sorted_by, pane.table.marks)
            for pane in panes
        },
        "typed": [(field.id, field.value) for one in run.app.screen_stack for field in one.query(Input)],
        "zoomed": run.dashboard.is_zoomed,
        "sent": [(name, str(sent)) for name, sent in run.cluster.calls if name.startswith(_CHANGING)],
    }


_CHANGING = ("Control.Create", "Control.Update", "Control.Remove")
_KEYS = {
    " ": "space",
    "/": "slash",
    "=": "equals_sign",
    "+": "plus",
    "-": "minus",
    ".": "full_stop",
    ":": "colon",
}


@asynccontextmanager
async def running(
    cluster: FakeCluster,
    size: tuple[int, int] = (132, 40),
    *,
    theme: str | None = DARK.name,
    is_ascii: bool = False,
    ends_with_program: bool = False,
    started: Started = NOTHING_WANTED,
    level: Level = Level.IMPACT,
    engines: Door | None = None,
    recorder: Recorder | None = None,
) -> AsyncIterator[Running]:
    """The program on `cluster`, from its first content on."""
    app = dashboard_of(
        cluster,
        theme=theme,
        is_ascii=is_ascii,
        ends_with_program=ends_with_program,
        started=started,
        level=level,
        engines=engines,
        recorder=recorder,
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        run = Running(app, pilot, cluster)
        if cluster.unreachable is None:
            await until_live(app, pilot)
        yield run


def busy_cluster() -> FakeCluster:
    """The lively cluster with ten minutes of history, a job of the process runtime, and some log lines."""
    cluster = lively_cluster()
    cluster.update(objects_pb2.Node, "n03-w1", _label)
    api = cluster.get(objects_pb2.Service, "s-api")
    for slot in range(1, 7):
        task = next(t for t in cluster.all(objects_pb2.Task) if t.service_id == api.id and t.slot == slot)
        cluster.log_lines(
            *(
                log_line(
                    task,
                    text,
                    at_ns=START_NS - 60_000_000_000 + number * 700_000_000 + slot * 90_000_000,
                    is_stderr=text.startswith("WARN"),
                )
                for number, text in enumerate(_LINES)
            )
        )
    failed = make_task(
        "t-mailer-00", service=cluster.get(objects_pb2.Service, "s-mailer"), slot=1, state="FAILED"
    )
    failed.status.err = "SMTP auth failed: 535 5.7.8"
    cluster.put(failed)
    return cluster


async def live_through(app: SwarmApp, pilot: Pilot[None], cluster: FakeCluster, minutes: int = 10) -> None:
    """Let `minutes` pass in which the rollout goes on, one service crashes again and again, and people do things."""
    mirror = main_screen(app).session.mirror
    for minute in range(minutes):
        cluster.advance(60)
        _work(cluster, minute)
        await until(pilot, lambda: mirror.version >= cluster.version)
        await settle(app, pilot)


def _work(cluster: FakeCluster, minute: int) -> None:
    _set_state(cluster, "t-mailer-01", types_pb2.RUNNING if minute in (0, 3, 6) else types_pb2.FAILED)
    _set_state(
        cluster, f"t-api-{4 + minute % 6:02}", types_pb2.PREPARING if minute % 2 else types_pb2.RUNNING
    )
    if minute == 3:
        cluster.update(objects_pb2.Node, "n07-w5", _drain)
    if minute == 5:
        cluster.update(objects_pb2.Service, "s-web", _new_image)
    if minute == 8:
        cluster.update(objects_pb2.Node, "n07-w5", _activate)


def _set_state(cluster: FakeCluster, task_id: str, state: types_pb2.TaskState.ValueType) -> None:
    def change(task: objects_pb2.Task) -> None:
        task.status.state = state
        task.status.timestamp.CopyFrom(timestamp(cluster.now_ns))

    cluster.update(objects_pb2.Task, task_id, change)


def _drain(node: objects_pb2.Node) -> None:
    node.spec.availability = specs_pb2.NodeSpec.DRAIN


def _activate(node: objects_pb2.Node) -> None:
    node.spec.availability = specs_pb2.NodeSpec.ACTIVE


def _new_image(service: objects_pb2.Service) -> None:
    service.spec.task.container.image = "registry/web:7.1.4"


def _label(node: objects_pb2.Node) -> None:
    node.spec.annotations.labels["disk"] = "ssd"


_LINES = (
    "GET /cart 200 12ms",
    "GET /products?page=2 200 31ms",
    "POST /checkout 201 88ms",
    "WARN upstream timeout 3000ms, trying again",
    "GET /cart 200 9ms",
    "GET /health 200 1ms",
    "POST /login 200 140ms",
)
