"""The objects of a fake engine, and how its API shows each: as a line of a list, and whole.

Rule: the fields are those that Docker 20.10 shows (API 1.41). The conformance suite compares the two.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from swarm_testkit.fake_engines.programs import Program

Json = dict[str, Any]
Record = tuple[int, int, bytes]
"""Time in nanoseconds, stream, a line with its end."""
NEVER: Final = "0001-01-01T00:00:00Z"
_UNITS: Final = (
    (1, "Less than a second"), (2, "1 second"), (60, "{} seconds", 1), (120, "About a minute"), (3600, "{} minutes", 60),
    (7200, "About an hour"), (172800, "{} hours", 3600), (1209600, "{} days", 86400), (5184000, "{} weeks", 604800),
    (63072000, "{} months", 2592000),
)  # fmt: skip


@dataclass(slots=True)
class Image:
    id: str
    tags: list[str]
    created: float
    size: int = 1_984_177
    labels: dict[str, str] | None = None
    config: Json = field(default_factory=dict)

    def line(self) -> Json:
        return {
            "Containers": -1, "Created": int(self.created), "Id": self.id, "Labels": self.labels, "ParentId": "",
            "RepoDigests": None, "RepoTags": list(self.tags) or ["<none>:<none>"], "SharedSize": -1, "Size": self.size,
            "VirtualSize": self.size,
        }  # fmt: skip

    def whole(self) -> Json:
        return {
            "Id": self.id, "RepoTags": list(self.tags), "RepoDigests": [], "Parent": "", "Comment": "",
            "Created": stamp(self.created), "Config": {**_NO_CONFIG, **self.config, "Labels": self.labels},
            "DockerVersion": "20.10.24", "Author": "", "Architecture": "amd64", "Os": "linux", "Size": self.size,
            "VirtualSize": self.size, "RootFS": {"Type": "layers", "Layers": [self.id]},
            "Metadata": {"LastTagTime": stamp(self.created)},
        }  # fmt: skip


@dataclass(slots=True)
class Volume:
    name: str
    created: float
    driver: str = "local"
    labels: dict[str, str] | None = None
    options: dict[str, str] | None = None

    def whole(self) -> Json:
        created = stamp(self.created).partition(".")[0].rstrip("Z") + "Z"
        return {
            "CreatedAt": created, "Driver": self.driver, "Labels": self.labels,
            "Mountpoint": f"/var/lib/docker/volumes/{self.name}/_data", "Name": self.name, "Options": self.options,
            "Scope": "local",
        }  # fmt: skip


@dataclass(slots=True)
class Network:
    id: str
    name: str
    created: float
    driver: str = "bridge"
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    ipam: Json = field(default_factory=lambda: {"Driver": "default", "Options": None, "Config": []})
    internal: bool = False
    attachable: bool = False
    containers: dict[str, Json] = field(default_factory=dict)

    def whole(self, *, with_containers: bool = False) -> Json:
        return {
            "Name": self.name, "Id": self.id, "Created": stamp(self.created), "Scope": "local", "Driver": self.driver,
            "EnableIPv6": False, "IPAM": self.ipam, "Internal": self.internal, "Attachable": self.attachable,
            "Ingress": False, "ConfigFrom": {"Network": ""}, "ConfigOnly": False,
            "Containers": dict(self.containers) if with_containers else {}, "Options": self.options, "Labels": self.labels,
        }  # fmt: skip


@dataclass(slots=True)
class Container:
    """`status` is created, running, paused, restarting, exited or dead."""

    id: str
    name: str
    image: Image
    config: Json
    host: Json
    created: float
    mounts: list[Json]
    networks: dict[str, Json]
    status: str = "created"
    health: str = ""
    exit_code: int = 0
    pid: int = 0
    started: float | None = None
    finished: float | None = None
    error: str = ""
    ports: dict[str, list[Json] | None] = field(default_factory=dict)
    log: list[Record] = field(default_factory=list)
    program: Program | None = None
    execs: list[str] = field(default_factory=list)
    on_start: Callable[[], None] = field(default=lambda: None)
    """Gives the program the input that came before it."""

    @property
    def labels(self) -> dict[str, str]:
        return self.config.get("Labels") or {}

    @property
    def words(self) -> list[str]:
        """The command with its entry point."""
        return [*(self.config.get("Entrypoint") or ()), *(self.config.get("Cmd") or ())]

    @property
    def has_terminal(self) -> bool:
        return bool(self.config.get("Tty"))

    @property
    def is_up(self) -> bool:
        return self.status in ("running", "paused", "restarting")

    def attributes(self) -> dict[str, str]:
        """Those of its events."""
        return {"image": self.config["Image"], **self.labels, "name": self.name}

    def status_text(self, now: float) -> str:
        """As `docker ps` shows it."""
        if self.status == "created":
            return "Created"
        if self.is_up:
            since = elapsed(now - (self.started or now))
            if self.status == "paused":
                return f"Up {since} (Paused)"
            return f"Up {since}" + (f" ({_HEALTH_TEXTS[self.health]})" if self.health else "")
        return f"Exited ({self.exit_code}) {elapsed(now - (self.finished or now))} ago"

    def line(self, now: float) -> Json:
        return {
            "Id": self.id, "Names": ["/" + self.name], "Image": self.config["Image"], "ImageID": self.image.id,
            "Command": shown_command(self.words), "Created": int(self.created), "Ports": self._port_lines(),
            "Labels": self.labels, "State": self.status, "Status": self.status_text(now),
            "HostConfig": {"NetworkMode": self.host["NetworkMode"]}, "NetworkSettings": {"Networks": self.networks},
            "Mounts": self.mounts,
        }  # fmt: skip

    def whole(self) -> Json:
        words = self.words
        return {
            "Id": self.id, "Created": stamp(self.created), "Path": words[0] if words else "", "Args": words[1:],
            "State": self._state(), "Image": self.image.id, "ResolvConfPath": "", "HostnamePath": "", "HostsPath": "",
            "LogPath": "", "Name": "/" + self.name, "RestartCount": 0, "Driver": "overlay2", "Platform": "linux",
            "MountLabel": "", "ProcessLabel": "", "AppArmorProfile": "", "ExecIDs": list(self.execs) or None,
            "HostConfig": self.host, "Mounts": self.mounts, "Config": self.config,
            "NetworkSettings": {"Bridge": "", "Ports": self.ports, "Networks": self.networks},
        }  # fmt: skip

    def _state(self) -> Json:
        state: Json = {
            "Status": self.status, "Running": self.is_up, "Paused": self.status == "paused",
            "Restarting": self.status == "restarting", "OOMKilled": False, "Dead": self.status == "dead", "Pid": self.pid,
            "ExitCode": self.exit_code, "Error": self.error, "StartedAt": stamp(self.started),
            "FinishedAt": stamp(self.finished),
        }  # fmt: skip
        if self.health:
            state["Health"] = {"Status": self.health, "FailingStreak": 0, "Log": []}
        return state

    def _port_lines(self) -> list[Json]:
        lines = []
        for port, bindings in self.ports.items():
            number, _, protocol = port.partition("/")
            if not bindings:
                lines.append({"PrivatePort": int(number), "Type": protocol})
            for binding in bindings or ():
                lines.append(
                    {
                        "IP": binding["HostIp"],
                        "PrivatePort": int(number),
                        "PublicPort": int(binding["HostPort"]),
                        "Type": protocol,
                    }
                )
        return lines


_HEALTH_TEXTS: Final = {"starting": "health: starting", "healthy": "healthy", "unhealthy": "unhealthy"}
_NO_CONFIG: Final[Mapping[str, Any]] = {
    "Hostname": "", "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": False, "AttachStderr": False,
    "Tty": False, "OpenStdin": False, "StdinOnce": False, "Env": None, "Cmd": None, "Image": "", "Volumes": None,
    "WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": None,
}  # fmt: skip


def filled_config(given: Mapping[str, Any], image: Image, id_: str) -> Json:
    """A container's configuration: what was asked for, and the image's for what was not."""
    known = {key: value for key, value in given.items() if key not in ("HostConfig", "NetworkingConfig")}
    config = {**_NO_CONFIG, **known}
    config["Hostname"] = config["Hostname"] or id_[:12]
    config["Labels"] = {**(image.labels or {}), **(config["Labels"] or {})}
    if not config["Cmd"] and not config["Entrypoint"]:
        config["Cmd"] = image.config.get("Cmd")
    config["Entrypoint"] = config["Entrypoint"] or image.config.get("Entrypoint")
    names = {text.partition("=")[0] for text in config["Env"] or ()}
    inherited = [text for text in image.config.get("Env") or () if text.partition("=")[0] not in names]
    config["Env"] = [*(config["Env"] or ()), *inherited]
    return config


def shown_command(words: Sequence[str]) -> str:
    """A command on one line, quoted where that is needed."""
    return " ".join(
        word if word and " " not in word and "'" not in word else shlex.quote(word) for word in words
    )


def stamp(at: float | None) -> str:
    """A time as Go writes it; None is never."""
    if at is None:
        return NEVER
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def elapsed(seconds: float) -> str:
    """A duration as docker words it."""
    for below, text, *unit in _UNITS:
        if seconds < below:
            return text.format(int(seconds) // unit[0]) if unit else text
    return f"{int(seconds) // 31536000} years"
