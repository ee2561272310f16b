"""From an engine's JSON to records. Pure; what an engine leaves out is empty, and what has another form than is due is garbage.

Rules
1. A list is cut into its entries without writing them anew: each record keeps the engine's own bytes.
2. Engines are believed in form only as far as a record needs it. `read_with` turns every wrong form into EngineGarbage.
"""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from swarm_core.api.json_text import json_of
from swarm_core.engines.errors import EngineGarbage
from swarm_core.engines.records import (
    Container,
    EngineKey,
    Event,
    Image,
    Network,
    Port,
    Reservation,
    Volume,
)

T = TypeVar("T")
NS_PER_S = 1_000_000_000
RESCHEDULE_LABEL = "com.docker.swarm.reschedule-policies"
_WRONG_FORM = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)
_scan = json.JSONDecoder().raw_decode


def read_with(read: Callable[[], T], url: str) -> T:
    """What `read` gives. Raises EngineGarbage where it meets another form than it knows."""
    try:
        return read()
    except _WRONG_FORM as error:
        what = f"{type(error).__name__}: {error}"[:200]
        raise EngineGarbage(f"the container engine at {url} answered JSON of another form ({what})") from None


def split_list(body: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """The entries of a list of objects, each with its own bytes."""
    text = body.decode(errors="replace").strip()
    if text == "null":
        return []
    if not text.startswith("["):
        raise ValueError("no list")
    found: list[tuple[dict[str, Any], bytes]] = []
    at = _after_blanks(text, 1)
    while text[at] != "]":
        entry, end = _scan(text, at)
        if not isinstance(entry, dict):
            raise ValueError("an entry that is no object")
        found.append((entry, text[at:end].encode()))
        at = _after_blanks(text, end)
        if text[at] == ",":
            at = _after_blanks(text, at + 1)
        elif text[at] != "]":
            raise ValueError("a list without commas")
    return found


def _after_blanks(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def container_of(key: EngineKey, entry: Mapping[str, Any], raw: bytes, skew_s: float) -> Container:
    """A container from its entry in a list."""
    status = str(entry.get("Status") or "")
    networks = (entry.get("NetworkSettings") or {}).get("Networks") or {}
    return Container(
        engine=key,
        id=_text(entry["Id"]),
        name=_first_name(entry.get("Names") or ()),
        image=sys.intern(_text(entry.get("Image", ""))),
        image_id=sys.intern(_text(entry.get("ImageID", ""))),
        command=_text(entry.get("Command", "")),
        created_s=float(entry.get("Created") or 0) + skew_s,
        state=sys.intern(_text(entry.get("State", ""))),
        status=status,
        health=health_of(status),
        exit_code=exit_code_of(status),
        ports=tuple(_port(one) for one in entry.get("Ports") or ()),
        labels=_labels(entry.get("Labels")),
        networks=tuple(map(sys.intern, networks)),
        volumes=tuple(
            _text(mount.get("Name", ""))
            for mount in entry.get("Mounts") or ()
            if mount.get("Type") == "volume"
        ),
        raw=raw,
    )


def is_as_listed(known: Container, entry: Mapping[str, Any], skew_s: float) -> bool:
    """Whether a container that was read of this very entry is still as it says: all that events change of a container is compared."""
    status = entry.get("Status") or ""
    return (
        known.state == entry.get("State", "")
        and known.status == status
        and (known.health, known.exit_code) == (health_of(status), exit_code_of(status))
        and len(known.ports) == len(entry.get("Ports") or ())
        and known.name == _first_name(entry.get("Names") or ())
        and known.created_s == float(entry.get("Created") or 0) + skew_s
    )


def _first_name(names: Any) -> str:
    """The name without its slash; links to it from other containers have two."""
    texts = [_text(name) for name in names]
    own = [name for name in texts if name.count("/") == 1]
    return (own or texts or [""])[0].removeprefix("/")


def health_of(status: str) -> str:
    """What the words of a status say of the health check."""
    if status.endswith("(healthy)"):
        return "healthy"
    if status.endswith("(unhealthy)"):
        return "unhealthy"
    return "starting" if status.endswith("(health: starting)") else ""


def exit_code_of(status: str) -> int | None:
    """The exit code in the words of a status: Exited (137) 2 minutes ago."""
    if not status.startswith(("Exited (", "Restarting (")):
        return None
    digits = status.partition("(")[2].partition(")")[0]
    return int(digits) if digits.lstrip("-").isdecimal() else None


def _port(entry: Mapping[str, Any]) -> Port:
    return Port(
        int(entry["PrivatePort"]),
        sys.intern(_text(entry.get("Type", "tcp"))),
        int(entry.get("PublicPort") or 0),
        _text(entry.get("IP", "")),
    )


def image_of(key: EngineKey, entry: Mapping[str, Any], raw: bytes, skew_s: float) -> Image:
    """An image from its entry in a list."""
    return Image(
        engine=key,
        id=_text(entry["Id"]),
        tags=tuple(_text(tag) for tag in entry.get("RepoTags") or () if tag != "<none>:<none>"),
        digests=tuple(_text(one) for one in entry.get("RepoDigests") or () if one != "<none>@<none>"),
        created_s=float(entry.get("Created") or 0) + skew_s,
        size_bytes=int(entry.get("Size") or 0),
        labels=_labels(entry.get("Labels")),
        raw=raw,
    )


def volume_of(key: EngineKey, entry: Mapping[str, Any], raw: bytes) -> Volume:
    """A volume from its entry in a list."""
    return Volume(
        engine=key,
        name=_text(entry["Name"]),
        driver=_text(entry.get("Driver", "")),
        scope=_text(entry.get("Scope", "")),
        mountpoint=_text(entry.get("Mountpoint", "")),
        created=_text(entry.get("CreatedAt") or ""),
        labels=_labels(entry.get("Labels")),
        raw=raw,
    )


def network_of(key: EngineKey, entry: Mapping[str, Any], raw: bytes) -> Network:
    """A network from its entry in a list."""
    return Network(
        engine=key,
        id=_text(entry["Id"]),
        name=_text(entry["Name"]),
        driver=_text(entry.get("Driver", "")),
        scope=_text(entry.get("Scope", "")),
        created=_text(entry.get("Created") or ""),
        labels=_labels(entry.get("Labels")),
        raw=raw,
    )


def reservation_of(inspected: Mapping[str, Any], engine_cpus: int) -> Reservation:
    """What an inspection tells that placement must know. CPU shares are CPUs here: an engine's share of 1024 is all of it."""
    host, config = inspected.get("HostConfig") or {}, inspected.get("Config") or {}
    nano_cpus = int(host.get("NanoCpus") or 0)
    if not nano_cpus and (shares := int(host.get("CpuShares") or 0)):
        nano_cpus = shares * engine_cpus * NS_PER_S // 1024
    bound = host.get("PortBindings") or {}
    ports = [
        _bound(port, one)
        for port, many in bound.items()
        for one in many or ()
        # Of a range the engine chooses anew at each start.
        if one.get("HostPort") and "-" not in str(one["HostPort"])
    ]
    if host.get("NetworkMode") == "host":
        ports += [_exposed(port) for port in config.get("ExposedPorts") or {}]
    is_moved = RESCHEDULE_LABEL in (config.get("Labels") or {})
    return Reservation(
        nano_cpus=nano_cpus,
        memory_bytes=int(host.get("Memory") or 0),
        ports=tuple(ports),
        raw=json.dumps(inspected, separators=(",", ":")).encode() if is_moved else b"",
    )


def _bound(port: str, binding: Mapping[str, Any]) -> Port:
    number, _, protocol = port.partition("/")
    return Port(int(number), protocol or "tcp", int(binding["HostPort"]), _text(binding.get("HostIp") or ""))


def _exposed(port: str) -> Port:
    number, _, protocol = port.partition("/")
    return Port(int(number), protocol or "tcp", int(number))


def event_of(key: EngineKey, raw: bytes, skew_s: float) -> Event:
    """An event from its line."""
    entry = json_of(raw.decode(errors="replace"))
    actor = entry.get("Actor") or {}
    at_ns = int(entry.get("timeNano") or int(entry.get("time") or 0) * NS_PER_S)
    # Engines before 1.10 name neither type nor actor, and tell of containers alone.
    return Event(
        engine=key,
        type=sys.intern(_text(entry.get("Type") or "container")),
        action=_text(entry.get("Action") or entry.get("status") or ""),
        id=_text(actor.get("ID") or entry.get("id") or ""),
        attributes=_labels(actor.get("Attributes")),
        at_ns=at_ns + round(skew_s * NS_PER_S),
        raw=raw,
    )


def engine_labels(info: Mapping[str, Any]) -> dict[str, str]:
    """What constraints ask for: four facts of the engine, and its own labels, which never replace those."""
    facts = {
        "storagedriver": _text(info.get("Driver") or ""),
        "kernelversion": _text(info.get("KernelVersion") or ""),
        "operatingsystem": _text(info.get("OperatingSystem") or ""),
        "ostype": _text(info.get("OSType") or ""),
    }
    for label in info.get("Labels") or ():
        name, _, value = _text(label).partition("=")
        # `constraint:node` means the engine's name.
        if name != "node":
            facts.setdefault(name, value)
    return facts


def seconds_of(text: str) -> float:
    """Seconds since 1970 of a time as engines write it, with nanoseconds."""
    whole, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{whole}.{rest[:digits][:6]}{rest[digits:]}"
    return datetime.fromisoformat(text).timestamp()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in place of text")
    return value


def _labels(value: Any) -> dict[str, str]:
    # What is no text cannot be interned.
    return {sys.intern(name): str(text) for name, text in (value or {}).items()}
