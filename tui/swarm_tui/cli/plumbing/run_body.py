"""What `container run` asks of an engine, from docker's flags: the body that makes a container.

Rule: what is left out is the engine's to choose, so that what is made is what docker's own command would make.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.specs import notation

from swarm_tui.cli.plumbing.session import USAGE, Failure, reading

_PORT: Final = re.compile(
    r"(?:(?:(?P<ip>\[[^]]+\]|[0-9.]+):)?(?P<host>[0-9]*(?:-[0-9]+)?):)?(?P<inside>[0-9]+(?:-[0-9]+)?)(?:/(?P<protocol>tcp|udp|sctp))?",
    re.ASCII,
)
_PORT_MAX: Final = 65_535
_RESTARTS: Final = ("no", "always", "unless-stopped", "on-failure")


@dataclass(frozen=True, slots=True)
class Flags:
    """As they were typed; names are docker's."""

    image: str
    command: Sequence[str]
    env: Sequence[str]
    label: Sequence[str]
    publish: Sequence[str]
    volume: Sequence[str]
    constraint: Sequence[str]
    affinity: Sequence[str]
    network: str
    memory: str
    cpus: str
    restart: str
    entrypoint: str | None
    user: str
    workdir: str
    hostname: str
    reschedule: str
    rm: bool
    interactive: bool
    tty: bool
    detach: bool
    privileged: bool
    read_only: bool


def body_of(flags: Flags) -> dict[str, Any]:
    """The body. Raises Failure."""
    with reading("--label"):
        labels = dict(notation.pairs(flags.label))
    with reading("--env"):
        variables = notation.variables(flags.env, os.environ)
    binds, places = _volumes(flags.volume)
    exposed, bindings = _ports(flags.publish)
    asked = [f"constraint:{one}" for one in flags.constraint] + [f"affinity:{one}" for one in flags.affinity]
    if flags.reschedule:
        asked.append(f"reschedule:{flags.reschedule}")
    body: dict[str, Any] = {
        "Image": flags.image, "Cmd": list(flags.command) or None, "Env": [*variables, *asked], "Labels": labels,
        "User": flags.user, "WorkingDir": flags.workdir, "Hostname": flags.hostname, "Tty": flags.tty,
        "OpenStdin": flags.interactive, "StdinOnce": flags.interactive and not flags.detach,
        "AttachStdin": flags.interactive and not flags.detach, "AttachStdout": not flags.detach,
        "AttachStderr": not flags.detach, "ExposedPorts": exposed, "Volumes": places,
        "HostConfig": {
            "Binds": binds, "PortBindings": bindings, "AutoRemove": flags.rm, "RestartPolicy": _restart(flags),
            "NetworkMode": flags.network or "default", "Privileged": flags.privileged, "ReadonlyRootfs": flags.read_only,
            **_resources(flags),
        },
    }  # fmt: skip
    if flags.entrypoint is not None:
        body["Entrypoint"] = [flags.entrypoint] if flags.entrypoint else []
    if flags.network and not flags.network.startswith("container:"):
        body["NetworkingConfig"] = {"EndpointsConfig": {flags.network: {}}}
    return body


def _resources(flags: Flags) -> dict[str, int]:
    found = {}
    if flags.memory:
        with reading("--memory"):
            found["Memory"] = notation.byte_count(flags.memory)
    if flags.cpus:
        with reading("--cpus"):
            found["NanoCpus"] = notation.nano_cpus(flags.cpus)
    return found


def _restart(flags: Flags) -> dict[str, Any]:
    name, _, count = (flags.restart or "no").partition(":")
    if name not in _RESTARTS or (count and (name != "on-failure" or not count.isdecimal())):
        raise Failure(
            f"--restart is one of {', '.join(_RESTARTS)} or on-failure:NUMBER, not {flags.restart!r}.", USAGE
        )
    if flags.rm and name != "no":
        raise Failure(
            "--rm and --restart do not go together: what is removed at its end is not started again.", USAGE
        )
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def _volumes(given: Sequence[str]) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Volumes and directories with their places, and places that get a nameless volume."""
    binds, places = [], {}
    for text in given:
        source, *rest = text.split(":")
        if not rest:
            places[source] = dict[str, str]()
        elif source and not source.startswith((".", "~")):
            binds.append(text)
        else:
            raise Failure(
                f"--volume: {text!r} names a directory by a way from here, and the engine may be on another machine; "
                f"write its whole path.",
                USAGE,
            )
    return binds, places


def _ports(given: Sequence[str]) -> tuple[dict[str, dict[str, str]], dict[str, list[dict[str, str]]]]:
    exposed: dict[str, dict[str, str]] = {}
    bindings: dict[str, list[dict[str, str]]] = {}
    for text in given:
        found = _PORT.fullmatch(text)
        if found is None:
            raise Failure(f"--publish: {text!r} is not [[IP:]PORT[-PORT]:]PORT[-PORT][/tcp|udp|sctp].", USAGE)
        for number, public in _pairs(text, found["inside"], found["host"] or ""):
            port = f"{number}/{found['protocol'] or 'tcp'}"
            exposed[port] = {}
            binding = {"HostIp": (found["ip"] or "").strip("[]"), "HostPort": public}
            bindings.setdefault(port, []).append(binding)
    return exposed, bindings


def _pairs(text: str, inside: str, host: str) -> list[tuple[int, str]]:
    """Each port of a container with the one that it is published on. A range for one port is the engine's to choose of."""
    ports, publics = _span(text, inside), _span(text, host) if host else []
    if not host:
        return [(number, "") for number in ports]
    if len(ports) == 1:
        return [(ports[0], host)]
    if len(ports) != len(publics):
        raise Failure(f"--publish: the two ranges of {text!r} are not equally long.", USAGE)
    return [(number, str(public)) for number, public in zip(ports, publics, strict=True)]


def _span(text: str, numbers: str) -> range:
    first, _, last = numbers.partition("-")
    begin, end = int(first or 0), int(last or first or 0)
    if not 1 <= begin <= end <= _PORT_MAX:
        raise Failure(f"--publish: {text!r} has {numbers!r}, which is no port and no range of ports.", USAGE)
    return range(begin, end + 1)
