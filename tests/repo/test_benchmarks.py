"""Benchmarks and picture makers are run by people, not by tests: at least what they import is there."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = [*sorted((ROOT / "benchmarks").glob("*.py")), ROOT / "screenshots" / "make.py"]
_LOAD = """
import runpy, sys
sys.path.insert(0, {folder!r})
sys.path.insert(0, {tests!r})
runpy.run_path({path!r}, run_name="loaded")
"""


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_it_loads(path: Path) -> None:
    """All that it imports exists; nothing of it runs."""
    code = _LOAD.format(folder=str(path.parent), tests=str(ROOT / "tests"), path=str(path))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
