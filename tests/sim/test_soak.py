"""The samples of long runs: what counts as growth, and their picture; and that the script plays a short run on what the last one left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest
from swarm_testkit.daemons import wait_until
from swarm_testkit.soak import Latencies, Sample, drawn, grown, read

ROOT = Path(__file__).parents[2]
STEADY = Sample(1, "changes", 0.0, 90 << 20, 60 << 20, 50, 64 << 20, 100, 0, 1.5, 4.0, 0.5)


def run(count: int, **more: float) -> list[Sample]:
    """So many samples; each of `more` grows by that much a sample."""
    found = []
    for number in range(count):
        values = {name: getattr(STEADY, name) + number * each for name, each in more.items()}
        found.append(replace(STEADY, at_s=10.0 * number, **values))
    return found


def test_what_grows_is_told() -> None:
    """Memory, disk, descriptors and latencies, each by itself; what stays says nothing, and too little is no run."""
    assert grown(run(30)) == []
    assert grown(run(5, manager_bytes=50 << 20)) == []
    assert "the manager's memory: 104 MiB, then 114 MiB" not in grown(run(30, manager_bytes=1 << 10))
    for name, each, told in (
        ("manager_bytes", 4 << 20, "the manager's memory"),
        ("daemon_bytes", 4 << 20, "the daemon's memory"),
        ("descriptors", 1, "descriptors"),
        ("disk_bytes", 30 << 20, "disk"),
        ("p50_ms", 100.0, ""),
    ):
        found = grown(run(30, **{name: each}))
        assert bool(found) == bool(told) and all(one.startswith(told) for one in found), name
    slow = [replace(one, p50_ms=9.0) if one.at_s >= 200 else one for one in run(30)]
    assert grown(slow) == ["latency: 1.5 ms, then 9 ms"]


def test_latencies_begin_anew() -> None:
    """Each sample has those since the last one."""
    held = Latencies()
    for number in range(100):
        held.add(number / 1000)
    assert held.taken() == (50.0, 99.0)
    assert held.taken() == (0.0, 0.0)


def test_the_picture_has_every_run() -> None:
    """A panel for each kind of figure, a line a run; runs follow one another."""
    picture = drawn([*run(6), *(replace(one, run=2, what="day") for one in run(6))])
    root = ElementTree.fromstring(picture)
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}polyline")) == 2 * 7
    assert [one.text for one in root.iter(f"{space}text") if one.text and one.text.startswith("run 2")] == [
        "run 2: day"
    ] * 5
    ElementTree.fromstring(drawn([]))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_short_runs_on_one_state(tmp_path: Path) -> None:
    """Four hours of an ordinary day in a second, of which the last loses nodes, then a few seconds of changes on what it left, then the picture of both."""
    state = tmp_path / "state"
    command = [sys.executable, str(ROOT / "benchmarks" / "soak.py")]
    # A run has few samples however long a busy machine takes for it: nothing can grow in it.
    small = ["--state", str(state), "--sample-s", "5", "--agents", "3"]
    for words in (
        ["day", "--hours", "4", "--minutes", "0.01"],
        ["changes", "--minutes", "0.1", "--tasks", "5", "--rate", "40"],
    ):
        done = subprocess.run(
            [*command, *words, *small], capture_output=True, text=True, check=False, env=os.environ
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "grew: nothing" in done.stdout
    samples = read(state / "samples.jsonl")
    assert {(one.run, one.what) for one in samples} == {(1, "day"), (2, "changes")}
    assert samples[-1].changes > 10 and samples[-1].failed == 0
    picture = tmp_path / "soak.svg"
    subprocess.run([*command, "plot", "--state", str(state), "--to", str(picture)], check=True)
    assert "run 2: changes" in picture.read_text()
    assert json.loads((state / "samples.jsonl").read_text().splitlines()[0])["run"] == 1


def _left(state: Path) -> list[str]:
    """The processes that belong to a state."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(str(state) in word for word in process.cmdline()):
                found.append(" ".join(process.cmdline()))
    return found


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_what_ends_too_early(tmp_path: Path) -> None:
    """Agents that die are told at once. SIGTERM ends a run as it begins, and as if its time were over while it lasts. Each time
    no process is left, and the next run takes the state over."""
    state, errors = tmp_path / "state", tmp_path / "errors"
    samples = state / "samples.jsonl"

    def ended(*words: str, at: Callable[[], object]) -> tuple[int, str, str]:
        command = [sys.executable, str(ROOT / "benchmarks" / "soak.py"), "changes", "--state", str(state)]
        with errors.open("w") as file:
            process = subprocess.Popen(
                [*command, "--tasks", "5", "--rate", "20", "--sample-s", "0.3", *words],
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        try:
            wait_until(lambda: at() or process.poll() is not None, seconds=150, what="the moment to end it")
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            said = process.communicate()[0]
        finally:
            process.kill()
            process.wait()
        # What was killed last may take a moment to go.
        wait_until(lambda: not _left(state), what="the end of every process")
        return process.returncode, said, errors.read_text()

    code, _, error = ended("--agents", "0", at=lambda: False)
    assert code == 2 and "a process of agents ended with status 2" in error and "--nodes must be" in error
    code, _, error = ended("--agents", "3", at=lambda: _left(state / "s"))
    assert code == 130 and "told to end" in error and not samples.exists(), error
    code, said, error = ended("--agents", "3", at=lambda: samples.exists() and samples.read_text())
    assert code == 0 and "run 1, changes" in said, said + error
