"""What people type after a flag: durations, sizes, pairs, mounts, references. Pure; a bad value is a BadValue."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from swarm_core.api.proto import types_pb2

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|us|µs|ns|m|s))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgtp])(?:i?b)?|b)?", re.IGNORECASE)
_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50}
_OCTAL = re.compile(r"0?[0-7]{3,4}")


class BadValue(ValueError):
    """A value that cannot be used; the text is the rest of a sentence about its flag."""

    exit_code = 2


def seconds(text: str) -> float:
    """A duration such as 10s, 1m30s or 500ms; a bare number counts seconds."""
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise BadValue(f"{text!r} is no duration (write 500ms, 10s, 1m30s, 2h)")
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))


def byte_count(text: str) -> int:
    """A size such as 512m or 1.5g; a bare number counts bytes."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise BadValue(f"{text!r} is no size (write 512m, 2g)")
    return int(float(match[1]) * (1 << _UNITS[(match[2] or "").lower()]))


def nano_cpus(text: str) -> int:
    """A number of CPUs such as 0.5."""
    if not re.fullmatch(r"\d*\.?\d{1,9}|\d+\.", text):
        raise BadValue(f"{text!r} is no number of CPUs (write 0.5 or 2)")
    return round(float(text) * 1e9)


def whole(text: str) -> int:
    """A number without sign."""
    if not text.isdecimal():
        raise BadValue(f"{text!r} is no whole number")
    return int(text)


def pair(text: str) -> tuple[str, str]:
    """key=value; without = the value is empty."""
    key, _, value = text.partition("=")
    if not key:
        raise BadValue(f"{text!r} has no name before the =")
    return key, value


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """Several key=value."""
    return dict(pair(text) for text in texts)


def environment(texts: Iterable[str], inherited: Mapping[str, str]) -> list[str]:
    """NAME=value entries; NAME alone takes its value from our own environment, if it has one."""
    out = []
    for text in texts:
        name, separator, _ = text.partition("=")
        if not name or any(letter.isspace() for letter in name):
            raise BadValue(f"{text!r} is no NAME=value")
        if separator:
            out.append(text)
        elif name in inherited:
            out.append(f"{name}={inherited[name]}")
    return out


def fields(text: str) -> dict[str, str]:
    """One line of comma-separated key=value, quoted as in CSV; a key alone means true."""
    import csv

    try:
        row = next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration):
        raise BadValue(f"{text!r} is no comma-separated list of key=value") from None
    out = {}
    for part in row:
        key, separator, value = part.strip().partition("=")
        out[key.lower()] = value if separator else "true"
    return out


@dataclass(frozen=True, slots=True)
class Reference:
    """A secret or a config by name, and the file it becomes."""

    source: str
    target: str
    uid: str = "0"
    gid: str = "0"
    mode: int = 0o444

    def file(self) -> types_pb2.FileTarget:
        """The file as the spec says it."""
        return types_pb2.FileTarget(name=self.target, uid=self.uid, gid=self.gid, mode=self.mode)


def reference(text: str) -> Reference:
    """NAME, or source=NAME,target=FILE,uid=0,gid=0,mode=0440."""
    if "=" not in text and "," not in text:
        if not text:
            raise BadValue("a name is needed")
        return Reference(text, text)
    given = fields(text)
    source = given.pop("source", "") or given.pop("src", "")
    if not source:
        raise BadValue(f"{text!r} names no source")
    target = given.pop("target", source)
    mode = given.pop("mode", "0444")
    if not _OCTAL.fullmatch(mode):
        raise BadValue(f"mode {mode!r} is no file mode (write 0440)")
    found = Reference(source, target, given.pop("uid", "0"), given.pop("gid", "0"), int(mode, 8))
    _nothing_left(given, "a secret or config")
    return found


_MOUNT_TYPES = {
    "bind": types_pb2.Mount.BIND,
    "volume": types_pb2.Mount.VOLUME,
    "tmpfs": types_pb2.Mount.TMPFS,
    "npipe": types_pb2.Mount.NPIPE,
    "cluster": types_pb2.Mount.CLUSTER,
}


@dataclass(slots=True)
class _Taken:
    """Fields that are taken out one by one, so that what is left over is unknown."""

    given: dict[str, str]
    text: str = field(default="")

    def take(self, *names: str) -> str | None:
        for name in names:
            if name in self.given:
                return self.given.pop(name)
        return None

    def flag(self, *names: str) -> bool:
        value = self.take(*names)
        if value is None or value.lower() in ("false", "0"):
            return False
        if value.lower() in ("true", "1"):
            return True
        raise BadValue(f"{names[0]}={value} is neither true nor false")


