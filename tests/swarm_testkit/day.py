"""A day in the life of a cluster, as fast as one likes, in front of a whole dashboard with its journal: nothing may be lost, and
nothing may grow.

`Life` makes what happens in beats of twenty seconds of simulated time, from one seed: tasks fail and are replaced, services are
scaled, rolled out, created and removed, nodes go and come back, the stream breaks and sometimes its history is gone too. How much
there is stays about the same, so that whatever grows in the program is the program's own.
`Day` runs the program on it, and compares at the end: mirror and journal with the store, object for object.
"""

import asyncio
import gc
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.manager.control_api.clusters import redacted
from swarm_tui.clusters.changes import Phase
from swarm_tui.journal.file import JournalFile
from swarm_tui.journal.recorder import Recorder
from swarm_tui.journal.redaction import without_secrets
from swarm_tui.journal.replay import PastClock, Replay
from swarm_tui.journal.tape import Tape

from swarm_testkit.cluster_fake import FakeCluster, lively_cluster
from swarm_testkit.dashboard import Running, dashboard_of, until, until_live
from swarm_testkit.factories import make_config, make_secret, make_service, make_task

BEAT_S: Final = 20
BEATS_PER_HOUR: Final = 3600 // BEAT_S
KINDS: Final[tuple[type[Any], ...]] = (
    objects_pb2.Cluster,
    objects_pb2.Node,
    objects_pb2.Service,
    objects_pb2.Task,
    objects_pb2.Network,
    objects_pb2.Secret,
    objects_pb2.Config,
    objects_pb2.Volume,
)
_SERVICES_MAX: Final = 14
_DEAD_MAX: Final = 4
"""Ended tasks of a service that the cluster keeps."""
_READY, _DOWN = types_pb2.NodeStatus.READY, types_pb2.NodeStatus.DOWN


