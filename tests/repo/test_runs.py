"""How a run of tests is set up, whoever starts it and however busy the machine is."""

import itertools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from swarm_testkit import daemons
from swarm_testkit.free_ports import free_port
from swarm_testkit.pace import LEAST_S, LONGEST_S, pause_s
from swarm_testkit.run_order import engines_of, spread

_TESTS = Path(__file__).parents[1]
_RUN = """
import os, signal, subprocess, sys
from swarm_testkit.signals import let_programs_hear
let_programs_hear()
kind, number = sys.argv[1:-1], int(sys.argv[-1])
os.kill(os.getpid(), number)
if kind:  # start this again, as a run starts its workers
    again = [sys.executable, "-c", os.environ["RUN"], str(number)]
    sys.exit(subprocess.run(again).returncode)
told = f"import os; os.kill(os.getpid(), {number})"
print(subprocess.run([sys.executable, "-c", told], stderr=subprocess.DEVNULL).returncode)
"""


def test_examples_have_no_time_limit() -> None:
    """How long an example of a property takes says how busy the machine is: no test has such a limit."""
    assert settings.default is not None and settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
    own = [
        str(path)
        for path in _TESTS.rglob("*.py")
        if path != Path(__file__) and path != _TESTS / "conftest.py" and "deadline=None" in path.read_text()
    ]
    assert not own, "tests/conftest.py says it for all"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
@pytest.mark.parametrize("workers", [0, 1], ids=["itself", "worker"])
def test_programs_hear_what_a_run_ignores(number: signal.Signals, workers: int) -> None:
    """A run in the background, or under nohup, goes on where it is told to end, and so do its workers; a program that it starts is ended by
    the same signal."""
    run = [sys.executable, "-c", _RUN, *["worker"] * workers, str(int(number))]

    def ignore() -> None:
        for one in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(one, signal.SIG_IGN)

    done = subprocess.run(
        run,
        preexec_fn=ignore,
        capture_output=True,
        text=True,
        cwd=_TESTS,
        check=False,
        env={**os.environ, "RUN": _RUN},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{-number}\n", "")


def test_processes_get_different_ports() -> None:
    """Two processes of tests are never given the same port, nor one process the same twice in a row."""
    code = "from swarm_testkit.free_ports import free_port; print(*(free_port() for _ in range(50)))"
    others = [
        subprocess.Popen(
            [sys.executable, "-c", f"{code}; input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_TESTS,
        )
        for _ in range(4)
    ]
    given = [free_port() for _ in range(50)]
    for other in others:
        assert other.stdout is not None
        given += [int(number) for number in other.stdout.readline().split()]
    for other in others:
        other.communicate("\n")
    assert len(given) == len(set(given)) == 250


def test_the_order_keeps_every_test_and_ends_with_short_ones() -> None:
    """Each test is there once, each sort in its own order; those that wait stand evenly apart, and none is among the last."""
    for count in (0, 1, 7, 40):
        tests = [*range(count), *range(1000, 1400)]
        order = spread(tests, [number < 1000 for number in tests])
        assert [number for number in order if number < 1000] == [*range(count)]
        assert [number for number in order if number >= 1000] == [*range(1000, 1400)]
        places = [place for place, number in enumerate(order) if number < 1000]
        assert all(number >= 1000 for number in order[-40:])
        gaps = {after - before for before, after in itertools.pairwise(places)}
        assert not gaps or max(gaps) - min(gaps) <= 1
    assert spread([3, 1, 2], [True] * 3) == [3, 1, 2]


def test_servers_of_a_module_run_in_one_worker() -> None:
    """A module of real servers that its tests share names a group, so that each worker of a run does not start servers of its own."""
    shares = re.compile(r'scope="(module|class|session)"')
    grouped = re.compile(r"xdist_group\(|swarm_engine")
    lacking = [
        path.name
        for path in sorted((_TESTS / "integration").glob("*.py"))
        if shares.search(text := path.read_text()) and not grouped.search(text)
    ]
    assert not lacking, "pytestmark: pytest.mark.xdist_group(name)"


def test_tests_of_an_engine_run_in_one_worker(request: pytest.FixtureRequest) -> None:
    """Every collected test with a private engine is in the group of that engine."""
    for item in request.session.items:
        for name in engines_of(item):
            assert name in [mark.args[0] for mark in item.iter_markers("xdist_group")]


def test_who_waits_looks_a_fifth_of_the_time_at_most() -> None:
    """A look that costs nothing is taken often, a dear one seldom, and none later than what passes in between allows."""
    assert pause_s(0) == LEAST_S
    assert pause_s(0.05) == 4 * 0.05
    assert pause_s(60) == LONGEST_S
    assert pause_s(60, 0.1) == 0.1


def test_a_wait_pauses_by_what_its_looks_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with the first true value, and the pause after each look follows from that look alone."""
    now, pauses, costs = [100.0], [], iter([0.0, 0.05, 30.0, 0.05])

    def sleep(seconds: float) -> None:
        pauses.append(round(seconds, 6))
        now[0] += seconds

    def look() -> bool:
        now[0] += next(costs)
        return len(pauses) == 3

    monkeypatch.setattr(daemons, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    assert daemons.wait_until(look, seconds=60)
    assert pauses == [LEAST_S, 0.2, LONGEST_S]