def mount(text: str) -> types_pb2.Mount:
    """type=bind|volume|tmpfs|npipe|cluster,source=…,target=…,readonly and the type's own options."""
    taken = _Taken(fields(text), text)
    kind = taken.take("type") or "volume"
    if kind not in _MOUNT_TYPES:
        raise BadValue(f"mount type {kind!r} is none of {', '.join(_MOUNT_TYPES)}")
    found = types_pb2.Mount(
        type=_MOUNT_TYPES[kind],
        source=taken.take("source", "src") or "",
        target=taken.take("target", "destination", "dst") or "",
        readonly=taken.flag("readonly", "ro"),
    )
    if not found.target:
        raise BadValue(f"mount {text!r} has no target")
    if kind == "bind" and not found.source:
        raise BadValue(f"bind mount {text!r} has no source")
    _bind_options(found, taken)
    _volume_options(found, taken)
    _tmpfs_options(found, taken)
    _nothing_left(taken.given, f"a {kind} mount")
    return found


def _bind_options(found: types_pb2.Mount, taken: _Taken) -> None:
    if found.type != types_pb2.Mount.BIND:
        return
    propagation = taken.take("bind-propagation")
    if propagation is not None:
        words = types_pb2.Mount.BindOptions.Propagation
        if propagation.upper() not in words.keys():  # noqa: SIM118 - an enum wrapper is no mapping
            raise BadValue(f"{propagation!r} is no bind propagation")
        found.bind_options.propagation = words.Value(propagation.upper())
    if taken.flag("bind-nonrecursive"):
        found.bind_options.nonrecursive = True


def _volume_options(found: types_pb2.Mount, taken: _Taken) -> None:
    if found.type != types_pb2.Mount.VOLUME:
        return
    options = found.volume_options
    if taken.flag("volume-nocopy"):
        options.nocopy = True
    if driver := taken.take("volume-driver"):
        options.driver_config.name = driver
    if subpath := taken.take("volume-subpath"):
        options.subpath = subpath
    if label := taken.take("volume-label"):
        options.labels.update(pairs([label]))
    if option := taken.take("volume-opt"):
        options.driver_config.options.update(pairs([option]))


def _tmpfs_options(found: types_pb2.Mount, taken: _Taken) -> None:
    if found.type != types_pb2.Mount.TMPFS:
        return
    if size := taken.take("tmpfs-size"):
        found.tmpfs_options.size_bytes = byte_count(size)
    if mode := taken.take("tmpfs-mode"):
        if not _OCTAL.fullmatch(mode):
            raise BadValue(f"tmpfs-mode {mode!r} is no file mode (write 1770)")
        found.tmpfs_options.mode = int(mode, 8)


def port(text: str) -> types_pb2.PortConfig:
    """[PUBLISHED:]TARGET[/PROTOCOL], or published=…,target=…,protocol=…,mode=ingress|host."""
    if "=" in text:
        given = fields(text)
        target, published = given.pop("target", ""), given.pop("published", "")
        protocol, mode = given.pop("protocol", "tcp"), given.pop("mode", "ingress")
        _nothing_left(given, "a port")
    else:
        address, _, protocol = text.partition("/")
        published, _, target = address.rpartition(":")
        protocol, mode = protocol or "tcp", "ingress"
    protocols, modes = types_pb2.PortConfig.Protocol, types_pb2.PortConfig.PublishMode
    if protocol.upper() not in protocols.keys() or mode.upper() not in modes.keys():  # noqa: SIM118
        raise BadValue(f"port {text!r} has protocol {protocol!r} and mode {mode!r}")
    return types_pb2.PortConfig(
        target_port=_port_number(target),
        published_port=_port_number(published) if published else 0,
        protocol=protocols.Value(protocol.upper()),
        publish_mode=modes.Value(mode.upper()),
    )


def _port_number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise BadValue(f"{text!r} is no port number")
    return int(text)


def ulimit(text: str) -> tuple[str, int, int]:
    """name=soft[:hard]."""
    name, value = pair(text)
    soft, _, hard = value.partition(":")
    try:
        return name, int(soft), int(hard or soft)
    except ValueError:
        raise BadValue(f"{text!r} is no limit (write nofile=1024:2048)") from None


def _nothing_left(given: Mapping[str, str], what: str) -> None:
    if given:
        raise BadValue(f"{', '.join(sorted(given))}: {what} has no such option")
