"""Failed attempts grouped by how they ended (docs/design/terminal.md 11.19)."""

from collections.abc import Sequence

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.api.timestamps import timestamp
from swarm_testkit.factories import make_service, make_task
from swarm_tui.resources.fingerprints import compared, fingerprints, good_attempt

S = 1_000_000_000
START = 1_760_000_000 * S
NOW = START + 3600 * S
SERVICE = make_service("s", name="mailer")
COMMON = [f"12:00:0{n} step {n} of 11, id 9f8e7d6c{n}" for n in range(9)]


def _attempt(
    number: int, state: str, *, tag: str = "1.42", err: str = "task: non-zero exit (1)"
) -> objects_pb2.Task:
    """The attempt that began `number` minutes after the start."""
    task = make_task(
        f"t{number:02}",
        service=SERVICE,
        slot=1,
        node_id="n",
        state=state,
        status_ns=START + number * 60 * S + 5 * S,
    )
    task.meta.created_at.CopyFrom(timestamp(START + number * 60 * S))
    task.spec.container.image = f"registry/mailer:{tag}"
    task.status.err = err if state == "FAILED" else ""
    return task


def _said(number: int, *ending: str) -> Sequence[str]:
    """The common lines with other times and ids, and how it ended."""
    return [
        line.replace("12:00", f"13:{number:02}").replace("9f8e", f"{number:04}") for line in COMMON
    ] + list(ending)


def test_the_sentence() -> None:
    """Attempts that differ in numbers, times and ids alone are one group; the sentence tells how many lines were as in the good
    attempt, what came then, how many of how many, and since which change of the spec."""
    good = _attempt(0, "SHUTDOWN", tag="1.41")
    failed = [_attempt(number, "FAILED") for number in range(1, 15)]
    lines = {good.id: _said(0, "ready on port 80")}
    lines |= {task.id: _said(n, f"SMTP auth failed: 535 (try {n})") for n, task in enumerate(failed, 1)}
    (found,) = fingerprints([good, *failed], lines, NOW)
    assert found.sentence() == (
        "exit 1; same 9 lines, then “SMTP auth failed: 535 (try 14)”; 14 of 14 since image 1.41 → 1.42"
    )


def test_other_ends_are_other_groups() -> None:
    """Another cause or other last lines are another group, the largest first; running attempts of the spec are counted."""
    tasks = [
        _attempt(1, "FAILED"),
        _attempt(2, "FAILED"),
        _attempt(3, "FAILED", err="task: non-zero exit (137)"),
        _attempt(4, "FAILED"),
        _attempt(5, "RUNNING"),
    ]
    lines = {
        "t01": ["a", "no route"],
        "t02": ["b", "no route"],
        "t03": ["a", "no route"],
        "t04": ["c", "disk full"],
    }
    lines["t02"] = ["a", "no route"]
    found = fingerprints(tasks, lines, NOW)
    assert [([task.id for task in one.tasks], one.known) for one in found] == [
        (["t02", "t01"], 5),
        (["t04"], 5),
        (["t03"], 5),
    ]


def test_without_lines() -> None:
    """Where no lines are known the cause alone tells attempts apart; nothing is claimed of lines."""
    tasks = [_attempt(0, "COMPLETE", tag="1.41"), _attempt(1, "FAILED"), _attempt(2, "FAILED")]
    (found,) = fingerprints(tasks, {}, NOW)
    assert found.sentence() == "exit 1; 2 of 2 since image 1.41 → 1.42"


def test_without_a_good_attempt() -> None:
    """Where none was good there is nothing to compare with, and nothing since which it is so."""
    (found,) = fingerprints([_attempt(1, "FAILED")], {"t01": ["one", "two"]}, NOW)
    assert found.sentence() == "exit 1; “two”; 1 of 1"


def test_an_earlier_specs_failures_are_past() -> None:
    """Only attempts of the spec that failed last are grouped and counted."""
    tasks = [_attempt(1, "FAILED", tag="1.40"), _attempt(2, "FAILED"), _attempt(3, "FAILED")]
    (found,) = fingerprints(tasks, {}, NOW)
    assert ([task.id for task in found.tasks], found.known) == (["t03", "t02"], 2)


@pytest.mark.parametrize(
    ("state", "is_good"),
    [("COMPLETE", True), ("SHUTDOWN", True), ("RUNNING", True), ("FAILED", False), ("PREPARING", False)],
)
def test_what_is_good(state: str, is_good: bool) -> None:
    """What completed, was stopped or has run for a while is good; what only just runs is not yet."""
    task = _attempt(1, state)
    assert good_attempt([task], NOW) == (task if is_good else None)
    assert good_attempt([task], START + 66 * S) == (task if is_good and state != "RUNNING" else None)


def test_whose_lines_are_read() -> None:
    """Those of the attempts that failed, and of the newest good one."""
    tasks = [
        _attempt(0, "COMPLETE"),
        _attempt(1, "SHUTDOWN"),
        _attempt(2, "FAILED"),
        _attempt(3, "PREPARING"),
    ]
    assert [task.id for task in compared(tasks, NOW)] == ["t02", "t01"]


def test_none_failed() -> None:
    """A service of which nothing failed has no fingerprint."""
    assert fingerprints([_attempt(1, "RUNNING")], {}, NOW) == []
