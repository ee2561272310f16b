"""This machine's node as a service of systemd: the unit's text, written, started and taken back (docs/design/node.md 6.11).

Rules
1. The unit starts the daemon with what `up` keeps of the node (6.10). Tokens and keys are never in it, and it starts nothing where the machine is in no
   cluster.
2. Tasks outlive the daemon: systemd ends the daemon alone, and lets the daemon make control groups below its own.
3. What the daemon cannot need is taken from it. What tasks need is not: they are its children and have its limits. So there is no private view of the
   file system, no filter of system calls, and no ban on new privileges.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from swarm_core.client import node_directory, sockets

from swarm_tui.cli.plumbing.session import Failure

_SYSTEM_DIRECTORY: Final = Path("/etc/systemd/system")
_BOOTED: Final = Path("/run/systemd/system")
_START_S: Final = 45.0
_STOP_S: Final = 60.0
_NEEDLESS: Final = (
    "CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_BLOCK_SUSPEND CAP_BPF CAP_LEASE CAP_LINUX_IMMUTABLE CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_PERFMON "
    "CAP_SYSLOG CAP_SYS_BOOT CAP_SYS_MODULE CAP_SYS_PACCT CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_WAKE_ALARM"
)
"""What neither a node nor a container's or a service's process may want: to change the clock, the kernel, its log, audit and security, or the machine's
power."""


class Scope(StrEnum):
    """Whose systemd: the machine's, or that of a user's sessions."""

    SYSTEM = "system"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Unit:
    """That of one state directory."""

    state_dir: Path
    scope: Scope

    @property
    def name(self) -> str:
        """One name for the usual state directory, others for others."""
        if self.state_dir == sockets.state_directory():
            return "swarm-tui.service"
        digest = hashlib.sha256(os.fsencode(self.state_dir)).hexdigest()[:8]
        return f"swarm-tui-{digest}.service"

    @property
    def path(self) -> Path:
        """Where its file is."""
        if self.scope is Scope.SYSTEM:
            return _SYSTEM_DIRECTORY / self.name
        home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        return Path(home) / "systemd" / "user" / self.name

    def text(self, command: Sequence[str]) -> str:
        """The file's content, for the daemon that `command` starts."""
        is_system = self.scope is Scope.SYSTEM
        condition = self.state_dir / node_directory.NODE_CERTIFICATE
        lines = [
            "# Written by 'swarm-tui up --install'; 'swarm-tui up --uninstall' takes it back.",
            "[Unit]",
            f"Description=Node of a swarm in {_escaped(str(self.state_dir))}",
            *(
                ["Wants=network-online.target", "After=network-online.target time-sync.target docker.service"]
                if is_system
                else []
            ),
            f"ConditionPathExists={_escaped(str(condition))}",
            "StartLimitIntervalSec=120",
            "StartLimitBurst=6",
            "",
            "[Service]",
            "Type=notify",
            "NotifyAccess=main",
            f"ExecStart={' '.join(map(quoted, command))}",
            "ExecReload=kill -HUP $MAINPID",
            "Restart=on-failure",
            "RestartSec=5",
            "# A manager without a quorum waits for the others, however long that is.",
            "TimeoutStartSec=infinity",
            "TimeoutStopSec=45",
            "# Tasks outlive their daemon and are found again by the next one.",
            "KillMode=process",
            "Delegate=yes",
            "TasksMax=infinity",
            "WorkingDirectory=/",
            "KeyringMode=private",
            *(["LimitNOFILE=1048576", f"CapabilityBoundingSet=~{_NEEDLESS}"] if is_system else []),
            "",
            "[Install]",
            f"WantedBy={'multi-user.target' if is_system else 'default.target'}",
        ]
        return "\n".join(lines) + "\n"

    def install(self, command: Sequence[str]) -> None:
        """Write it and start the node by it, now and with the machine. Raises Failure."""
        self.need_systemd()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(self.text(command))
            self.path.chmod(0o644)
        except OSError as error:
            raise Failure(f"{self.path} cannot be written: {error.strerror}.") from None
        self._control("daemon-reload")
        self._control("enable", self.name)
        self.start()

    def start(self) -> None:
        """Start the node by it; returns when the node is ready. Raises Failure."""
        self._control("start", self.name, seconds=_START_S)

    def uninstall(self) -> None:
        """End the node and take the unit back; the node's state stays. Raises Failure."""
        self.need_systemd()
        self._control("disable", "--now", self.name, seconds=_STOP_S)
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise Failure(f"{self.path} cannot be removed: {error.strerror}.") from None
        self._control("daemon-reload")

    def need_systemd(self) -> None:
        """Raise Failure where there is none to talk to."""
        if shutil.which("systemctl") is None or not _BOOTED.is_dir():
            raise Failure(
                "This machine was not started by systemd, which would have to start the node; 'swarm-tui up --install --print' shows the unit."
            )

    def _control(self, *words: str, seconds: float = 30.0) -> None:
        whose = ["--user"] if self.scope is Scope.USER else []
        try:
            ended = subprocess.run(  # noqa: S603 - words of ours
                ["systemctl", *whose, *words],  # noqa: S607 - found by PATH, as by every user
                capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Failure(
                f"systemd had not done 'systemctl {' '.join((*whose, *words))}' within {seconds:g} s; it goes on. "
                f"'journalctl {' '.join((*whose, '-u', self.name))}' shows what the node says."
            ) from None
        if ended.returncode:
            said = " ".join(ended.stderr.split()) or f"exit code {ended.returncode}"
            raise Failure(f"'systemctl {' '.join((*whose, *words))}' failed: {said.rstrip('.')}.")


def scope_of(wanted: Scope | None) -> Scope:
    """The one that was asked for; else the machine's for root, and the user's own for others."""
    return wanted or (Scope.SYSTEM if os.geteuid() == 0 else Scope.USER)


def installed(state_dir: Path) -> Unit | None:
    """The unit of this state directory, where there is one."""
    units = (Unit(state_dir, scope) for scope in Scope)
    return next((one for one in units if one.path.exists()), None)


def quoted(word: str) -> str:
    """A word of a command as systemd reads it."""
    escaped = _escaped(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return escaped if escaped and not any(letter in escaped for letter in " \t'\";") else f'"{escaped}"'


def _escaped(text: str) -> str:
    """Without systemd's own marks. Raises Failure for what no unit can hold."""
    if not text.isprintable():
        raise Failure(f"{text!r} cannot stand in a unit of systemd.")
    return text.replace("%", "%%")