class Life:
    """See the module's text. `changes` counts commits."""

    def __init__(self, cluster: FakeCluster, seed: int) -> None:
        self._cluster = cluster
        self._rng = random.Random(seed)
        self._made = 0
        self._rolling: list[str] = []
        self.changes = self.cuts = 0
        # What a leader would do at once is done here beat by beat.
        cluster.orchestrate = False

    def beat(self) -> None:
        """Twenty seconds pass."""
        self._cluster.advance(BEAT_S)
        for _ in range(self._rng.randrange(1, 5)):
            self._replace(self._rng.choice(self._services()), is_failure=self._rng.random() < 0.5)
        for _ in range(min(len(self._rolling), 3)):
            self._roll(self._rolling.pop())
        chance = self._rng.random()
        if chance < 0.02:
            self._begin_rollout()
        elif chance < 0.04:
            self._scale()
        elif chance < 0.06:
            self._node()
        elif chance < 0.08:
            self._come_or_go()
        elif chance < 0.09:
            self._cut()
        # The requests that were noted, and raft's log, are the cluster's and would grow.
        self._cluster.calls.clear()

    def _services(self) -> list[objects_pb2.Service]:
        return self._cluster.all(objects_pb2.Service)

    def _tasks(self, service: objects_pb2.Service) -> list[objects_pb2.Task]:
        return [task for task in self._cluster.all(objects_pb2.Task) if task.service_id == service.id]

    def _put(self, *items: Message) -> None:
        self._cluster.put(*items)
        self.changes += 1

    def _remove(self, kind: type[Message], *ids: str) -> None:
        self._cluster.remove(kind, *ids)
        self.changes += 1

    def _replace(self, service: objects_pb2.Service, *, is_failure: bool) -> None:
        """One task ends, another begins in its place, and the oldest that ended is forgotten."""
        tasks = self._tasks(service)
        running = [task for task in tasks if task.status.state == types_pb2.RUNNING]
        ended = [task for task in tasks if task.status.state > types_pb2.RUNNING]
        if len(ended) > _DEAD_MAX:
            self._remove(objects_pb2.Task, *(task.id for task in ended[: len(ended) - _DEAD_MAX]))
        slot = 1
        if running:
            old = self._rng.choice(running)
            slot = old.slot

            def end(task: objects_pb2.Task) -> None:
                task.status.state = types_pb2.FAILED if is_failure else types_pb2.SHUTDOWN
                task.status.err = f"task: non-zero exit ({self._rng.randrange(1, 140)})" if is_failure else ""
                task.desired_state = types_pb2.SHUTDOWN

            self._cluster.update(objects_pb2.Task, old.id, end)
            self.changes += 1
        self._begin(service, slot)

    def _begin(self, service: objects_pb2.Service, slot: int) -> None:
        """A task goes through its states up to running."""
        self._made += 1
        node = self._rng.choice(self._cluster.all(objects_pb2.Node))
        id_ = f"day-{self._made:06}"
        for state in ("PENDING", "PREPARING", "RUNNING"):
            task = make_task(
                id_,
                service=service,
                slot=slot,
                node_id="" if state == "PENDING" else node.id,
                state=state,
                status_ns=self._cluster.now_ns,
            )
            self._put(task)

    def _begin_rollout(self) -> None:
        service = self._rng.choice(self._services())

        def change(one: objects_pb2.Service) -> None:
            one.previous_spec.CopyFrom(one.spec)
            one.spec.task.container.image = f"registry/app:{self._rng.randrange(1000)}"
            one.update_status.state = types_pb2.UpdateStatus.UPDATING

        self._cluster.update(objects_pb2.Service, service.id, change)
        self.changes += 1
        self._rolling += [service.id] * min(service.spec.replicated.replicas, 10)

    def _roll(self, service_id: str) -> None:
        service = next((one for one in self._services() if one.id == service_id), None)
        if service is None:
            return
        self._replace(service, is_failure=False)
        if service_id not in self._rolling:

            def done(one: objects_pb2.Service) -> None:
                one.update_status.state = types_pb2.UpdateStatus.COMPLETED

            self._cluster.update(objects_pb2.Service, service_id, done)
            self.changes += 1

    def _scale(self) -> None:
        service = self._rng.choice(self._services())
        wanted = self._rng.randrange(1, 20)

        def change(one: objects_pb2.Service) -> None:
            one.spec.replicated.replicas = wanted

        self._cluster.update(objects_pb2.Service, service.id, change)
        self.changes += 1
        tasks = [task for task in self._tasks(service) if task.status.state <= types_pb2.RUNNING]
        if surplus := [task.id for task in tasks[wanted:]]:
            self._remove(objects_pb2.Task, *surplus)
        for slot in range(len(tasks) + 1, wanted + 1):
            self._begin(service, slot)

    def _node(self) -> None:
        node = self._rng.choice(self._cluster.all(objects_pb2.Node))

        def change(one: objects_pb2.Node) -> None:
            one.status.state = _READY if one.status.state == _DOWN else _DOWN

        self._cluster.update(objects_pb2.Node, node.id, change)
        self.changes += 1

    def _come_or_go(self) -> None:
        """A service with a secret and a config comes, or one that came goes."""
        came = [one for one in self._services() if one.id.startswith("day-")]
        if came and (len(self._services()) >= _SERVICES_MAX or self._rng.random() < 0.5):
            gone = self._rng.choice(came)
            if tasks := [task.id for task in self._tasks(gone)]:
                self._remove(objects_pb2.Task, *tasks)
            self._remove(objects_pb2.Service, gone.id)
            for kind in (objects_pb2.Secret, objects_pb2.Config):
                self._remove(kind, f"{gone.id}-{kind.__name__.lower()}")
            return
        self._made += 1
        id_ = f"day-service-{self._made:06}"
        self._put(
            make_secret(f"{id_}-secret", name=f"{id_}-secret"),
            make_config(f"{id_}-config", name=f"{id_}-config"),
        )
        self._put(make_service(id_, name=id_, replicas=2))
        for slot in (1, 2):
            self._begin(self._cluster.get(objects_pb2.Service, id_), slot)

    def _cut(self) -> None:
        """The stream breaks; of two breaks one loses the history that it would resume from."""
        self.cuts += 1
        if self._rng.random() < 0.5:
            self._cluster.compact()
        self._cluster.cut()


