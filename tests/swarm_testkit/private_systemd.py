"""A systemd of a user that nobody else sees: in a mount namespace of its own, with its own /run. What it starts ends with it.

It is a real service manager, of the machine's own package; the machine need not have been started by one. Needs root, for the namespace.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from swarm_testkit.daemons import private_directory, wait_until
from swarm_testkit.host import lacking
from swarm_testkit.programs import Outcome

_PROGRAM = "/lib/systemd/systemd"
_BEGIN = f"""
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /run/u && chmod 700 /run/u && exec {_PROGRAM} --user --log-target=console
"""


@dataclass(frozen=True, slots=True)
class Systemd:
    """`home` is where its user's files are; `log` gets what it and its units print."""

    pid: int
    home: Path
    log: Path

    def run(self, *words: str, seconds: float = 90) -> Outcome:
        """Run a command where this systemd is the user's."""
        ended = subprocess.run(
            ["nsenter", "-m", "-t", str(self.pid), *words],
            env=_environment(self.home), capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return Outcome(words, ended.returncode, ended.stdout, ended.stderr)

    def shows(self, unit: str, what: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "--user", "show", "--value", "-p", what, unit).out.strip()


def _environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "LC_ALL") if name in os.environ}
    return kept | {"HOME": str(home), "XDG_RUNTIME_DIR": "/run/u", "XDG_CONFIG_HOME": str(home / "config")}


@contextlib.contextmanager
def private_systemd() -> Iterator[Systemd]:
    """One that is ready. Skips the test where it cannot be had."""
    if os.geteuid() != 0 or not Path(_PROGRAM).exists() or shutil.which("nsenter") is None:
        lacking("a private systemd needs root, systemd and nsenter")
    with private_directory() as home:
        log = home / "systemd.log"
        # There is no journal here: for all services at once, what they print goes to the file.
        everywhere = home / "config" / "systemd" / "user" / "service.d"
        everywhere.mkdir(parents=True)
        (everywhere / "log.conf").write_text(
            f"[Service]\nStandardOutput=append:{log}\nStandardError=append:{log}\n"
        )
        with log.open("ab") as out:
            process = subprocess.Popen(
                ["unshare", "-m", "bash", "-c", _BEGIN], env=_environment(home), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )  # fmt: skip
        found = Systemd(process.pid, home, log)
        try:
            wait_until(
                lambda: "running" in found.run("systemctl", "--user", "is-system-running").out,
                what="the service manager",
            )
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
