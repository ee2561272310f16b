"""This machine as the doctor sees it: what stands in the way now, and what a node needs before it starts."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from swarm_tui.doctor import machine as of_machine
from swarm_tui.doctor import starting
from swarm_tui.doctor.model import Finding


@dataclass(frozen=True, slots=True)
class Here:
    """What was seen of it."""

    machine: of_machine.Machine
    start: starting.Start | None
    """None where no node can run."""


def look(environ: Mapping[str, str] = os.environ) -> Here:
    """What is so here now; takes seconds where something hangs. Raises ValueError for a socket's name that is none."""
    machine = of_machine.this_machine(environ)
    return Here(machine, starting.look() if machine.is_linux else None)


def findings(here: Here, now_ns: int) -> Iterator[Finding]:
    """All of them."""
    yield from of_machine.findings(here.machine, now_ns)
    if here.start is not None:
        yield from starting.findings(here.start)
