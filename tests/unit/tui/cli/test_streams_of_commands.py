"""Every command with a full disk, nobody, or nothing behind its output: no traceback, and the right exit code."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from swarm_core.client.cluster import Cluster
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine, Outcome
from swarm_testkit.every_command import WORDS
from swarm_testkit.hostile_text import hostile_cluster
from swarm_tui.cli import main
from swarm_tui.cli.plumbing.session import Globals
from swarm_tui.cli.plumbing.streams import READER_GONE

_OUT, _ERR = 1, 2
_RAISED = 99


def onto_a_full_disk() -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), _OUT)


def into_a_pipe_that_nobody_reads() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    os.dup2(writes, _OUT)


def into_nothing() -> None:
    os.close(_OUT)


def run_apart(fake: FakeCluster, words: list[str], prepare: Callable[[], None]) -> Outcome:
    """The command in a process of its own, which begins with the cluster as it is here; what it says on standard error."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reads)
        os._exit(_child(fake, words, prepare, writes))
    os.close(writes)
    with open(reads, encoding="utf-8") as said:
        told = said.read()
    return Outcome(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "", told)


def _child(fake: FakeCluster, words: list[str], prepare: Callable[[], None], err: int) -> int:
    async def connect() -> Cluster:
        return Cluster(fake, clock=fake.clock, target="fake")

    os.dup2(err, _ERR)
    prepare()
    sys.stderr = os.fdopen(_ERR, "w", closefd=False)
    # As Python does at its start: a stream that is closed is none.
    sys.stdout = None if prepare is into_nothing else os.fdopen(_OUT, "w", closefd=False)  # type: ignore[assignment]
    try:
        main.main(words, given=Globals(connect=connect))
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:  # noqa: BLE001 - a process of its own tells what ended it
        traceback.print_exc()
        sys.stderr.flush()
    return _RAISED


FULL = "Error: Input or output failed: No space left on device.\n"
CLOSED = "Error: Input or output failed: Bad file descriptor.\n"


@pytest.mark.parametrize("name", WORDS)
def test_every_command(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What prints something fails with one sentence where it cannot, and ends silently where nobody reads; what prints nothing does not notice."""
    file = tmp_path / "file"
    file.write_text("content")
    words = [*name.split(), *(str(file) if word == "FILE" else word for word in WORDS[name][0])]
    normal = CommandLine(hostile_cluster("x"), capsys)(*words)
    for prepare, code, sentence in (
        (onto_a_full_disk, 1, FULL),
        (into_a_pipe_that_nobody_reads, READER_GONE, ""),
        (into_nothing, 1, CLOSED),
    ):
        done = run_apart(hostile_cluster("x"), words, prepare)
        assert "Traceback" not in done.err and "Exception ignored" not in done.err, (
            prepare.__name__,
            done.err,
        )
        if normal.out:
            assert (done.code, done.err.removeprefix(normal.err)) == (code, sentence), prepare.__name__
        else:
            assert (done.code, done.err) == (normal.code, normal.err), prepare.__name__
