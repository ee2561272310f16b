"""How the log level of this machine's node is changed while it runs: a file with the wish, and a signal (docs/design/logging.md L.3).

    <state>/log-level           what the daemon logs from, written by it
            log-level.wanted    what it is to log from, written by a command; the daemon takes it away when it does

A daemon that does not know the signal would be ended by it: `ask` looks first whether it is caught.
"""

import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from swarm_core.ca.files import write_atomic
from swarm_core.client.node_directory import ProcessId
from swarm_core.runtime.log import LEVELS

_log = logging.getLogger(__name__)
SIGNAL: Final = signal.SIGUSR2
_FILE: Final = "log-level"
_WANTED: Final = "log-level.wanted"
_WAIT_S: Final = 5.0
_STEP_S: Final = 0.02


class NotChanged(Exception):
    """The level was not changed; the text is one sentence for people."""


@dataclass(slots=True)
class Holder:
    """The daemon's side. `now` is the level that holds."""

    state_dir: Path
    now: str = field(default="", init=False)

    def begin(self, level: str) -> None:
        """The daemon begins with `level`; what somebody wanted of an earlier one counts no more."""
        with suppress(OSError):
            (self.state_dir / _WANTED).unlink(missing_ok=True)
        self.hold(level)

    def wanted(self) -> str | None:
        """The level that is asked for; None where none is."""
        try:
            level = (self.state_dir / _WANTED).read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None
        return level if level in LEVELS else None

    def hold(self, level: str) -> None:
        """`level` holds from now on, and others can see it."""
        self.now = level
        try:
            write_atomic(self.state_dir / _FILE, f"{level}\n".encode(), 0o600)
            (self.state_dir / _WANTED).unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s cannot be written: %s", self.state_dir / _FILE, error.strerror)

    def end(self) -> None:
        """The daemon ends."""
        for name in (_FILE, _WANTED):
            with suppress(OSError):
                (self.state_dir / name).unlink(missing_ok=True)


def present(state_dir: Path) -> str:
    """The level that the running daemon holds. Raises NotChanged where it does not say."""
    try:
        level = (state_dir / _FILE).read_text().strip()
    except (OSError, UnicodeDecodeError):
        level = ""
    if level not in LEVELS:
        raise NotChanged(f"the node of {state_dir} does not say what it logs; it is older than this command")
    return level


def ask(state_dir: Path, daemon: ProcessId, level: str, sleep: Callable[[float], None]) -> None:
    """Have the running daemon log from `level` on; returns when it does. Raises NotChanged."""
    if not _catches(daemon.pid):
        raise NotChanged(
            f"the node of {state_dir} (process {daemon.pid}) is older than this command; end it and start it again with --log-level"
        )
    wish = state_dir / _WANTED
    try:
        write_atomic(wish, f"{level}\n".encode(), 0o600)
        daemon.send(SIGNAL)
    except PermissionError:
        raise NotChanged(f"the node of {state_dir} belongs to another user (process {daemon.pid})") from None
    except OSError as error:
        raise NotChanged(f"{wish} cannot be written: {error.strerror}") from None
    for _ in range(round(_WAIT_S / _STEP_S)):
        if not wish.exists():
            return
        sleep(_STEP_S)
    wish.unlink(missing_ok=True)
    raise NotChanged(
        f"the node (process {daemon.pid}) did not take it within {_WAIT_S:g} s; its log may say why"
    )


def _catches(pid: int) -> bool:
    """Whether a process has a handler for the signal, as the kernel tells."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    masks = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(masks) and bool(int(masks[0], 16) >> (SIGNAL - 1) & 1)
