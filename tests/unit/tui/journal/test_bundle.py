"""An incident's file: what was recorded of a time, for other people (docs/design/journal.md 6)."""

import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.managers import Managers
from swarm_core.client.watch import Action, Change, Changed, Listed, Lost, Resumed
from swarm_testkit.factories import make_cluster, make_config, make_node, make_secret, make_service, make_task
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.journal import bundle
from swarm_tui.journal.errors import Damaged, NothingKnown
from swarm_tui.journal.file import JournalFile
from swarm_tui.journal.redaction import MASK, without_contents, without_environment
from swarm_tui.journal.replay import PastClock, Replay
from swarm_tui.journal.tape import Tape
from swarm_tui.journal.writer import Writer
from swarm_tui.resources.refs import ONLY_CLUSTER
from swarm_tui.resources.time_ranges import TimeRange

S = 1_000_000_000
START = 1_760_000_000 * S
PASSWORD = "hunter2-and-nobody-knows"
CONTENT = "listen 8080 behind the wall"
KINDS: tuple[type[Any], ...] = (
    objects_pb2.Node,
    objects_pb2.Service,
    objects_pb2.Task,
    objects_pb2.Cluster,
    objects_pb2.Secret,
    objects_pb2.Config,
)


class _Clock:
    def wall_ns(self) -> int:
        return START

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


def _service(version: int, replicas: int) -> objects_pb2.Service:
    service = make_service("service", name="web", replicas=replicas)
    service.meta.version.index = version
    service.spec.task.container.env[:] = [f"PASSWORD={PASSWORD}"]
    service.spec.task.container.pull_options.registry_auth = PASSWORD
    return service


def _task(version: int, slot: int, state: str) -> objects_pb2.Task:
    task = make_task(f"task-{slot}", service=_service(1, 1), slot=slot, node_id="node-0", state=state)
    task.meta.version.index = version
    return task


def _changed(version: int, *items: Any, action: Action = Action.UPDATED) -> Changed:
    return Changed(tuple(Change(action, item) for item in items), version)


def _config(version: int = 1) -> objects_pb2.Config:
    config = make_config("config", name="site")
    config.meta.version.index = version
    config.spec.data = f"{CONTENT}, {version}".encode()
    return config


def _secret() -> objects_pb2.Secret:
    secret = make_secret("secret", name="pw")
    secret.spec.data = PASSWORD.encode()
    return secret


@pytest.fixture
def tape(tmp_path: Path) -> Iterator[Tape]:
    """Two minutes, one change every second: scaling, a node promoted and demoted, a stream that was away, a time in which
    nobody recorded, and failures."""
    nodes = [make_node(f"node-{n}", hostname=f"w{n}", state="READY") for n in range(3)]
    nodes[0].manager_status.raft_id = 1
    path = tmp_path / "c.journal"
    writer = Writer(path, title="prod-eu")
    everything = (make_cluster("cluster"), *nodes, _service(1, 1), _secret(), _config())
    writer.take([(START, Listed(everything, 1))])
    status = nodes[0].manager_status
    for second in range(1, 121):
        version, at_ns = second + 1, START + second * S
        updates: list[Any] = [_changed(version, _task(version, second % 7, "RUNNING"))]
        if second % 9 == 0:
            updates = [_changed(version, _service(version, second))]
        elif second == 40:
            updates = [_changed(version, _config(version))]
        elif second % 10 == 3:
            updates = [_changed(version, _task(version, second % 7, "FAILED"))]
        elif second % 13 == 0:
            updates = [
                Managers({"node-0": status, "node-1": status} if second % 2 else {"node-0": status}, None)
            ]
        elif second == 50:
            updates = [Lost("no manager")]
        elif second == 55:
            updates = [Resumed(version)]
        elif second == 70:
            writer.is_gap = True
        elif second % 17 == 0:
            updates = [_changed(version, _task(version, second % 7, "RUNNING"), action=Action.REMOVED)]
        writer.take([(at_ns, one) for one in updates])
    writer.close()
    with closing(JournalFile.open_for_reading(path)) as file:
        yield Tape(file)


def _write(tape: Tape, to: Path, first: int, last: int) -> Tape:
    asked = TimeRange(START + first * S, START + last * S)
    bundle.write(tape, to, asked, title="prod-eu")
    return bundle.open_bundle(to)[0]


def _seen(mirror: Mirror) -> dict[tuple[str, str], bytes]:
    items: list[Any] = [item for kind in KINDS for item in mirror.objects(kind)]
    return {
        (type(item).__name__, item.id): _fit(item).SerializeToString(deterministic=True) for item in items
    }


def _fit(item: Any) -> Any:
    return without_contents(without_environment(item))


def _records(tape: Tape) -> list[Any]:
    return [
        record
        for one in tape.generations
        for block in (tape.file.keyframe(one.id), *tape.file.blocks(one.id))
        for record in block
    ]


def _at(tape: Tape, at_ns: int) -> tuple[dict[tuple[str, str], bytes], bool]:
    replay = Replay(PastClock(_Clock(), 0), ONLY_CLUSTER)
    replay.show(tape.reel(at_ns), at_ns)
    return _seen(replay.mirror), replay.is_blind


