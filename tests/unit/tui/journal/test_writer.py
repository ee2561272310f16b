"""What is recorded is what was seen: any moment is the cluster as it was then (docs/design/journal.md 1, 3 and 5)."""

import random
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.managers import Managers
from swarm_core.client.watch import Action, Change, Changed, Listed, Lost, Resumed
from swarm_testkit.factories import make_cluster, make_node, make_secret, make_service, make_task
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.journal.file import JournalFile
from swarm_tui.journal.places import lock_of
from swarm_tui.journal.replay import PastClock, Replay
from swarm_tui.journal.tape import Tape
from swarm_tui.journal.writer import Writer
from swarm_tui.resources.refs import ONLY_CLUSTER

S = 1_000_000_000
START = 1_760_000_000 * S
Objects = dict[str, bytes]


class _Clock:
    now_ns = START

    def wall_ns(self) -> int:
        return self.now_ns

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


def _all(mirror: Mirror) -> Objects:
    kinds = (objects_pb2.Node, objects_pb2.Service, objects_pb2.Task, objects_pb2.Cluster, objects_pb2.Secret)
    found: list[Message] = [item for kind in kinds for item in mirror.objects(kind)]
    return {item.id: item.SerializeToString(deterministic=True) for item in found}  # type: ignore[attr-defined]


class _Life:
    """A small cluster with a random life, seen by a mirror and a writer alike."""

    def __init__(self, path: Path, seed: int, **limits: int) -> None:
        self.rng = random.Random(seed)
        self.clock = _Clock()
        self.mirror = Mirror(self.clock)
        self.writer = Writer(path, title="test", **limits)
        self.version = 1
        self.moments: list[tuple[int, Objects]] = []
        self.services = [make_service(f"service-{n}", name=f"app-{n}", replicas=4) for n in range(3)]
        self.nodes = [make_node(f"node-{n}", hostname=f"w{n}", state="READY") for n in range(4)]
        self.tasks: dict[str, Any] = {}
        self.give(Listed((make_cluster("cluster"), *self.nodes, *self.services), 1))

    def give(self, *updates: Any) -> None:
        batch = []
        for update in updates:
            self.clock.now_ns += self.rng.randrange(1, 2 * S)
            self.mirror.apply(update)
            batch.append((self.clock.now_ns, update))
            self.moments.append((self.clock.now_ns, _all(self.mirror)))
        self.writer.take(batch)

    def live(self, steps: int) -> None:
        for _ in range(steps):
            self.give(*(self._change() for _ in range(self.rng.randrange(1, 4))))

    def _change(self) -> Any:
        self.version += 1
        if self.tasks and self.rng.random() < 0.2:
            gone = self.tasks.pop(self.rng.choice(sorted(self.tasks)))
            return Changed((Change(Action.REMOVED, gone),), self.version)
        if self.rng.random() < 0.1:
            node = objects_pb2.Node()
            node.CopyFrom(self.rng.choice(self.nodes))
            node.status.state = self.rng.choice([types_pb2.NodeStatus.READY, types_pb2.NodeStatus.DOWN])
            node.meta.version.index = self.version
            return Changed((Change(Action.UPDATED, node),), self.version)
        number = self.rng.randrange(30)
        task = make_task(
            f"task-{number}",
            service=self.rng.choice(self.services),
            slot=number,
            node_id=self.rng.choice(self.nodes).id,
            state=self.rng.choice(["PENDING", "RUNNING", "FAILED"]),
        )
        task.meta.version.index = self.version
        action = Action.UPDATED if task.id in self.tasks else Action.CREATED
        self.tasks[task.id] = task
        return Changed((Change(action, task),), self.version)


def _replay(clock: Any) -> Replay:
    return Replay(PastClock(clock, 0), ONLY_CLUSTER)