@dataclass
class Hour:
    """What was measured at the end of an hour of the cluster's time."""

    hour: int
    changes: int
    objects: int
    """In the cluster's store."""
    rss_mb: float
    python_objects: int
    """That the garbage collector knows of, after it has run."""
    journal_mb: float


@dataclass
class Day:
    """See the module's text."""

    run: Running
    recorder: Recorder
    life: Life
    hours: list[Hour] = field(default_factory=list)

    async def pass_hour(self, *, beat_wall_s: float = 0.0) -> None:
        """An hour of the cluster's time; each beat takes so long, or as long as it needs."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for _ in range(BEATS_PER_HOUR):
            self.life.beat()
            due += beat_wall_s
            await asyncio.sleep(max(due - loop.time(), 0.0))
        await self.catch_up()
        # As a manager does now and then: otherwise the log would be all that grows.
        self.run.cluster.compact()
        self.hours.append(self._look())

    async def catch_up(self) -> None:
        """Until the mirror has been told everything."""
        cluster, mirror = self.run.cluster, self.run.screen.session.mirror
        await self.run.until(
            lambda: (
                mirror.stream.phase is Phase.LIVE
                and mirror.version >= cluster.version
                and not mirror.is_dirty
            )
        )
        await self.run.until(lambda: self.differing() == [])

    def differing(self) -> list[str]:
        """The objects that the mirror holds in another way than the store, or that only one of them has."""
        return _differing(_held(self.run.screen.session.mirror), _stored(self.run.cluster))

    async def differing_in_journal(self) -> list[str]:
        """The same of the journal's newest moment; secrets are not in it."""
        assert await asyncio.to_thread(self.recorder.flushed, 60.0)
        assert self.recorder.path is not None
        with closing(JournalFile.open_for_reading(self.recorder.path)) as file:
            tape = Tape(file)
            replay = Replay(PastClock(self.run.screen.session.clock, tape.end_ns), self.run.screen.session.id)
            replay.show(tape.reel(tape.end_ns), tape.end_ns)
            return _differing(_held(replay.mirror), _stored(self.run.cluster))

    def _look(self) -> Hour:
        gc.collect()
        store = sum(len(self.run.cluster.all(kind)) for kind in KINDS)
        return Hour(
            len(self.hours) + 1,
            self.life.changes,
            store,
            _rss_mb(),
            len(gc.get_objects()),
            self.journal_bytes() / (1 << 20),
        )

    def journal_bytes(self) -> int:
        """What the journal has in use."""
        path = self.recorder.path
        if path is None or not path.exists():
            return 0
        with closing(JournalFile.open_for_reading(path)) as file:
            return file.size


@asynccontextmanager
async def day(seed: int, place: Path, *, bytes_max: int) -> AsyncIterator[Day]:
    """The program on a cluster that lives, with its journal in `place`."""
    cluster = lively_cluster()
    recorder = Recorder(place, cluster.clock, title="day", gather_s=0.05, bytes_max=bytes_max)
    app = dashboard_of(cluster, recorder=recorder)
    try:
        async with app.run_test(size=(132, 40)) as pilot:
            await until_live(app, pilot)
            yield Day(Running(app, pilot, cluster), recorder, Life(cluster, seed))
            await until(pilot, lambda: not app._session.mirror.is_dirty)
    finally:
        await asyncio.to_thread(recorder.close)


def _held(mirror: Any) -> Iterator[Any]:
    return (item for kind in KINDS for item in mirror.objects(kind))


def _stored(cluster: FakeCluster) -> Iterator[Any]:
    """What a manager tells of its store."""
    for kind in KINDS:
        for item in cluster.all(kind):
            yield redacted(item) if isinstance(item, objects_pb2.Cluster) else item


def _differing(one: Iterator[Any], other: Iterator[Any]) -> list[str]:
    found, wanted = _bytes(one), _bytes(other)
    return sorted(
        f"{kind} {id_}"
        for kind, id_ in found.keys() | wanted.keys()
        if found.get((kind, id_)) != wanted.get((kind, id_))
    )


def _bytes(items: Iterator[Any]) -> dict[tuple[str, str], bytes]:
    return {
        (type(item).__name__, item.id): without_secrets(item).SerializeToString(deterministic=True)
        for item in items
    }


def _rss_mb() -> float:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
