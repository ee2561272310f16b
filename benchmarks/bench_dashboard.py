"""The dashboard at 10 000 tasks: first paint, key to paint, CPU under change and at rest; beside it Textual's own
DataTable with as many rows, in the same run. The dashboard is measured a second time while a journal records what it sees.

    python benchmarks/bench_dashboard.py [--tasks N] [--seconds S] [--json FILE] [--check]

The program runs whole, on a recording driver: everything is rendered to terminal bytes, none are written to a
terminal. Changes come through the mirror as a watch would bring them. `--check` fails when a budget is missed.
"""

import argparse
import asyncio
import gc
import json
import platform
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from google.protobuf.message import Message
from swarm_core.api.proto import control_pb2, objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed
from swarm_core.client.logs import LogReader
from swarm_core.client.watch import Action, Change, Changed, Listed, Update
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.factories import make_cluster, make_node, make_resources, make_service, make_task
from swarm_tui.app import SwarmApp
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Session
from swarm_tui.journal.recorder import Recorder
from swarm_tui.journal.writer import Writer
from textual import events
from textual.app import App, ComposeResult
from textual.drivers.headless_driver import HeadlessDriver
from textual.widgets import DataTable

SIZE = (160, 50)
START_NS = 1_760_000_000 * 10**9
NODES, SERVICES = 100, 50
CHANGES_PER_S = 2_000
BATCH_S = 0.01
KEYS = 200
_ROW = "app-0"
BUDGETS = {"first_paint_s": 0.5, "key_p99_ms": 25.0, "busy_cpu": 0.05, "idle_cpu": 0.01, "rss_mb": 220.0}


class RecordingDriver(HeadlessDriver):
    """Takes what would go to the terminal: counts bytes, and tells when a frame was written."""

    bytes_written = 0
    has_shown = False
    """Whether a row of a service was on screen."""
    written = asyncio.Event()

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        RecordingDriver.bytes_written += len(data)
        RecordingDriver.has_shown = RecordingDriver.has_shown or _ROW in data
        RecordingDriver.written.set()

    def flush(self) -> None:
        pass


@dataclass
class Result:
    """What was measured of one program."""

    name: str
    tasks: int
    first_paint_s: float
    key_p50_ms: float
    key_p99_ms: float
    key_cpu_ms: float
    busy_cpu: float
    busy_key_p99_ms: float
    busy_kb_per_s: float
    idle_cpu: float
    rss_mb: float


