"""The limit of a simulation, which is one of work and not of waiting."""

import shutil
import subprocess
import sys
from pathlib import Path

_TESTS = """
import time

def test_turns():
    while True:
        pass

def test_waits():
    time.sleep(3)
"""


def test_work_is_limited_and_not_time(tmp_path: Path) -> None:
    """A test that works for longer than the limit is ended; one that is kept from work for longer than that is not."""
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_two.py").write_text(_TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\ntimeout = 1\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 1 passed" in run.stdout, run.stdout + run.stderr
    assert "Failed: it took more than 1 s of the processor's time" in run.stdout
