"""The recorder: what the mirror is told is written by a thread, whatever ends it (docs/design/journal.md 3)."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from swarm_core.client.managers import Managers
from swarm_core.client.watch import Action, Change, Changed, Listed, Update
from swarm_testkit.cluster_fake import START_NS
from swarm_testkit.factories import make_cluster, make_service
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.journal.file import JournalFile
from swarm_tui.journal.recorder import Recorder
from swarm_tui.journal.sessions import opened_tape
from swarm_tui.journal.tape import Tape
from swarm_tui.journal.writer import Writer

WAIT_S = 30.0


class _Clock:
    def __init__(self) -> None:
        self.now_ns = START_NS

    def wall_ns(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns


def _scaled(replicas: int) -> Changed:
    service = make_service("s", name="web", replicas=replicas)
    service.meta.version.index = replicas
    return Changed((Change(Action.UPDATED, service),), replicas)


def test_what_the_mirror_is_told_is_written(tmp_path: Path) -> None:
    """Every update that the mirror takes is in the cluster's own journal, in its order."""
    clock = _Clock()
    mirror, recorder = Mirror(clock), Recorder(tmp_path, clock, title="test", gather_s=0.01)
    mirror.record_to(recorder.note)
    mirror.apply(Listed((make_cluster("abc"), make_service("s", name="web", replicas=1)), 1))
    for replicas in range(2, 30):
        mirror.apply(_scaled(replicas))
    assert recorder.flushed(WAIT_S)
    assert recorder.path == tmp_path / "abc.journal"
    tape = Tape(JournalFile.open_for_reading(recorder.path))
    seen = [new.spec.replicated.replicas for _, _, _, new, _ in tape.walk(0, 1 << 62)]
    assert seen == list(range(2, 30))
    recorder.close()
    assert tape.file.meta() == {"title": "test", "cluster": "abc"}


def test_the_rest_is_written_at_the_end(tmp_path: Path) -> None:
    """Closing writes what still waits, and what comes afterwards is nobody's."""
    clock = _Clock()
    recorder = Recorder(tmp_path, clock, gather_s=3600)
    recorder.note(Listed((make_cluster("abc"), make_service("s", name="web", replicas=1)), 1))
    recorder.flushed(WAIT_S)
    recorder.note(_scaled(7))
    recorder.close()
    recorder.note(_scaled(8))
    tape = Tape(JournalFile.open_for_reading(tmp_path / "abc.journal"))
    assert [new.spec.replicated.replicas for _, _, _, new, _ in tape.walk(0, 1 << 62)] == [7]


def test_what_a_slow_disk_leaves_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who rewinds while the last changes are still to be written hears that they are missing, and the next time does not."""
    may_write, said = threading.Event(), list[str]()
    recorder = Recorder(tmp_path, _Clock(), tell=said.append, gather_s=0.01)
    recorder.note(Listed((make_cluster("abc"), make_service("s", name="web", replicas=1)), 1))
    assert recorder.flushed(WAIT_S)
    take = Writer.take

    def slow(self: Writer, batch: Iterable[tuple[int, Update | Managers]]) -> None:
        may_write.wait(WAIT_S)
        take(self, batch)

    monkeypatch.setattr(Writer, "take", slow)
    recorder.note(_scaled(5))
    with closing(opened_tape(recorder, wait_s=0).file):
        assert [text.partition(":")[0] for text in said] == ["The disk is slow"]
    may_write.set()
    with closing(opened_tape(recorder, wait_s=WAIT_S).file):
        assert len(said) == 1
    recorder.close()


def test_another_cluster_has_another_file(tmp_path: Path) -> None:
    """When another cluster answers on the socket, its changes go to its own journal."""
    clock = _Clock()
    recorder = Recorder(tmp_path, clock, gather_s=0.01)
    for name in ("one", "two"):
        recorder.note(Listed((make_cluster(name), make_service("s", name=name, replicas=1)), 1))
    assert recorder.flushed(WAIT_S)
    recorder.close()
    for name in ("one", "two"):
        file = JournalFile.open_for_reading(tmp_path / f"{name}.journal")
        services = [r.object() for r in file.keyframe(file.generations()[0].id) if r.number == 2]
        assert [service.spec.annotations.name for service in services] == [name]


def test_a_place_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    """Without a place to write the person is told once, and the rest of the program goes on."""
    blocked = tmp_path / "file"
    blocked.write_text("no directory")
    said: list[str] = []
    recorder = Recorder(blocked / "journals", _Clock(), tell=said.append, gather_s=0.01)
    for _ in range(3):
        recorder.note(Listed((make_cluster("abc"),), 1))
        recorder.flushed(WAIT_S)
    recorder.close()
    assert len(said) == 1 and "Nothing is recorded" in said[0]


def test_a_killed_program_loses_nothing_that_was_written(tmp_path: Path) -> None:
    """After kill -9 the journal is whole: it opens, and ends with what was last written."""
    script = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parents[3])!r})
        from pathlib import Path
        from swarm_core.client.watch import Action, Change, Changed, Listed
        from swarm_core.runtime.clock import SystemClock
        from swarm_testkit.factories import make_cluster, make_service
        from swarm_tui.journal.recorder import Recorder
        recorder = Recorder(Path({str(tmp_path)!r}), SystemClock(), gather_s=0.001)
        recorder.note(Listed((make_cluster("abc"), make_service("s", name="web", replicas=1)), 1))
        for replicas in range(2, 1_000_000):
            service = make_service("s", name="web", replicas=replicas)
            service.meta.version.index = replicas
            recorder.note(Changed((Change(Action.UPDATED, service),), replicas))
            if replicas % 10 == 0:
                recorder.flushed(30)
                print(replicas, flush=True)
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        written = 0
        for line in program.stdout:
            written = int(line)
            if written >= 300:
                break
        os.kill(program.pid, signal.SIGKILL)
        rest = program.stdout.read().split()
        written = max([written, *map(int, rest)])
    path = tmp_path / "abc.journal"
    file = JournalFile.create_or_open(path)
    seen = [new.spec.replicated.replicas for _, _, _, new, _ in Tape(file).walk(0, 1 << 62)]
    assert seen[-1] >= written and seen == sorted(set(seen))
    file.close()
