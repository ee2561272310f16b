"""From a task to how its process is run: what the spec says, checked against this host.

`Plan.of` needs only the task and refuses what makes no sense anywhere; `Plan.launch` looks at users, programs and
directories of this host. Rules: nothing the spec asks for is ignored; what cannot be had is refused in one sentence.
"""

import grp
import os
import pwd
import re
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.types_pb2 import Driver, PortConfig
from swarm_core.api.runtimes import PROCESS, MalformedProcess, process_payload
from swarm_core.api.task_ports import has_all, local_ports, published, variables
from swarm_core.api.timestamps import duration_s
from swarm_core.api.words import enum_word
from swarm_core.specs.errors import InvalidValue
from swarm_core.specs.notation import byte_count

from swarm_agentd.exec.environment import claimed_resources
from swarm_agentd.exec.errors import InvalidTask, Missing, UnsupportedRuntime
from swarm_agentd.executors.process import volumes
from swarm_agentd.executors.process.cgroups import Limits
from swarm_agentd.executors.process.directory import TaskDirectory

STOP_GRACE_S = 10.0
_REAL_TIME = re.compile(r"RT(MIN(?:\+(?P<after>\d+))?|MAX(?:-(?P<before>\d+))?)")
LOG_FILE_BYTES_MAX = 10 * 1024 * 1024
LOG_FILES_MAX = 3
LOG_FILE_BYTES_MIN = 64 * 1024
LOG_DRIVERS = ("", "json-file", "local")


@dataclass(frozen=True, slots=True)
class User:
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


@dataclass(frozen=True, slots=True)
class LogLimits:
    bytes_max: int = LOG_FILE_BYTES_MAX
    files_max: int = LOG_FILES_MAX


@dataclass(frozen=True, slots=True)
class Plan:
    """A process task as far as the task alone tells."""

    spec: ProcessSpec
    env: Mapping[str, str]
    stop_signal: int
    stop_grace_s: float
    limits: Limits
    log: LogLimits | None

    @classmethod
    def of(cls, task: Task) -> "Plan":
        """Raises UnsupportedRuntime for other runtimes, InvalidTask for what makes no sense."""
        spec = process_payload(task.spec)
        if spec is None:
            raise UnsupportedRuntime(f"this runtime runs tasks of kind {PROCESS!r} only")
        if isinstance(spec, MalformedProcess):
            raise InvalidTask(str(spec))
        if not (spec.command or spec.args):
            raise InvalidTask("the process spec names no command")
        # The ingress network is Docker's way to published ports; an allocator of Docker's attaches every task that has some.
        if task.spec.networks or any(not attached.network.spec.ingress for attached in task.networks):
            raise InvalidTask("processes use the host's network; they cannot be attached to others")
        _check_ports(task)
        volumes.check(spec)
        has_grace = spec.HasField("stop_grace_period")
        return cls(
            spec=spec,
            env=variables(local_ports(task)) | _environment([*spec.env, *claimed_resources(task)]),
            stop_signal=_signal(spec.stop_signal),
            stop_grace_s=duration_s(spec.stop_grace_period) if has_grace else STOP_GRACE_S,
            limits=_limits(task),
            log=_log_limits(task.log_driver if task.HasField("log_driver") else task.spec.log_driver),
        )

    def launch(self, directory: TaskDirectory, extra_env: Mapping[str, str]) -> dict[str, Any]:
        """What the shim is told. Raises Missing or InvalidTask for what this host does not have or allow."""
        user = find_user(self.spec.user)
        env = {"PATH": os.environ.get("PATH", os.defpath)}
        if home := (user.home if user else os.environ.get("HOME", "")):
            env["HOME"] = home
        env |= {**self.env, **extra_env}
        where = self.spec.dir or str(directory.work)
        if not Path(where).is_dir():
            raise Missing(f"working directory {where} does not exist")
        argv = [*self.spec.command, *self.spec.args]
        return {
            "program": find_program(argv[0], env["PATH"], where),
            "argv": argv,
            "env": env,
            "dir": where,
            "user": None if user is None else {"uid": user.uid, "gid": user.gid, "groups": list(user.groups)},
            "stop_signal": self.stop_signal,
            "log": None
            if self.log is None
            else {"bytes_max": self.log.bytes_max, "files_max": self.log.files_max},
        }