@pytest.mark.parametrize(("first", "last"), [(0, 120), (30, 90), (71, 119), (5, 5)])
def test_every_moment_is_as_in_the_journal(tape: Tape, tmp_path: Path, first: int, last: int) -> None:
    """At each second of the time every object is as it was recorded, but for what is nobody else's business."""
    file = _write(tape, tmp_path / "x.incident", first, last)
    with closing(file.file):
        assert file.start_ns == START + first * S
        for second in range(first, last + 1):
            at_ns = START + second * S
            assert _at(file, at_ns)[0] == _at(tape, at_ns)[0], second
        if first < 50 and last > 55:
            assert [_at(file, START + second * S)[1] for second in (49, 52, 56)] == [False, True, False]
            gaps = [one.at_ns for one in file.generations if one.is_gap]
            assert START + 70 * S in gaps


def test_its_marks_are_those_of_the_time(tape: Tape, tmp_path: Path) -> None:
    """Incidents and deeds of the time are found in the file, and none of another time."""
    file = _write(tape, tmp_path / "x.incident", 30, 90)
    with closing(file.file):
        first, last = START + 31 * S, START + 90 * S
        deeds = [one for one in tape.file.marks(from_ns=first, to_ns=last) if not one.is_incident]
        assert [one for one in file.marks() if not one.is_incident] == deeds
        assert any(one.is_incident for one in file.marks())


def test_nothing_secret_is_in_it(tape: Tape, tmp_path: Path) -> None:
    """No record, mark or byte of the file has a secret, a credential or a variable's value; the variable's name is there."""
    to = tmp_path / "x.incident"
    file = _write(tape, to, 0, 120)
    with closing(file.file):
        records = [record.data for record in _records(file)]
        assert len(records) > 100
        assert not [one for one in records if PASSWORD.encode() in one]
        assert [one for one in records if f"PASSWORD={MASK}".encode() in one]
        assert PASSWORD not in repr(file.marks())
    assert PASSWORD.encode() not in to.read_bytes()


def test_configs_are_whole_only_if_asked_for(tape: Tape, tmp_path: Path) -> None:
    """What is in configs, from the beginning or changed on the way, is in no record of the file unless it was asked for."""
    found = {}
    for whole in (False, True):
        to = tmp_path / f"{whole}.incident"
        bundle.write(tape, to, TimeRange(), title="t", besides=bundle.Besides(configs=whole))
        file, _ = bundle.open_bundle(to)
        with closing(file.file):
            found[whole] = [record.data for record in _records(file) if CONTENT.encode() in record.data]
    assert not found[False]
    assert len(found[True]) >= 2


def test_it_is_one_private_file(tape: Tape, tmp_path: Path) -> None:
    """Only the owner may read it, and nothing is left beside it, also after it was read."""
    place = tmp_path / "place"
    place.mkdir()
    file = _write(tape, place / "x.incident", 0, 120)
    _at(file, START + 60 * S)
    file.file.close()
    assert [one.name for one in place.iterdir()] == ["x.incident"]
    assert stat.S_IMODE((place / "x.incident").stat().st_mode) == 0o600


def test_no_file_is_written_over(tape: Tape, tmp_path: Path) -> None:
    """A file that is there stays as it is, and a sentence says so."""
    to = tmp_path / "x.incident"
    to.write_text("mine")
    with pytest.raises(FileExistsError, match="it is not written over"):
        bundle.write(tape, to, TimeRange(), title="prod-eu")
    assert to.read_text() == "mine"


def test_it_can_be_read_where_nothing_can_be_written(tape: Tape, tmp_path: Path) -> None:
    """A file that nobody may write to, in such a directory, is opened all the same."""
    place = tmp_path / "place"
    place.mkdir()
    _write(tape, place / "x.incident", 0, 120).file.close()
    (place / "x.incident").chmod(0o400)
    place.chmod(0o500)
    try:
        again, title = bundle.open_bundle(place / "x.incident")
        with closing(again.file):
            assert title == "prod-eu"
            assert _at(again, START + 60 * S)[0]
    finally:
        place.chmod(0o700)


def test_a_time_of_which_nothing_is_known(tape: Tape, tmp_path: Path) -> None:
    """Before the journal begins there is nothing; after its end the cluster is what it was."""
    with pytest.raises(NothingKnown, match="the journal begins at"):
        bundle.write(tape, tmp_path / "a", TimeRange(START - 90 * S, START - 60 * S), title="t")
    assert not (tmp_path / "a").exists()
    later = bundle.write(tape, tmp_path / "b", TimeRange(START + 900 * S, None), title="t")
    assert (later.from_ns, later.to_ns) == (tape.end_ns, tape.end_ns)
    file, _ = bundle.open_bundle(tmp_path / "b")
    with closing(file.file):
        assert _at(file, tape.end_ns)[0] == _at(tape, tape.end_ns)[0]


def test_a_damaged_file_gives_one_sentence(tape: Tape, tmp_path: Path) -> None:
    """Cut at any place, changed by one bit anywhere, or no such file at all: a sentence, and never part of a past."""
    to = tmp_path / "x.incident"
    _write(tape, to, 0, 120).file.close()
    whole = to.read_bytes()
    broken = tmp_path / "broken.incident"
    for cut in (0, 1, 100, 4096, len(whole) // 2, len(whole) - 1):
        broken.write_bytes(whole[:cut])
        with pytest.raises((Damaged, NothingKnown)) as told:
            bundle.open_bundle(broken)
        assert str(told.value).count("\n") == 0
    for place in (0, 100, 5000, len(whole) // 2, len(whole) - 60, len(whole) - 1):
        broken.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(Damaged, match="damaged"):
            bundle.open_bundle(broken)
    with pytest.raises(NothingKnown, match="no file"):
        bundle.open_bundle(tmp_path / "none")
