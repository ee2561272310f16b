"""Managers of both sides: ours, and the peer's, which is SwarmKit's own daemon or a Docker Engine.

A `Manager` is one process tree with a state directory, a control socket and a remote API. Everything started is ended by id.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psutil
from swarm_testkit.daemons import private_directory
from swarm_testkit.engines import Engine, missing_parts, private_engine
from swarm_testkit.free_ports import free_port
from swarm_testkit.hosts import hosts

PEER_VARIABLE = "SWARM_PEER_BIN"
_CONTROL_ROOT = Path("certificates") / "swarm-root-ca.crt"


class Manager(Protocol):
    """One manager. `enter`: the command that runs others where its address can be reached."""

    address: str
    enter: tuple[str, ...]

    @property
    def socket(self) -> Path: ...

    @property
    def root(self) -> Path:
        """The file with the root certificate that vouches for it."""

    @property
    def pid(self) -> int: ...

    def start(self, address: str = "", token: str = "") -> None:
        """Found a cluster, join the one at `address`, or go on with what is there."""

    def kill(self) -> None:
        """kill -9 of it and of what it started."""


class DaemonManager:
    """SwarmKit's daemon or ours: both take the same flags."""

    def __init__(self, command: list[str], state: Path) -> None:
        self._command = command
        self._state = state
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"127.0.0.1:{free_port()}"
        self.enter: tuple[str, ...] = ()

    @property
    def socket(self) -> Path:
        return self._state / "control.sock"

    @property
    def root(self) -> Path:
        return self._state / _CONTROL_ROOT

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, address: str = "", token: str = "") -> None:
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        join = ["--join-addr", address, "--join-token", token] if address else []
        command = [
            *self._command,
            "--state-dir", str(self._state), "--hostname", self._state.name,
            "--listen-control-api", str(self.socket),
            "--listen-remote-api", self.address, "--advertise-remote-api", self.address,
            "--engine-addr", f"unix://{self._state}/no-engine.sock",
            *join,
        ]  # fmt: skip
        with (self._state / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        for process in [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()


class EngineManager:
    """A Docker Engine in swarm mode."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.address = f"{engine.address}:2377"
        self.enter = engine.enter

    @property
    def socket(self) -> Path:
        return self._engine.control_socket

    @property
    def root(self) -> Path:
        return self._engine.root_certificate

    @property
    def pid(self) -> int:
        return self._engine.pid

    def start(self, address: str = "", token: str = "") -> None:
        if not self.root.exists():
            how = ["join", "--token", token, address] if address else ["init"]
            own = ["--advertise-addr", self._engine.address, "--listen-addr", self.address]
            self._engine.docker("swarm", how[0], *own, *how[1:])
        else:
            self._engine.start()

    def kill(self) -> None:
        self._engine.stop(signal.SIGKILL)


class Side(Protocol):
    """Makes managers of one kind."""

    name: str

    def managers(self, count: int) -> contextlib.AbstractContextManager[list[Manager]]:
        """So many, not started; gone afterwards."""


class DaemonSide:
    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._command = command

    @contextlib.contextmanager
    def managers(self, count: int) -> Iterator[list[Manager]]:
        with private_directory() as directory:
            made = [DaemonManager(self._command, directory / f"m{number}") for number in range(count)]
            try:
                yield list(made)
            finally:
                for manager in made:
                    manager.kill()


class EngineSide:
    """Each engine is a host of its own."""

    name = "Docker Engine"

    @contextlib.contextmanager
    def managers(self, count: int) -> Iterator[list[Manager]]:
        with contextlib.ExitStack() as stack:
            network = stack.enter_context(hosts(count))
            made: list[Manager] = []
            for number in range(count):
                directory = stack.enter_context(private_directory())
                engine = stack.enter_context(
                    private_engine(
                        directory, namespace=network.namespace(number), address=network.address(number)
                    )
                )
                made.append(EngineManager(engine))
            yield made


def our_side() -> Side:
    return DaemonSide("ours", [sys.executable, "-m", "swarm_agentd.main"])


def peer_side() -> Side | None:
    """SwarmKit's daemon where the variable names its directory, else Docker's engine; None where neither can be had."""
    if directory := os.environ.get(PEER_VARIABLE):
        return DaemonSide("SwarmKit", [str(Path(directory) / "swarmd")])
    return None if missing_parts() else EngineSide()
