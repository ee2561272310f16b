"""The limit of a test that happens in one process is one of work and not of waiting."""

import os
import subprocess
import sys
from pathlib import Path

_CONFTEST = """
from swarm_testkit.limits import processor_limit as processor_limit
from swarm_testkit.limits import pytest_collection_modifyitems as pytest_collection_modifyitems
from swarm_testkit.limits import pytest_timeout_set_timer as pytest_timeout_set_timer
"""
_WORKS = """
import time, pytest

def test_turns():
    while True:
        pass

@pytest.mark.timeout(2)
def test_turns_for_longer():
    while True:
        pass

def test_waits(request):
    assert request.node.get_closest_marker("timeout").args == (241,)
    time.sleep(3)
"""
_STARTS = """
import asyncio, time

def test_waits_in_a_loop_that_takes_the_interruption_for_its_own():
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        loop.call_soon(time.sleep, 1.5)
        await loop.create_future()

    asyncio.run(main())

def test_waits():
    time.sleep(600)
"""


def test_work_is_limited_and_not_time(tmp_path: Path) -> None:
    """Who works for longer than the limit is ended; who is kept from work for longer than that is not, but not for ever either.

    Where programs are started the limit is what it was. A loop that swallows the first interruption is ended by the second.
    """
    (tmp_path / "pytest.ini").write_text("[pytest]\ntimeout = 1\n")
    for folder, text in (("unit", _WORKS), ("integration", _STARTS)):
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / f"test_{folder}.py").write_text(text)
    (tmp_path / "tests" / "conftest.py").write_text(_CONFTEST)
    kit = str(Path(__file__).parents[1])
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": kit},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 failed, 1 passed" in run.stdout, run.stdout + run.stderr
    for limit in ("1 s", "2 s"):
        assert f"Failed: it took more than {limit} of the processor's time" in run.stdout
    assert "Timeout (>1.0s) from pytest-timeout" in run.stdout