def cluster_objects(tasks: int) -> list[Any]:
    """Nodes, services and running tasks."""
    nodes = [
        make_node(
            f"node-{n:03}",
            hostname=f"w{n}",
            state="READY",
            resources=make_resources(cpus=64, memory=256 << 30),
        )
        for n in range(NODES)
    ]
    services = [
        make_service(f"service-{n:03}", name=f"app-{n:02}", replicas=tasks // SERVICES)
        for n in range(SERVICES)
    ]
    for service in services:
        service.meta.updated_at.CopyFrom(timestamp(START_NS - 3600 * 10**9))
    running = [
        make_task(
            f"task-{n:05}",
            service=services[n % SERVICES],
            slot=n // SERVICES + 1,
            node_id=nodes[n % NODES].id,
            state="RUNNING",
            status_ns=START_NS - 60 * 10**9,
        )
        for n in range(tasks)
    ]
    return [make_cluster("cluster"), *nodes, *services, *running]


def changes_for(tasks: Sequence[objects_pb2.Task], count: int) -> list[Change]:
    """`count` changes of random tasks, made beforehand: a task fails, or runs again."""
    rng = random.Random(7)
    current = list(tasks)
    out = []
    for number in range(count):
        index = rng.randrange(len(current))
        task = objects_pb2.Task()
        task.CopyFrom(current[index])
        was_running = task.status.state == types_pb2.RUNNING
        task.status.state = types_pb2.STARTING if was_running else types_pb2.RUNNING
        task.status.timestamp.CopyFrom(timestamp(START_NS + number))
        task.meta.version.index += 1
        current[index] = task
        out.append(Change(Action.UPDATED, task))
    return out


class FixedClock(SystemClock):
    """Waits as the machine does; the time of day stands still, so that no age changes by itself."""

    def wall_ns(self) -> int:
        return START_NS


class QuietManager:
    """What is asked beside the feed: there are no managers to tell of, and no logs. A whole manager in this process would
    be measured with the dashboard."""

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        if method == "Control.ListNodes":
            return control_pb2.ListNodesResponse()
        raise CallFailed("UNIMPLEMENTED", f"unknown method {method}")

    async def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        raise CallFailed("UNIMPLEMENTED", f"unknown method {method}")
        yield

    async def close(self) -> None:
        pass


class Feed:
    """The cluster's updates: a list, then batches at a steady rate while `rate` is not zero."""

    def __init__(self, objects: list[Any], changes: list[Change]) -> None:
        self._objects = objects
        # Made beforehand: what this costs is measured with the program.
        self._updates = [Changed((change,), 2 + number) for number, change in enumerate(changes)]
        self.is_busy = asyncio.Event()
        self._position = 0

    async def updates(self) -> AsyncGenerator[Update, None]:
        yield Listed(tuple(self._objects), 1)
        per_batch = round(CHANGES_PER_S * BATCH_S)
        while True:
            await self.is_busy.wait()
            due = time.perf_counter()
            while self.is_busy.is_set() and self._position < len(self._updates):
                batch = self._updates[self._position : self._position + per_batch]
                self._position += per_batch
                for update in batch:
                    yield update
                due += BATCH_S
                await asyncio.sleep(max(due - time.perf_counter(), 0))
            self.is_busy.clear()


async def next_frame(limit_s: float = 60.0) -> None:
    RecordingDriver.written.clear()
    await asyncio.wait_for(RecordingDriver.written.wait(), limit_s)


async def feed_alone(objects: list[Any], changes: list[Change], seconds: float) -> float:
    """The share of a core that this benchmark's own feed takes, which is part of what is measured of a program."""
    feed = Feed(objects, changes)

    async def take() -> None:
        async for _ in feed.updates():
            pass

    async with asyncio.TaskGroup() as group:
        taking = group.create_task(take())
        feed.is_busy.set()
        share = await cpu_share(seconds)
        taking.cancel()
    return share


async def settle(app: App[Any]) -> None:
    """Until nothing has been painted for a while."""
    while True:
        RecordingDriver.written.clear()
        try:
            await asyncio.wait_for(RecordingDriver.written.wait(), 0.3)
        except TimeoutError:
            return


async def key_times(app: App[Any], count: int, pause_s: float) -> tuple[list[float], float]:
    """Milliseconds from each key to the next frame, and of processor time that one key took."""
    out = []
    cpu = time.process_time()
    driver = app._driver
    assert driver is not None
    for number in range(count):
        await asyncio.sleep(pause_s)
        start = time.perf_counter()
        RecordingDriver.written.clear()
        driver.process_message(events.Key("down" if number % 100 < 60 else "pagedown", None))
        await asyncio.wait_for(RecordingDriver.written.wait(), 60)
        out.append((time.perf_counter() - start) * 1000)
    return out, (time.process_time() - cpu) * 1000 / count


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


async def cpu_share(seconds: float) -> float:
    started, wall = time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    return (time.process_time() - started) / (time.perf_counter() - wall)


async def measure(
    name: str, app: App[Any], feed: Feed, tasks: int, seconds: float, is_painted: Any
) -> Result:
    RecordingDriver.written = asyncio.Event()
    RecordingDriver.bytes_written = 0
    RecordingDriver.has_shown = False
    gc.collect()
    started = time.perf_counter()
    running = asyncio.ensure_future(app.run_async(headless=False, size=SIZE))
    try:
        while not is_painted():
            await next_frame()
        first_paint = time.perf_counter() - started
        for table in app.screen.query("#dash-tasks ObjectTable"):
            if table.is_on_screen:
                table.focus()
        await settle(app)
        idle = await cpu_share(seconds)
        keys, key_cpu = await key_times(app, KEYS, 0.005)
        written = RecordingDriver.bytes_written
        feed.is_busy.set()
        busy = await cpu_share(seconds)
        kb = (RecordingDriver.bytes_written - written) / 1024 / seconds
        busy_keys, _ = await key_times(app, KEYS // 2, 0.013)
        feed.is_busy.clear()
    finally:
        app.exit()
        await running
    return Result(
        name=name,
        tasks=tasks,
        first_paint_s=first_paint,
        key_p50_ms=statistics.median(keys),
        key_p99_ms=percentile(keys, 0.99),
        key_cpu_ms=key_cpu,
        busy_cpu=busy,
        busy_key_p99_ms=percentile(busy_keys, 0.99),
        busy_kb_per_s=kb,
        idle_cpu=idle,
        rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


async def run_dashboard(
    objects: list[Any],
    changes: list[Change],
    seconds: float,
    view: str,
    recorder: Recorder | None = None,
) -> Result:
    tasks = sum(isinstance(item, objects_pb2.Task) for item in objects)
    manager, clock = QuietManager(), FixedClock()
    mirror = Mirror(clock)
    session = Session("bench", mirror, Control(manager), LogReader(manager, clock=clock), clock)
    feed = Feed(objects, changes)
    app = SwarmApp(session, feed.updates, driver_class=RecordingDriver, recorder=recorder)

    def is_painted() -> bool:
        return RecordingDriver.has_shown

    if view == "tasks":
        result = await measure_tasks_view(app, feed, tasks, seconds, is_painted)
    else:
        name = "recorded" if recorder is not None else "dashboard"
        result = await measure(name, app, feed, tasks, seconds, is_painted)
    return result


def run_recorded(objects: list[Any], changes: list[Change], seconds: float) -> Result:
    """The dashboard with its journal."""
    with tempfile.TemporaryDirectory() as place:
        recorder = Recorder(Path(place), SystemClock(), title="bench")
        try:
            return asyncio.run(run_dashboard(objects, changes, seconds, "dashboard", recorder))
        finally:
            recorder.close()


@dataclass
class JournalCost:
    """What a change costs, in microseconds of processor time."""

    loop_us: float
    """On the loop, which everything else waits for."""
    thread_us: float
    """In the journal's thread: redaction, encoding, compressing, writing."""
    bytes_per_change: float


def journal_cost(objects: list[Any], changes: list[Change]) -> JournalCost:
    """The recorder's two halves by themselves, in batches of a second's changes."""
    updates = [Changed((change,), number) for number, change in enumerate(changes)]
    with tempfile.TemporaryDirectory() as place:
        recorder = Recorder(Path(place) / "loop", SystemClock(), gather_s=3600)
        recorder.note(Listed(tuple(objects), 1))
        loop_ns = time.thread_time_ns()
        for update in updates:
            recorder.note(update)
        loop_ns = time.thread_time_ns() - loop_ns
        recorder.close()
        writer = Writer(Path(place) / "bench.journal", title="bench")
        writer.take([(START_NS, Listed(tuple(objects), 1))])
        before, thread_ns = written(place), time.process_time_ns()
        for first in range(0, len(updates), CHANGES_PER_S):
            writer.take(
                [(START_NS + first + n, one) for n, one in enumerate(updates[first : first + CHANGES_PER_S])]
            )
        thread_ns = time.process_time_ns() - thread_ns
        size = written(place) - before
        writer.close()
    count = len(updates)
    return JournalCost(loop_ns / 1000 / count, thread_ns / 1000 / count, size / count)


def written(place: str) -> int:
    """Bytes of the journal, with what waits in its log."""
    return sum(path.stat().st_size for path in Path(place).glob("bench.journal*"))


async def measure_tasks_view(
    app: App[Any], feed: Feed, tasks: int, seconds: float, is_painted: Any
) -> Result:
    """The same with the list of all tasks over the whole screen, entered as soon as the first frame stands."""
    pressed = False

    def is_listed() -> bool:
        nonlocal pressed
        if not is_painted():
            return False
        if not pressed:
            pressed = True
            assert app._driver is not None
            app._driver.process_message(events.Key("4", "4"))
        tables = list(app.screen.query("#list-tasks ObjectTable"))
        return bool(tables) and bool(tables[0].visible_ids())

    return await measure("tasks view", app, feed, tasks, seconds, is_listed)


class TableApp(App[None]):
    """Textual's own table, fed as the dashboard is: collected and applied ten times a second."""

    def __init__(self, feed: Feed, tasks: Sequence[objects_pb2.Task]) -> None:
        super().__init__(driver_class=RecordingDriver)
        self._feed = feed
        self._tasks = tasks
        self._dirty: dict[str, objects_pb2.Task] = {}

    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for title in ("TASK", "STATE", "FOR", "NODE", "DESIRED", "CAUSE", "IMAGE", "ID"):
            table.add_column(title, key=title)
        for task in self._tasks:
            state = types_pb2.TaskState.Name(task.status.state).lower()
            name = f"{task.service_annotations.name}.{task.slot}"
            table.add_row(name, state, "1m", task.node_id, "running", "", "image", task.id, key=task.id)
        table.focus()
        self.run_worker(self._follow())
        self.set_interval(0.1, self._flush)

    async def _follow(self) -> None:
        async for update in self._feed.updates():
            if isinstance(update, Changed):
                self._dirty[update.changes[0].object.id] = update.changes[0].object

    def _flush(self) -> None:
        table = self.query_one(DataTable)
        for task_id, task in self._dirty.items():
            table.update_cell(task_id, "STATE", types_pb2.TaskState.Name(task.status.state).lower())
        self._dirty.clear()


async def run_table(objects: list[Any], changes: list[Change], tasks: int, seconds: float) -> Result:
    only = [item for item in objects if isinstance(item, objects_pb2.Task)]
    feed = Feed(objects, changes)
    app = TableApp(feed, only)
    return await measure("DataTable", app, feed, tasks, seconds, lambda: RecordingDriver.has_shown)


def show(results: list[Result]) -> None:
    rows = list(asdict(results[0]))
    for row in rows:
        values = [asdict(result)[row] for result in results]
        print(f"{row:18}" + "".join(f"{v:>16.3f}" if isinstance(v, float) else f"{v!s:>16}" for v in values))


def missed(results: list[Result]) -> list[str]:
    out = []
    for result in results[:2]:
        for name, budget in BUDGETS.items():
            value = asdict(result)[name]
            if value > budget:
                out.append(f"{result.name}: {name} {value:.3f} is over its budget of {budget}")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--without-data-table", action="store_true")
    options = parser.parse_args()
    objects = cluster_objects(options.tasks)
    tasks = [item for item in objects if isinstance(item, objects_pb2.Task)]
    changes = changes_for(tasks, int(CHANGES_PER_S * (options.seconds + 10)))
    results = []
    for view in ("dashboard", "tasks"):
        results.append(asyncio.run(run_dashboard(objects, changes, options.seconds, view)))
    results.append(run_recorded(objects, changes, options.seconds))
    if not options.without_data_table:
        results.append(asyncio.run(run_table(objects, changes, options.tasks, options.seconds)))
    show(results)
    feed_cpu = asyncio.run(feed_alone(objects, changes, options.seconds))
    print(f"\nfeed: {feed_cpu:.3f} of each busy_cpu is this benchmark's own feed")
    cost = journal_cost(objects, changes[: 5 * CHANGES_PER_S])
    print(
        f"journal: busy_cpu {results[2].busy_cpu / results[0].busy_cpu:.2f} times that without it; of a change"
        f" {cost.loop_us:.1f} µs on the loop, {cost.thread_us:.1f} µs in its thread, {cost.bytes_per_change:.0f} bytes"
    )
    if options.json:
        machine = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "processor": platform.processor(),
        }
        options.json.write_text(
            json.dumps(
                {
                    "machine": machine,
                    "results": [asdict(r) for r in results],
                    "feed_cpu": feed_cpu,
                    "journal": asdict(cost),
                },
                indent=2,
            )
        )
    over = missed(results)
    for line in over:
        print(line, file=sys.stderr)
    return 1 if over and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
