"""`cluster backup` and `cluster restore`: what is refused, what is written, and what is kept (docs/design/backup.md 17.2, 17.4)."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_core.api.backups import parts_of
from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.backup_pb2 import BackupHead, BackupPart
from swarm_core.api.proto.control_pb2 import ListClustersResponse
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse
from swarm_core.client import backup_file
from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_testkit.manual_clock import ManualClock
from swarm_tui.cli import main
from swarm_tui.cli.commands import backup
from swarm_tui.cli.plumbing import backup_files
from swarm_tui.cli.plumbing.session import Failure, Globals

PASSPHRASE = "a passphrase"
SNAPSHOT = b"state " * 1000
HOUR_S = 3600.0


class Manager:
    """Calls of a manager that can be backed up, or cannot."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.failure: Exception | None = None
        self.breaks_off = False
        self.taken = 0
        self.leads = True

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        if method == "RaftStatus.GetRaftStatus":
            if not self.leads:
                raise CallFailed("UNKNOWN", "the cluster has no leader")
            return GetRaftStatusResponse(commit_index=12)
        found = objects_pb2.Cluster(id="c1")
        found.spec.annotations.name = "default"
        return ListClustersResponse(clusters=[found])

    async def stream(self, method: str, request: Any) -> AsyncIterator[BackupPart]:
        assert (method, request.at_least_index) == ("Backup.TakeBackup", 12 if self.leads else 0)
        if self.failure is not None:
            raise self.failure
        self.taken += 1
        head = BackupHead(
            format=1, version="0.1.0", cluster_id="c1", node_id="n1", hostname="h", address="10.0.0.1:1",
            raft_index=12, taken_at_ns=self.clock.wall_ns(),
        )  # fmt: skip
        for part in parts_of(head, SNAPSHOT):
            if not (self.breaks_off and part.HasField("end")):
                yield part

    async def close(self) -> None: ...

    @property
    def cluster(self) -> Cluster:
        return Cluster(self, clock=self.clock)  # type: ignore[arg-type]


class Shell:
    """Commands on `manager`."""

    def __init__(self, manager: Manager, capture: pytest.CaptureFixture[str]) -> None:
        self.manager, self._capture = manager, capture

    def __call__(self, *words: object) -> tuple[int, str, str]:
        async def connect() -> Cluster:
            return self.manager.cluster

        self._capture.readouterr()
        code = main.run([str(word) for word in words], given=Globals(connect=connect))
        said = self._capture.readouterr()
        return code, said.out, said.err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr(backup_file.Writer.__init__, "__kwdefaults__", {"cost": backup_file.Cost(log_n=10)})
    return Shell(Manager(), capsys)


