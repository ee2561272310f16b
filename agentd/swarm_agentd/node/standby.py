"""The manager's process before it has its orders: it is started, loads its modules and waits.

Rules (docs/design/node.md 6.4)
1. Every manager starts like this. What the daemon decides only when it starts one (the unlock key, which manager to join,
   whether to give up the others) goes through the process's standard input, as one line; so no other user sees the key.
2. A daemon that will probably need a manager starts the process before it does anything else: both load their modules at
   the same time. This module loads little for that reason.
3. A process whose standard input closes before its orders came ends at once, and says nothing.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

FLAGS = ("--until-stdin-closes", "--orders-on-stdin")


@dataclass(slots=True)
class Standby:
    """`lifeline` is the other end of its standard input, `said` of its standard output; both are plain pipes of ours, which no
    event loop closes before their time."""

    process: "subprocess.Popen[bytes]"
    lifeline: int
    said: int

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def dismiss(self) -> None:
        """It is not needed. It holds nothing yet that it would have to put away."""
        os.close(self.lifeline)
        os.close(self.said)
        self.process.kill()
        self.process.wait()


def start(flags: Sequence[str]) -> Standby:
    """Start a manager with these flags, which waits for its orders. Raises OSError."""
    with ExitStack() as ends:
        stdin, lifeline = _pipe(ends)
        said, stdout = _pipe(ends)
        process = subprocess.Popen(  # noqa: S603 - our own program, and flags that were checked
            [*manager_command(), *flags, *FLAGS], stdin=stdin, stdout=stdout, start_new_session=True
        )
        # The child has its own copies of its ends.
        ends.pop_all()
        os.close(stdin)
        os.close(stdout)
    return Standby(process, lifeline, said)


def start_early(flags: Sequence[str]) -> Standby | None:
    """`start`, for a manager that is only probably needed: when it cannot be had now, the launcher will say why."""
    with suppress(OSError):
        return start(flags)
    return None


def is_likely(state_dir: Path, *, founds: bool) -> bool:
    """Whether the node of this state directory will be a manager, as far as the names of its files tell: one with an identity
    was a manager before, one without becomes one where it `founds` a cluster. What is wrong with the directory is said elsewhere."""
    try:
        if (state_dir / "certificates" / "swarm-node.crt").exists():
            return (state_dir / "raft").is_dir()
    except OSError:
        return False
    return founds


def manager_command() -> list[str]:
    """How to run the manager: the command installed beside this program, else the module of the same name."""
    beside = Path(sys.executable).parent / "swarm-managerd"
    if os.access(beside, os.X_OK):
        return [str(beside)]
    return [sys.executable, "-m", "swarm_core.managerd.main"]


def _pipe(ends: ExitStack) -> tuple[int, int]:
    """The ends for reading and writing, closed with `ends`."""
    reading, writing = os.pipe()
    ends.callback(os.close, reading)
    ends.callback(os.close, writing)
    return reading, writing
