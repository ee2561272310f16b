"""Rounds with real processes (docs/design/simulation.md, "Real rounds"): one short one in each run, and what they are drawn from."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from swarm_testkit.host import lacking
from swarm_testkit.rounds import ledger
from swarm_testkit.rounds.field import missing_parts
from swarm_testkit.rounds.play import play

ROOT = Path(__file__).parents[2]
SHORT = 19
"""A round in which a machine is killed and started again."""


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_one_round() -> None:
    """Faults come and go on a real cluster, and nothing is found."""
    if lack := missing_parts("plain"):
        lacking(lack)
    played = await play("plain", [SHORT])
    assert not played.findings, played.findings
    assert played.faults and played.operations > 20


def test_the_ledger_of_the_repository() -> None:
    """It can be read, and no round is counted twice."""
    sittings = ledger.read(ROOT / "benchmarks" / "rounds.jsonl")
    rounds = [(one.kind, one.first + at) for one in sittings for at in range(one.count)]
    assert len(rounds) == len(set(rounds))


def test_its_command_says_what_it_lacks() -> None:
    """A kind and a time are asked for in one sentence."""
    command = (sys.executable, str(ROOT / "benchmarks" / "rounds.py"))
    for words, said in (((), "say for how long"), (("--round", "3"), "say the kind of the round")):
        told = subprocess.run((*command, *words), capture_output=True, text=True, env=os.environ, check=False)
        assert told.returncode == 2 and said in told.stderr
    told = subprocess.run((*command, "--told"), capture_output=True, text=True, check=False)
    assert told.returncode == 0 and "rounds of" in told.stdout
