"""What tests that were killed leave behind goes with the next ones."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_testkit.daemons import private_directory, wait_until
from swarm_testkit.engines import end_engines_of_killed_tests

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.timeout(180)]
_KILLED = """
import os, signal, sys
from pathlib import Path
from swarm_testkit.daemons import private_directory, wait_until
from swarm_testkit.engines import Engine
engine = Engine(Path(sys.argv[1]))
engine.create()
print(engine.network_path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """Short: containerd's sockets lie in it."""
    with private_directory() as path:
        yield path


def test_an_engine_ends_after_the_test_that_was_killed(place: Path) -> None:
    """Its namespace is gone, and nothing runs with its directory or is mounted there any more; engines of tests that live are left alone."""
    kit = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    words = [sys.executable, "-c", _KILLED, str(place)]
    made = subprocess.run(words, capture_output=True, text=True, check=False, env=kit)
    assert made.stdout, made.stderr
    namespace = Path(made.stdout.strip())
    # Tests beside this one that begin an engine do the same.
    end_engines_of_killed_tests()
    wait_until(lambda: not namespace.exists(), what="the end of the namespace")
    wait_until(lambda: not _left(place), what="the end of its processes")
    wait_until(lambda: f"{place}/" not in Path("/proc/mounts").read_text(), what="the end of its mounts")


def _left(directory: Path) -> list[str]:
    own = f"{directory}/".encode()
    return [
        entry.name for entry in Path("/proc").iterdir() if entry.name.isdecimal() and own in _words(entry)
    ]


def _words(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""