def test_every_moment_is_as_it_was(tmp_path: Path) -> None:
    """Whatever moment is asked for, in whatever order, every object is as the mirror held it then."""
    path = tmp_path / "c.journal"
    life = _Life(path, 7, bytes_max=128 << 10)
    life.live(200)
    tape = Tape(JournalFile.open_for_reading(path))
    assert len(tape.generations) > 2, "more than one keyframe is gone through"
    known = [one for one in life.moments if one[0] >= tape.start_ns]
    replay, order = _replay(life.clock), life.rng.sample(known, 60)
    shown: int | None = None
    for at_ns, expected in [*order, *known[:20], known[-1]]:
        replay.show(tape.reel(at_ns, from_ns=shown), at_ns)
        assert _all(replay.mirror) == expected
        assert replay.mirror.tasks_alive == sum(
            replay.mirror.service_sums(s.id).wanted for s in life.services
        )
        shown = at_ns


def test_steps_go_through_every_moment(tmp_path: Path) -> None:
    """Stepping on from the beginning and back from the end meets every moment at which something came, once."""
    path = tmp_path / "c.journal"
    life = _Life(path, 3)
    life.live(40)
    tape = Tape(JournalFile.open_for_reading(path))
    moments = [tape.start_ns]
    while (at_ns := tape.next_ns(moments[-1])) is not None:
        moments.append(at_ns)
    assert moments == [at_ns for at_ns, _ in life.moments]
    back = [moments[-1]]
    while (before := tape.previous_ns(back[-1])) is not None:
        back.append(before)
    assert back == moments[::-1]


def test_a_walk_gives_old_and_new(tmp_path: Path) -> None:
    """Walking through a time gives each change once, with what the object was before."""
    path = tmp_path / "c.journal"
    life = _Life(path, 5)
    life.live(30)
    tape = Tape(JournalFile.open_for_reading(path))
    middle = life.moments[20][0]
    seen = list(tape.walk(middle, life.moments[-1][0]))
    assert len(seen) == len(life.moments) - 20
    state = dict(life.moments[19][1])
    for at_ns, _, old, new, _ in seen:
        item = new if new is not None else old
        before = state.get(item.id)
        assert (old is None) == (before is None)
        if old is not None:
            assert old.SerializeToString(deterministic=True) == before
        if new is None:
            state.pop(item.id)
        else:
            state[item.id] = new.SerializeToString(deterministic=True)
        assert state == dict(life.moments)[at_ns]


def test_it_stays_within_its_bound(tmp_path: Path) -> None:
    """However long it goes on, the file has no more in use than its bound, and what it holds is still right."""
    path = tmp_path / "c.journal"
    bound = 120 << 10
    life = _Life(path, 11, bytes_max=bound)
    for _ in range(40):
        life.live(20)
        assert life.writer._file is not None and life.writer._file.size <= bound
    tape = Tape(JournalFile.open_for_reading(path))
    assert tape.start_ns > life.moments[0][0]
    replay = _replay(life.clock)
    replay.show(tape.reel(life.moments[-1][0]), life.moments[-1][0])
    assert _all(replay.mirror) == life.moments[-1][1]


def test_what_was_missed_is_what_became_different(tmp_path: Path) -> None:
    """A second listing is written as changes, with what is gone; losing and finding the stream are told apart."""
    path = tmp_path / "c.journal"
    life = _Life(path, 2)
    life.live(10)
    life.give(Lost("no manager answers"))
    blind_ns = life.clock.now_ns
    kept = [life.services[0], life.nodes[0], make_cluster("cluster"), make_service("new", name="new")]
    life.give(Resumed(5), Listed(tuple(kept), 99))
    tape = Tape(JournalFile.open_for_reading(path))
    assert len(tape.generations) == 1
    replay = _replay(life.clock)
    replay.show(tape.reel(blind_ns), blind_ns)
    assert replay.is_blind
    end = life.clock.now_ns
    replay.show(tape.reel(end, from_ns=blind_ns), end)
    assert not replay.is_blind and _all(replay.mirror) == life.moments[-1][1]
    assert {node.id for node in replay.mirror.objects(objects_pb2.Node)} == {life.nodes[0].id}


