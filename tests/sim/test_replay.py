"""The same seed plays the same run, whatever else this process or another one does."""

import os
import subprocess
import sys
from pathlib import Path

from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.replay import simulate

_ROOT = Path(__file__).resolve().parents[2]
_SEED = 6


def test_same_seed_same_trace() -> None:
    """Two runs of a seed in one process leave the same trace; another seed leaves another."""
    first = simulate(_SEED)
    other = simulate(_SEED + 1)
    assert simulate(_SEED).digest == first.digest
    assert other.digest != first.digest


def test_same_trace_in_another_process() -> None:
    """A process with another seed of string hashes plays the same trace: the replay command shows what failed."""
    command = [sys.executable, str(_ROOT / "benchmarks" / "sim.py"), "--only", str(_SEED)]
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=600)
    outcome = simulate(_SEED)
    assert f"trace {outcome.digest}" in run.stdout


def test_plan_follows_from_the_seed() -> None:
    """A plan is drawn from the seed alone."""
    assert Plan.of(7) == Plan.of(7)
    assert len({Plan.of(seed).faults for seed in range(20)}) > 10
