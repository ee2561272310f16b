"""Plays chapters of the day on both sides."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from subprocess import CompletedProcess

from swarm_testkit.daemons import wait_until
from swarm_testkit.docker_day.compare import Difference, differences
from swarm_testkit.docker_day.known import Row, unexplained
from swarm_testkit.docker_day.script import Step
from swarm_testkit.docker_day.sides import Side

WAIT_S = 120
SAME_S = 60
_RACE = b"update out of sequence"


@dataclass(slots=True)
class Played:
    """`lines` are the commands that were compared."""

    lines: list[str] = field(default_factory=list)
    found: list[Difference] = field(default_factory=list)


def play(sides: tuple[Side, Side], steps: Iterable[Step], known: Iterable[Row]) -> Played:
    """Every step on both sides at a time. What is read is read again until the two agree, but for what is known; a change is made once."""
    table, played = list(known), Played()
    with ThreadPoolExecutor(2) as pool:
        for step in steps:
            if step.until is not None:
                waits = [pool.submit(_waited, side, step) for side in sides]
                ours, theirs = (one.result() for one in waits)
                if ours or theirs:
                    played.found.append(Difference(step.line, "wait", ours or "done", theirs or "done"))
                continue
            played.lines.append(step.line)
            played.found += _compared(pool, sides, step, table)
    return played


def _compared(
    pool: ThreadPoolExecutor, sides: tuple[Side, Side], step: Step, table: list[Row]
) -> list[Difference]:
    last: list[list[Difference]] = []

    def agree() -> bool:
        ours, theirs = pool.map(lambda side: _said(side, step), sides)
        last[:] = [differences(step.line, ours, theirs)]
        return not unexplained(last[0], table)

    if not step.is_read:
        agree()
        return last[0]
    try:
        wait_until(agree, seconds=SAME_S, what=step.line)
    except TimeoutError:
        pass  # what they still differ in is the result
    return last[0]


def _said(side: Side, step: Step) -> CompletedProcess[bytes]:
    """The command's end. What orchestrators write makes old a version that the command has read: it is given again."""

    def done() -> CompletedProcess[bytes] | None:
        (command,) = step.commands
        found = side.run(command, step.stdin)
        return None if _RACE in found.stderr else found

    said = wait_until(done, seconds=WAIT_S, what=f"{step.line} on {side.name}")
    assert said is not None
    return said


def _waited(side: Side, step: Step) -> str:
    """What the side said last; nothing when it came to what was waited for."""
    seen: list[str] = []

    def is_so() -> bool:
        ends = [side.run(command) for command in step.commands]
        seen[:] = [
            f"{end.returncode} {end.stdout.decode(errors='replace')}{end.stderr.decode(errors='replace')}"
            for end in ends
        ]
        printed = " ".join(ends[-1].stdout.decode(errors="replace").split())
        return all(end.returncode == 0 for end in ends) and printed == step.until

    try:
        wait_until(is_so, seconds=WAIT_S, what=step.line)
    except TimeoutError:
        return " ".join(seen)
    return ""