def test_managers_are_told_too(tmp_path: Path) -> None:
    """Who leads is in no event; it is recorded as it is told, and gone with a demotion."""
    path = tmp_path / "c.journal"
    life = _Life(path, 4)
    leader = types_pb2.ManagerStatus(raft_id=1, leader=True)
    life.give(Managers({"node-1": leader}, None))
    first = life.clock.now_ns
    life.give(Managers({}, None))
    life.live(3)
    tape = Tape(JournalFile.open_for_reading(path))
    replay = _replay(life.clock)
    for at_ns, leads in ((first, True), (life.clock.now_ns, False), (first, True)):
        replay.show(tape.reel(at_ns), at_ns)
        node = replay.mirror.get(objects_pb2.Node, "node-1")
        assert node is not None and node.HasField("manager_status") is leads


def test_incidents_and_deeds_are_marked(tmp_path: Path) -> None:
    """A failure, a lost node and a changed service are marks; a storm of failures of one service is one."""
    path = tmp_path / "c.journal"
    life = _Life(path, 6)
    service = life.services[0]
    failed = [make_task(f"f-{n}", service=service, slot=n, state="FAILED", err="exit 1") for n in range(1, 6)]
    for task in failed:
        task.meta.version.index = 50
    down = make_node("node-2", hostname="w2", state="DOWN")
    down.meta.version.index = 51
    scaled = objects_pb2.Service()
    scaled.CopyFrom(service)
    scaled.spec.replicated.replicas = 9
    scaled.meta.version.index = 52
    life.give(
        Changed(tuple(Change(Action.CREATED, task) for task in failed), 50),
        Changed((Change(Action.UPDATED, down),), 51),
        Changed((Change(Action.UPDATED, scaled),), 52),
    )
    marks = [(m.is_incident, m.name, m.text) for m in JournalFile.open_for_reading(path).marks()]
    assert marks == [
        (True, "app-0.1", "failed: exit 1"),
        (True, "w2", "down"),
        (False, "app-0", "scaled 4 → 9"),
    ]


def test_no_secret_reaches_the_file(tmp_path: Path) -> None:
    """A secret's data and the cluster's tokens are in no byte of the file, keyframes and blocks alike."""
    path = tmp_path / "c.journal"
    life = _Life(path, 8)
    secret = make_secret("sec", name="key")
    secret.spec.data = b"hunter2" * 9
    cluster = make_cluster("cluster")
    cluster.root_ca.join_tokens.worker = "SWMTKN-hunter2"
    cluster.meta.version.index = 90
    life.give(Changed((Change(Action.CREATED, secret), Change(Action.UPDATED, cluster)), 90))
    life.writer.is_gap = True
    life.live(1)
    file = JournalFile.open_for_reading(path)
    for generation in file.generations():
        for records in [file.keyframe(generation.id), *file.blocks(generation.id)]:
            assert not [record for record in records if b"hunter2" in record.data]
    assert len(file.generations()) == 2


def test_one_writes_and_the_other_takes_over(tmp_path: Path) -> None:
    """Of two programs the first writes; when it ends, the other goes on with a keyframe, and nothing is written twice."""
    path = tmp_path / "c.journal"
    first, second = _Life(path, 9), _Life(path, 9)
    assert first.writer.is_writing and not second.writer.is_writing
    first.live(20)
    second.live(20)
    assert not second.writer.is_writing
    first.writer.close()
    second.live(20)
    assert second.writer.is_writing
    tape = Tape(JournalFile.open_for_reading(path))
    assert [one.is_gap for one in tape.generations] == [True, True]
    replay = _replay(second.clock)
    at_ns, expected = second.moments[-1]
    replay.show(tape.reel(at_ns), at_ns)
    assert _all(replay.mirror) == expected
    assert lock_of(path).exists()


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    """What is found damaged is moved away with one sentence, and a new journal begun, from which the end can be read."""
    path = tmp_path / "c.journal"
    path.write_bytes(b"not a database, by any means" * 400)
    life = _Life(path, 10)
    life.live(5)
    assert len(life.writer.sentences) == 1 and "set aside" in life.writer.sentences[0]
    assert path.with_name("c.journal.damaged").exists()
    replay, (at_ns, expected) = _replay(life.clock), life.moments[-1]
    replay.show(Tape(JournalFile.open_for_reading(path)).reel(at_ns), at_ns)
    assert _all(replay.mirror) == expected
