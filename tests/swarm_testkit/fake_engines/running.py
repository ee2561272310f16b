"""What runs in the containers of a fake engine: start, stop, signals, output, and who waits for it.

Rules
1. Output goes to the log and to everybody who is attached, in the order in which it was written.
2. An end wakes those who wait, ends attached streams, and takes a container away that asked for it.
3. A container of a test's own making (`FakeEngine.seed`) runs no program: it runs until somebody ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from swarm_testkit.fake_engines.objects import Container
from swarm_testkit.fake_engines.programs import KNOWN, Program
from swarm_testkit.fake_engines.refusal import Refusal

if TYPE_CHECKING:
    from swarm_testkit.fake_engines.engine import FakeEngine

Listener = Callable[[int, bytes], None]
"""Gets output as stream and bytes; stream 0 is the end."""
END: Final = 0
_KILL: Final = 9


@dataclass(slots=True)
class Exec:
    """A further program in a container."""

    id: str
    container: Container
    body: dict[str, Any]
    program: Program | None = None
    listeners: list[Listener] = field(default_factory=list)

    def whole(self) -> dict[str, Any]:
        words = self.body["Cmd"]
        code = None if self.program is None else self.program.exit_code
        return {
            "ID": self.id, "Running": self.program is not None and code is None, "ExitCode": code,
            "ProcessConfig": {
                "tty": bool(self.body.get("Tty")), "entrypoint": words[0], "arguments": words[1:],
                "privileged": bool(self.body.get("Privileged")),
            },
            "OpenStdin": bool(self.body.get("AttachStdin")), "OpenStderr": bool(self.body.get("AttachStderr")),
            "OpenStdout": bool(self.body.get("AttachStdout")), "CanRemove": False, "ContainerID": self.container.id,
            "DetachKeys": "", "Pid": 0 if self.program is None or code is not None else self.container.pid + 1,
        }  # fmt: skip


class Running:
    """The programs of one engine."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self._listeners: dict[str, list[Listener]] = {}
        self._waiters: dict[str, list[tuple[str, asyncio.Future[int]]]] = {}
        self._pid = 1000
        self.execs: dict[str, Exec] = {}

    def start(self, one: Container) -> bool:
        """Whether it did not run before. Raises Refusal, and then nobody hears of it any more."""
        if one.is_up:
            return False
        try:
            self._prepare(one)
        except Refusal as error:
            one.error = error.message
            self._hear(self._listeners.pop(one.id, ()), END, b"")
            if one.host.get("AutoRemove"):
                self._engine.remove(one)
            raise
        self._begin(one)
        return True

    def _prepare(self, one: Container) -> None:
        if one.words and one.words[0].rpartition("/")[2] not in KNOWN:
            one.exit_code = 127
            raise Refusal(
                400,
                f'OCI runtime create failed: container_linux.go: starting container process caused: exec: "{one.words[0]}": '
                f"executable file not found in $PATH: unknown",
            )
        one.ports = self._engine.published(one)
        self._join_networks(one)

    def _begin(self, one: Container) -> None:
        engine = self._engine
        self._pid += 2
        one.status, one.pid, one.exit_code, one.started, one.finished = (
            "running",
            self._pid,
            0,
            engine.now(),
            None,
        )
        for mount in one.mounts:
            if mount["Type"] == "volume":
                engine.tell(
                    "volume", "mount", mount["Name"], {"container": one.id, "driver": mount["Driver"]}
                )
        engine.tell_of(one, "start")
        one.program = Program(
            one.words,
            dict(text.split("=", 1) for text in one.config["Env"] or () if "=" in text),
            hostname=one.config["Hostname"],
            say=lambda stream, data: self._say(one, stream, data),
            ended=lambda code: self._ended(one, code),
        )
        one.program.start()
        one.on_start()

    def stop(self, one: Container) -> bool:
        """Whether it ran: first the polite signal, then the other."""
        if not one.is_up:
            return False
        self._engine.tell_of(one, "kill", signal="15")
        self._signal(one, 15)
        if one.is_up:
            self.kill(one, _KILL)
        self._engine.tell_of(one, "stop")
        return True

    def kill(self, one: Container, number: int) -> None:
        self._engine.tell_of(one, "kill", signal=str(number))
        self._signal(one, number)

    def _signal(self, one: Container, number: int) -> None:
        if one.program is not None:
            one.program.signal(number)
        elif number in (_KILL, 15):
            self._ended(one, 128 + number)

    def pause(self, one: Container, *, is_paused: bool) -> None:
        one.status = "paused" if is_paused else "running"
        self._engine.tell_of(one, "pause" if is_paused else "unpause")

    def _ended(self, one: Container, code: int) -> None:
        engine = self._engine
        one.status, one.exit_code, one.finished, one.pid = "exited", code, engine.now(), 0
        one.program, one.ports, one.health = None, {}, ""
        self._leave_networks(one)
        for run in self.execs.values():
            if run.container is one and run.program is not None:
                run.program.signal(_KILL, is_first=False)
        engine.tell_of(one, "die", exitCode=str(code))
        self._hear(self._listeners.pop(one.id, ()), END, b"")
        self._wake(one, code, ("next-exit", "not-running"))
        if one.host.get("AutoRemove"):
            engine.remove(one, volumes=True)

    def removed(self, one: Container) -> None:
        """It is gone: nobody waits for it any longer."""
        self._wake(one, one.exit_code, ("next-exit", "not-running", "removed"))
        self._hear(self._listeners.pop(one.id, ()), END, b"")

    def _wake(self, one: Container, code: int, conditions: tuple[str, ...]) -> None:
        waiting = self._waiters.pop(one.id, [])
        self._waiters[one.id] = [each for each in waiting if each[0] not in conditions]
        for condition, future in waiting:
            if condition in conditions and not future.done():
                future.set_result(code)

    def wait(self, one: Container, condition: str) -> asyncio.Future[int]:
        """Its exit code, once the condition holds."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if (condition or "not-running") == "not-running" and not one.is_up:
            future.set_result(one.exit_code)
        else:
            self._waiters.setdefault(one.id, []).append((condition or "not-running", future))
        return future

    def listen(self, one: Container, listener: Listener) -> Callable[[], None]:
        """Hear its output from now on; what comes back ends that."""
        heard = self._listeners.setdefault(one.id, [])
        heard.append(listener)
        return lambda: heard.remove(listener) if listener in heard else None

    def _say(self, one: Container, stream: int, data: bytes) -> None:
        now_ns = int(self._engine.now() * 1e9)
        one.log += [(now_ns, stream, line) for line in data.splitlines(keepends=True)]
        self._hear(self._listeners.get(one.id, ()), stream, data)

    def _hear(self, listeners: Any, stream: int, data: bytes) -> None:
        for listener in list(listeners):
            listener(stream, data)

    # programs beside the first

    def make_exec(self, one: Container, body: dict[str, Any]) -> Exec:
        run = Exec(self._engine.new_id(), one, body)
        self.execs[run.id] = run
        one.execs.append(run.id)
        self._engine.tell_of(one, f"exec_create: {' '.join(body['Cmd'])}", execID=run.id)
        return run

    def start_exec(self, run: Exec) -> None:
        one, engine = run.container, self._engine
        engine.tell_of(one, f"exec_start: {' '.join(run.body['Cmd'])}", execID=run.id)

        def ended(code: int) -> None:
            if run.id in one.execs:
                one.execs.remove(run.id)
            engine.tell_of(one, "exec_die", execID=run.id, exitCode=str(code))
            self._hear(run.listeners, END, b"")

        given = [*(one.config["Env"] or ()), *(run.body.get("Env") or ())]
        run.program = Program(
            run.body["Cmd"],
            dict(text.split("=", 1) for text in given if "=" in text),
            hostname=one.config["Hostname"],
            say=lambda stream, data: self._hear(run.listeners, stream, data),
            ended=ended,
        )
        run.program.start()

    # networks

    def _join_networks(self, one: Container) -> None:
        engine = self._engine
        for name, endpoint in one.networks.items():
            network = engine.network(name)
            number = len(network.containers) + 2
            endpoint.update(
                NetworkID=network.id,
                EndpointID=engine.new_id(),
                Gateway="172.17.0.1",
                IPAddress=f"172.17.{number // 250}.{number % 250}",
                IPPrefixLen=16,
            )
            network.containers[one.id] = {"Name": one.name, "EndpointID": endpoint["EndpointID"]}
            engine.tell(
                "network", "connect", network.id, {"container": one.id, "name": name, "type": network.driver}
            )

    def _leave_networks(self, one: Container) -> None:
        engine = self._engine
        for name, endpoint in one.networks.items():
            network = engine.networks.get(endpoint["NetworkID"])
            endpoint.update(EndpointID="", Gateway="", IPAddress="", IPPrefixLen=0)
            if network is not None and network.containers.pop(one.id, None) is not None:
                engine.tell(
                    "network",
                    "disconnect",
                    network.id,
                    {"container": one.id, "name": name, "type": network.driver},
                )