def find_program(name: str, path: str, where: str) -> str:
    """The file that `name` means. Raises Missing."""
    if "/" in name:
        program = str(Path(where) / name)
        if not Path(program).is_file():
            raise Missing(f"program {name} does not exist")
        if not os.access(program, os.X_OK):
            raise Missing(f"program {name} is not executable")
        return program
    if (found := shutil.which(name, path=path)) is None:
        raise Missing(f"program {name} is not in PATH ({path})")
    return str(Path(where) / found)


def find_user(text: str) -> User | None:
    """The user that `user[:group]` means, None for the daemon's own. Raises Missing, or InvalidTask without root."""
    if not text:
        return None
    name, _, group = text.partition(":")
    try:
        entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
        uid, gid, home, login = entry.pw_uid, entry.pw_gid, entry.pw_dir, entry.pw_name
    except KeyError:
        if not name.isdecimal():
            raise Missing(f"user {name} does not exist on this node") from None
        uid, gid, home, login = int(name), int(name), "/", ""
    groups = os.getgrouplist(login, gid) if login else [gid]
    if group:
        gid = _group_id(group)
        groups = [gid]
    if os.geteuid() != 0:
        if (uid, gid) == (os.geteuid(), os.getegid()):
            return None
        raise InvalidTask(f"running as user {text} takes a daemon that runs as root")
    return User(uid, gid, tuple(groups), home)


def _group_id(name: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise Missing(f"group {name} does not exist on this node") from None


def _environment(entries: list[str]) -> dict[str, str]:
    env = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not name or "\0" in entry:
            raise InvalidTask(f"{entry!r} is no environment variable")
        if equals:
            env[name] = value
        elif name in os.environ:  # a bare name passes the daemon's value on, as docker run does
            env[name] = os.environ[name]
    return env


def _signal(text: str) -> int:
    """As Docker takes it: a name with or without SIG, in any case; a number; RTMIN+n or RTMAX-n."""
    if not text:
        return signal.SIGTERM
    name = text.upper().removeprefix("SIG")
    if text.isascii() and text.isdigit():
        number = int(text)
    elif (real_time := _REAL_TIME.fullmatch(name)) is not None:
        after, before = real_time["after"], real_time["before"]
        number = signal.SIGRTMIN + int(after or 0) if "MIN" in name else signal.SIGRTMAX - int(before or 0)
        if number < signal.SIGRTMIN:
            raise InvalidTask(f"{text} is no signal")
    else:
        known = signal.Signals.__members__.get(f"SIG{name}")
        if known is None:
            raise InvalidTask(f"{text} is no signal")
        return known
    if number not in signal.valid_signals():
        raise InvalidTask(f"{text} is no signal")
    return number


def _limits(task: Task) -> Limits:
    resources = task.spec.resources
    if resources.HasField("memory_swappiness"):
        raise InvalidTask("the process runtime cannot set a memory swappiness")
    swap = resources.swap_bytes.value if resources.HasField("swap_bytes") else None
    if swap is not None and not resources.limits.memory_bytes:
        raise InvalidTask("a limit of swap needs a limit of memory")
    return Limits(resources.limits.nano_cpus, resources.limits.memory_bytes, swap)


def _check_ports(task: Task) -> None:
    for port in published(task):
        if port.protocol not in (PortConfig.TCP, PortConfig.UDP):
            word = enum_word(PortConfig.Protocol, port.protocol)
            raise InvalidTask(
                f"processes have TCP and UDP ports; {port.target_port}/{word} cannot be published"
            )
    if not has_all(task):
        raise InvalidTask("this node has no free port left for the ports that the task publishes")


def _log_limits(driver: Driver) -> LogLimits | None:
    """None keeps no output."""
    if driver.name == "none":
        return None
    if driver.name not in LOG_DRIVERS:
        raise InvalidTask(f"the process runtime has no log driver {driver.name}")
    if unknown := sorted(set(driver.options) - {"max-size", "max-file"}):
        raise InvalidTask(f"the process runtime's log driver has no option {unknown[0]}")
    bytes_max = _size(driver.options.get("max-size", str(LOG_FILE_BYTES_MAX)))
    files = driver.options.get("max-file", str(LOG_FILES_MAX))
    if not files.isdecimal() or int(files) < 1:
        raise InvalidTask(f"max-file must be a positive number, not {files}")
    return LogLimits(max(bytes_max, LOG_FILE_BYTES_MIN), int(files))


def _size(text: str) -> int:
    try:
        return byte_count(text)
    except InvalidValue:
        raise InvalidTask(f"max-size must be a size such as 10m, not {text}") from None
