"""A machine as its operator has it: a state directory, and the commands that are typed there, with real daemons."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from swarm_core.client import node_directory

from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.looks import rows
from swarm_testkit.programs import TUI, Outcome, run


class Machine:
    """A state directory, and the commands of a person at it, of the version that is installed there."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.program: Sequence[str] = TUI
        self.address = f"127.0.0.1:{free_port()}"

    @property
    def socket(self) -> Path:
        return self.state / "control.sock"

    def say(self, *words: str) -> Outcome:
        """Run a command on this machine's node."""
        return run((*self.program, *words, "--state-dir", str(self.state)))

    def done(self, *words: str) -> str:
        """Run a command that must succeed; what it printed."""
        outcome = self.say(*words)
        assert outcome.code == 0, outcome.err
        return outcome.out

    def refused(self, *words: str) -> str:
        """Run a command that must fail; its sentence."""
        outcome = self.say(*words)
        assert outcome.code == 1 and not outcome.out and "Traceback" not in outcome.err, outcome
        return outcome.err

    def init(self, *flags: str) -> str:
        return self.done("cluster", "init", "--listen-addr", self.address, "--executor", "process", *flags)

    def ask(self, *words: str) -> str:
        """Ask this machine's manager."""
        outcome = run((*self.program, "--socket", str(self.socket), *words))
        assert outcome.code == 0, outcome.err
        return outcome.out

    def token(self, role: str) -> str:
        return self.ask("cluster", "join-token", "-q", role).strip()

    def nodes(self) -> list[dict[str, str]]:
        return rows(self.state / "control.sock", "node", "ls")

    def process(self) -> int | None:
        """The daemon that runs here."""
        holder = node_directory.holder(self.state)
        return holder.process.pid if holder and holder.process else None

    def kill(self) -> None:
        """kill -9 of the daemon; its manager ends by itself."""
        pid = self.process()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.process() is None, what="the end of the daemon")
        wait_until(
            lambda: node_directory.left_over_manager(self.state) is None, what="the end of the manager"
        )

    @property
    def role(self) -> str:
        name = node_directory.role(self.state)
        return name[1] if name else ""

    def files(self) -> set[str]:
        return {path.name for path in self.state.iterdir()} if self.state.exists() else set()

    def work(self, manager: "Machine") -> None:
        """Join as a worker that runs processes."""
        join = ("cluster", "join", manager.address, "--executor", "process", "--listen-addr", self.address)
        self.done(*join, "--token", manager.token("worker"))

    def destroy(self) -> None:
        """End everything that belongs to it, by force."""
        Daemon(self.state).destroy()


@contextmanager
def several(*names: str) -> Iterator[tuple[Machine, ...]]:
    """Machines in one private directory, gone afterwards with everything on them."""
    with private_directory() as directory:
        found = tuple(Machine(directory / name) for name in names)
        try:
            yield found
        finally:
            for machine in found:
                machine.destroy()
