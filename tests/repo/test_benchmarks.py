"""Benchmarks and picture makers are run by people, not by tests: at least what they import is there."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = [*sorted((ROOT / "benchmarks").glob("*.py")), ROOT / "screenshots" / "make.py"]
# One interpreter for all: most of what they load is the same. Each sees the folder of its own, as when it is run.
_LOAD = """
import json, runpy, sys, traceback
sys.path.insert(0, {tests!r})
failed = {{}}
for folder, path in {programs!r}:
    sys.path.insert(0, folder)
    try:
        runpy.run_path(path, run_name="loaded")
    except BaseException:
        failed[path] = traceback.format_exc()
    sys.path.remove(folder)
print(json.dumps(failed))
"""


def load(*programs: Path) -> tuple[dict[str, str], str]:
    """What is wrong with each that does not load, by its path, and what loading them wrote to standard error."""
    code = _LOAD.format(
        tests=str(ROOT / "tests"), programs=[(str(path.parent), str(path)) for path in programs]
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=True
    )
    return json.loads(done.stdout), done.stderr


def test_each_loads() -> None:
    """All that they import exists; nothing of them runs."""
    assert load(*PROGRAMS) == ({}, "")


def test_one_that_imports_what_is_not_there_is_named(tmp_path: Path) -> None:
    """The others load all the same."""
    broken = tmp_path / "broken.py"
    broken.write_text("import swarm_core.not_there\n")
    failed, _ = load(PROGRAMS[0], broken, PROGRAMS[1])
    assert list(failed) == [str(broken)] and "swarm_core.not_there" in failed[str(broken)]