@pytest.fixture
def passphrase(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    path.chmod(0o600)
    yield path


def test_a_backup_and_what_it_is(run: Shell, passphrase: Path, tmp_path: Path) -> None:
    """17.2.1, 17.2.5: a private file, told with its index; `--check` says what it is and changes nothing."""
    path = tmp_path / "b"
    code, out, _ = run("cluster", "backup", path, "--passphrase-file", passphrase)
    assert code == 0 and "as of index 12" in out and "sealed" in out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {found.name for found in tmp_path.iterdir()} == {"b", "passphrase"}
    code, out, _ = run("cluster", "restore", "--check", path, "--passphrase-file", passphrase)
    assert code == 0 and "is whole: cluster c1 as of" in out and "manager n1 (h, 10.0.0.1:1)" in out
    code, _, err = run("cluster", "backup", path, "--passphrase-file", passphrase)
    assert code == 2 and "not written over" in err


def test_the_passphrase_from_a_descriptor(run: Shell, tmp_path: Path) -> None:
    """17.2.2: the first line of a pipe."""
    for words in (("backup", tmp_path / "b"), ("restore", "--check", tmp_path / "b")):
        reading, writing = os.pipe()
        os.write(writing, f"{PASSPHRASE}\nmore".encode())
        os.close(writing)
        code, _, err = run("cluster", *words, "--passphrase-fd", reading)
        assert code == 0, err


def test_an_open_backup(run: Shell, tmp_path: Path) -> None:
    """17.2.2: only when it was asked for, and said."""
    code, out, _ = run("cluster", "backup", tmp_path / "b", "--no-passphrase")
    assert code == 0 and "not sealed: it holds every key of the cluster" in out
    assert run("cluster", "restore", "--check", tmp_path / "b")[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("b",), "A passphrase is needed"),
        (("b", "--passphrase-file", "open"), "is open to other users (mode 0644); make it 0600"),
        (("b", "--passphrase-file", "empty"), "There is no passphrase in"),
        (("b", "--passphrase-file", "short"), "too short: it has 3 characters and needs 8"),
        (("b", "--passphrase-file", "nowhere"), "cannot be read: No such file or directory"),
        (("b", "--passphrase-fd", "4999"), "Descriptor 4999 cannot be read"),
        (("b", "--passphrase-file", "passphrase", "--passphrase-fd", "3"), "exclude each other"),
        (("b", "--passphrase-file", "passphrase", "--no-passphrase"), "exclude each other"),
        (("nowhere/b", "--no-passphrase"), "There is no directory"),
        (("b", "--no-passphrase", "--keep", "3"), "--keep goes with --every"),
        (("b", "--no-passphrase", "--every", "6h"), "is no directory"),
        ((".", "--no-passphrase", "--every", "1s"), "at least 60 seconds"),
        ((".", "--no-passphrase", "--every", "often"), "--every:"),
        ((".", "--no-passphrase", "--every", "6h", "--keep", "0"), "at least one backup is kept"),
    ],
)
def test_what_is_refused(
    run: Shell,
    passphrase: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    sentence: str,
) -> None:
    """17.2.2, 17.4.1: one sentence, before anything is asked or written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "open").write_text("a passphrase")
    (tmp_path / "open").chmod(0o644)
    for name, text in (("empty", "\n"), ("short", "abc")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    code, out, err = run("cluster", "backup", *words)
    assert code in (1, 2) and sentence in err and not out and err.count("\n") == 1
    assert run.manager.taken == 0 and not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (
            CallFailed("UNIMPLEMENTED", "x"),
            "This cluster cannot do that: this manager cannot be backed up so",
        ),
        (CallFailed("UNAVAILABLE", "this manager is behind"), "this manager is behind"),
        (Unreachable("nobody there"), "nobody there"),
        (None, "is cut off"),
    ],
)
def test_a_manager_that_gives_none(
    run: Shell, passphrase: Path, tmp_path: Path, failure: Exception | None, sentence: str
) -> None:
    """17.2.1: one sentence, and no file, not even half of one."""
    run.manager.failure, run.manager.breaks_off = failure, failure is None
    code, out, err = run("cluster", "backup", tmp_path / "b", "--passphrase-file", passphrase)
    assert (code, out) == (1, "") and sentence in err
    assert {found.name for found in tmp_path.iterdir()} == {"passphrase"}


def test_without_a_leader(run: Shell, passphrase: Path, tmp_path: Path) -> None:
    """17.1.2: nobody can say what was acknowledged; what this manager has is taken only where it was asked for."""
    run.manager.leads = False
    words = ("cluster", "backup", tmp_path / "b", "--passphrase-file", passphrase)
    code, out, err = run(*words)
    assert (code, out) == (1, "") and "has no leader; --as-it-is backs up what this manager has." in err
    assert run(*words, "--as-it-is")[0] == 0 and (tmp_path / "b").exists()


def test_a_level_below_the_highest(run: Shell, tmp_path: Path) -> None:
    """17.1.3: a backup gives everything away."""
    code, _, err = run("--level", "2", "cluster", "backup", tmp_path / "b", "--no-passphrase")
    assert code == 1 and "it needs level 3 (impact)" in err
    code, _, err = run("--level", "2", "cluster", "restore", tmp_path / "b")
    assert code == 1 and "it needs level 3 (impact)" in err


def test_a_restore_that_is_refused(run: Shell, passphrase: Path, tmp_path: Path) -> None:
    """17.3.1: wrong file, wrong passphrase, cut or changed file, a machine in a cluster: one sentence, nothing touched."""
    good, state = tmp_path / "b", tmp_path / "state"
    run("cluster", "backup", good, "--passphrase-file", passphrase)
    data = good.read_bytes()
    (tmp_path / "cut").write_bytes(data[:-9])
    (tmp_path / "changed").write_bytes(data[:-9] + bytes((data[-9] ^ 1,)) + data[-8:])
    (tmp_path / "other").write_text("not a backup\n")
    (tmp_path / "wrong").write_text("another passphrase\n")
    (tmp_path / "wrong").chmod(0o600)
    for name, key, sentence in (
        ("cut", passphrase, "is cut off"),
        ("changed", passphrase, "is damaged"),
        ("other", passphrase, "is no backup of a swarm"),
        ("nowhere", passphrase, "cannot be read: No such file or directory"),
        ("b", tmp_path / "wrong", "does not open with this passphrase"),
        # It opens, but what is in it is no state of a cluster.
        ("b", passphrase, "Nothing was restored: "),
    ):
        code, out, err = run(
            "cluster", "restore", tmp_path / name, "--passphrase-file", key, "--state-dir", state
        )
        assert code == 1 and not out and sentence in err and err.count("\n") == 1, (name, err)
        assert (
            {path.name for path in state.iterdir()} <= {"up.lock", "agentd.pid"} if state.exists() else True
        )
    (state / "raft").mkdir(parents=True, exist_ok=True)
    (state / "raft" / "x").touch()
    code, _, err = run("cluster", "restore", good, "--passphrase-file", passphrase, "--state-dir", state)
    assert code == 1 and "holds the node of a cluster already; nothing was changed" in err


async def scheduled(manager: Manager, directory: Path, hours: float, *, keep: int = 3) -> None:
    """Six-hourly backups for so long."""
    work = asyncio.ensure_future(
        backup._on_schedule(manager.cluster, directory, None, pause_s=6 * HOUR_S, keep=keep)
    )
    for _ in range(round(hours * 2) + 1):
        await manager.clock.advance(HOUR_S / 2)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


async def test_on_a_schedule(tmp_path: Path) -> None:
    """17.4.1, 17.4.2: one at once, then every six hours, the newest three stay and no other file goes; a new run goes on where the last ended."""
    manager = Manager()
    (tmp_path / "swarm-other-20200101T000000Z.backup").touch()
    await scheduled(manager, tmp_path, 24.5)
    assert manager.taken == 5
    kept = backup_files.kept_of(tmp_path, "c1")
    assert len(kept) == 3 and len(list(tmp_path.iterdir())) == 4
    await scheduled(manager, tmp_path, 1)
    assert manager.taken == 5
    await scheduled(manager, tmp_path, 6)
    assert manager.taken == 6 and kept[0] not in backup_files.kept_of(tmp_path, "c1")


async def test_a_schedule_goes_on_over_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """17.4.3: what fails is told and tried again each minute, and removes nothing; what can never succeed ends it."""
    manager = Manager()
    await scheduled(manager, tmp_path, 0)
    manager.clock.skip(6 * HOUR_S)
    manager.failure = Unreachable("nobody there")
    await scheduled(manager, tmp_path, 1)
    assert "No backup was made: nobody there; trying again." in capsys.readouterr().err
    assert len(backup_files.kept_of(tmp_path, "c1")) == 1
    manager.failure = CallFailed("UNIMPLEMENTED", "x")
    with pytest.raises(CallFailed):
        await backup._on_schedule(manager.cluster, tmp_path, None, pause_s=6 * HOUR_S, keep=3)


async def test_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """17.4.2: a newest backup of the future puts off the next by one pause at most."""
    manager = Manager()
    (tmp_path / backup_files.name_of("c1", manager.clock.wall_ns() + 10**18)).touch()
    await scheduled(manager, tmp_path, 6.5)
    assert manager.taken == 1


def test_a_file_that_appears_meanwhile(tmp_path: Path) -> None:
    """17.2.5: it is not written over."""
    path = tmp_path / "b"
    with pytest.raises(Failure, match="not written over"), backup_files.fresh(path) as file:
        file.write(b"ours")
        path.write_text("theirs")
    assert path.read_text() == "theirs" and len(list(tmp_path.iterdir())) == 1
