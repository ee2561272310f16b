"""The `docker` command at a socket of ours, for tests."""

import os
import shutil
import subprocess

from swarm_testkit.daemons import Daemon, wait_until
from swarm_testkit.host import lacking

START_S = 120.0


class Docker:
    """The command, with what it is told before each subcommand; `program` is which of them, where the machine has several."""

    def __init__(self, *before: str, program: str = "docker") -> None:
        if shutil.which(program) is None:
            lacking("docker is not installed")
        self._command = (program, *before)

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Whatever becomes of it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
        return subprocess.run(
            [*self._command, *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
            env=kept,
        )

    def output(self, *arguments: str, stdin: bytes = b"") -> str:
        """What it prints; it must go well."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def change(self, *arguments: str, stdin: bytes = b"") -> str:
        """What a change prints; it must go well, if not at once."""
        done = self._settled(arguments, stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def refusal(self, *arguments: str) -> str:
        """Why it fails."""
        done = self._settled(arguments, b"")
        assert done.returncode in (1, 125)
        return done.stderr.decode().strip()

    def _settled(self, arguments: tuple[str, ...], stdin: bytes) -> subprocess.CompletedProcess[bytes]:
        """Tried again while somebody else is faster: what orchestrators and nodes write makes old a version that was read."""

        def tried() -> subprocess.CompletedProcess[bytes] | None:
            done = self.run(*arguments, stdin=stdin)
            return None if b"update out of sequence" in done.stderr else done

        found = wait_until(tried, seconds=START_S, what=" ".join(arguments))
        assert found is not None
        return found


def until_it_answers(docker: Docker, node: Daemon, address: str = "127.0.0.1") -> None:
    """Return when the node, at this address, is a manager to the command."""

    state = "{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}} {{.Swarm.Nodes}} {{.Swarm.NodeAddr}}"

    def is_manager() -> bool:
        done = docker.run("info", "--format", state)
        return done.returncode == 0 and done.stdout.decode().strip() == f"active true 1 {address}"

    try:
        wait_until(is_manager, seconds=START_S, what="the node answers docker")
    except TimeoutError as error:
        error.add_note(node.tail())
        raise


def programs_since(major: int = 0) -> list[str]:
    """The docker commands of this machine that are of this version or newer, the oldest first."""
    found: list[str] = []
    numbers: dict[str, int] = {}
    for directory in os.get_exec_path():
        program = os.path.join(directory, "docker")
        if os.access(program, os.X_OK) and os.path.realpath(program) not in map(os.path.realpath, found):
            done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
            number = done.stdout.removeprefix("Docker version ").partition(".")[0]
            if number.isdecimal() and int(number) >= major:
                found.append(program)
                numbers[program] = int(number)
    return sorted(found, key=numbers.__getitem__)
