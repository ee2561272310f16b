"""Composite values of a spec in one text each: mounts, ports, references to secrets and configs, ulimits, preferences.

Pure; what cannot be read is an InvalidValue. An option that a part does not have is refused by name, never ignored.
"""

from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.specs import notation
from swarm_core.specs.errors import InvalidValue

PORT_MAX: Final = 65_535
_Mount = types_pb2.Mount
_MOUNT_TYPES: Final = notation.words_of(_Mount.Type)
_PROPAGATIONS: Final = notation.words_of(_Mount.BindOptions.Propagation)
_CONSISTENCIES: Final = notation.words_of(_Mount.Consistency)
_PROTOCOLS: Final = notation.words_of(types_pb2.PortConfig.Protocol)
_RECURSIONS: Final = ("enabled", "disabled", "writable", "readonly")
_REPEATED: Final = ("volume-label", "volume-opt")
_PUBLISH_MODES: Final = notation.words_of(types_pb2.PortConfig.PublishMode)


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
            raise InvalidValue("a name is needed")
        return Reference(text, text)
    given = _Options(notation.fields(text))
    source = given.take("source", "src")
    if not source:
        raise InvalidValue(f"{text!r} names no source")
    found = Reference(
        source,
        given.take("target") or source,
        given.take("uid") or "0",
        given.take("gid") or "0",
        notation.file_mode(given.take("mode") or "0444"),
    )
    given.finish("a secret or config")
    return found


def mount(text: str) -> types_pb2.Mount:
    """type=bind|volume|tmpfs|npipe|cluster,source=…,target=…,readonly and the type's own options; volume-label and volume-opt as
    often as there are labels and options."""
    written = notation.field_list(text)
    given = _Options({key: value for key, value in written if key not in _REPEATED})
    kind = given.take("type") or "volume"
    if kind not in _MOUNT_TYPES:
        raise InvalidValue(f"mount type {kind!r} is none of {', '.join(_MOUNT_TYPES)}")
    found = _Mount(
        type=_MOUNT_TYPES[kind],  # type: ignore[arg-type]
        source=given.take("source", "src"),
        target=given.take("target", "destination", "dst"),
        readonly=given.flag("readonly", "ro"),
    )
    if not found.target:
        raise InvalidValue(f"mount {text!r} has no target")
    if word := given.take("consistency"):
        found.consistency = notation.choice(word, _CONSISTENCIES)  # type: ignore[assignment]
    if kind == "bind" and not found.source:
        raise InvalidValue(f"bind mount {text!r} has no source")
    if kind == "cluster" and not found.source:
        raise InvalidValue(f"mount {text!r} names no volume (write source=NAME or source=group:NAME)")
    match found.type:
        case _Mount.BIND:
            _bind_options(found, given)
        case _Mount.VOLUME:
            _volume_options(found, given, [field for field in written if field[0] in _REPEATED])
        case _Mount.TMPFS:
            _tmpfs_options(found, given)
    if found.type != _Mount.VOLUME:
        given.given.update(field for field in written if field[0] in _REPEATED)
    given.finish(f"a {kind} mount")
    return found


def _bind_options(found: types_pb2.Mount, given: "_Options") -> None:
    if word := given.take("bind-propagation"):
        if word.lower() not in _PROPAGATIONS:
            raise InvalidValue(f"bind propagation {word!r} is none of {', '.join(_PROPAGATIONS)}")
        found.bind_options.propagation = _PROPAGATIONS[word.lower()]  # type: ignore[assignment]
    if given.flag("bind-nonrecursive"):
        found.bind_options.nonrecursive = True
    if word := given.take("bind-recursive"):
        _set_recursion(found, notation.word(word, _RECURSIONS))


def _set_recursion(found: types_pb2.Mount, word: str) -> None:
    """What becomes of mounts below the one that is bound."""
    options = found.bind_options
    if word in ("writable", "readonly") and not found.readonly:
        raise InvalidValue(f"bind-recursive={word} needs readonly")
    match word:
        case "disabled":
            options.nonrecursive = True
        case "writable":
            options.readonlynonrecursive = True
        case "readonly":
            if not found.HasField("bind_options") or options.propagation != _Mount.BindOptions.RPRIVATE:
                raise InvalidValue("bind-recursive=readonly needs bind-propagation=rprivate")
            options.readonlyforcerecursive = True


def _volume_options(found: types_pb2.Mount, given: "_Options", repeated: list[tuple[str, str]]) -> None:
    if not repeated and not any(key.startswith("volume-") for key in given.given):
        return
    options = found.volume_options
    options.driver_config.SetInParent()
    if given.flag("volume-nocopy"):
        options.nocopy = True
    if driver := given.take("volume-driver"):
        options.driver_config.name = driver
    if subpath := given.take("volume-subpath"):
        options.subpath = subpath
    options.labels.update(notation.pairs(value for key, value in repeated if key == "volume-label"))
    options.driver_config.options.update(
        notation.pairs(value for key, value in repeated if key == "volume-opt")
    )


def _tmpfs_options(found: types_pb2.Mount, given: "_Options") -> None:
    if size := given.take("tmpfs-size"):
        found.tmpfs_options.size_bytes = notation.byte_count(size)
    if mode := given.take("tmpfs-mode"):
        found.tmpfs_options.mode = notation.file_mode(mode, "1770")


def network(text: str) -> types_pb2.NetworkAttachmentConfig:
    """NAME, or name=NAME,alias=…,driver-opt=KEY=VALUE,ip=ADDRESS, each of the latter as often as needed. The target is the name still."""
    if "=" not in text:
        if not text:
            raise InvalidValue("a name is needed")
        return types_pb2.NetworkAttachmentConfig(target=text)
    found = types_pb2.NetworkAttachmentConfig()
    for key, value in notation.field_list(text):
        match key:
            case "name":
                found.target = value
            case "alias":
                found.aliases.append(value)
            case "driver-opt":
                found.driver_attachment_opts.update(notation.pairs([value]))
            case "ip" | "ip6":
                found.addresses.append(value)
            case _:
                raise InvalidValue(f"{key}: a network has no such option")
    if not found.target:
        raise InvalidValue(f"{text!r} names no network (write name=NAME)")
    return found


def port(text: str) -> types_pb2.PortConfig:
    """[PUBLISHED:]TARGET[/PROTOCOL], or published=…,target=…,protocol=…,mode=ingress|host."""
    if "=" in text:
        given = _Options(notation.fields(text))
        target, published = given.take("target"), given.take("published")
        if not target:
            raise InvalidValue(f"{text!r} names no target")
        protocol, mode = given.take("protocol") or "tcp", given.take("mode") or "ingress"
        given.finish("a port")
    else:
        address, _, protocol = text.partition("/")
        published, _, target = address.rpartition(":")
        protocol, mode = protocol or "tcp", "ingress"
    return types_pb2.PortConfig(
        target_port=port_number(target),
        published_port=port_number(published) if published else 0,
        protocol=notation.choice(protocol, _PROTOCOLS),  # type: ignore[arg-type]
        publish_mode=notation.choice(mode, _PUBLISH_MODES),  # type: ignore[arg-type]
    )


def ports(text: str) -> list[types_pb2.PortConfig]:
    """The same with ranges: 8000-8002:80-82 is three ports, 8000-8002:80 one that is published three times, 80-82 three that are
    published anywhere."""
    if "=" in text or "-" not in text:
        return [port(text)]
    address, slash, protocol = text.partition("/")
    published, colon, target = address.rpartition(":")
    inner = _port_range(target)
    outer = _port_range(published) if colon else None
    if outer is None:
        pairs = [(0, one) for one in inner]
    elif len(outer) == len(inner):
        pairs = list(zip(outer, inner, strict=True))
    elif len(inner) == 1:
        pairs = [(one, inner[0]) for one in outer]
    else:
        raise InvalidValue(f"{text!r} has ranges of different lengths")
    return [port(f"{f'{here}:' if here else ''}{there}{slash}{protocol}") for here, there in pairs]


def _port_range(text: str) -> range:
    first, dash, last = text.partition("-")
    start = port_number(first)
    end = port_number(last) if dash else start
    if end < start:
        raise InvalidValue(f"{text!r} is no range of ports")
    return range(start, end + 1)


def port_number(text: str) -> int:
    """From 1 to 65535."""
    if not (text.isascii() and text.isdecimal() and 0 < notation.whole(text) <= PORT_MAX):
        raise InvalidValue(f"{text!r} is no port number")
    return int(text)


_ULIMITS = frozenset(
    [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ]
)


_ULIMIT_FORM: Final = "write nofile=1024:2048"


def ulimit(text: str) -> specs_pb2.ContainerSpec.Ulimit:
    """name=soft[:hard]; -1 is no limit."""
    name, value = notation.pair(text)
    if "=" not in text:
        raise InvalidValue(f"{text!r} gives no limit ({_ULIMIT_FORM}; names: {', '.join(sorted(_ULIMITS))})")
    if name not in _ULIMITS:
        raise InvalidValue(f"there is no ulimit {name!r}, only {', '.join(sorted(_ULIMITS))}")
    soft_text, separator, hard_text = value.partition(":")
    soft = _limit(text, soft_text)
    hard = _limit(text, hard_text) if separator else soft
    if hard != -1 and (soft == -1 or soft > hard):
        raise InvalidValue(f"{text!r}: the soft limit must not be larger than the hard limit")
    return specs_pb2.ContainerSpec.Ulimit(name=name, soft=soft, hard=hard)


def _limit(text: str, number: str) -> int:
    if number == "-1":
        return -1
    try:
        return notation.whole(number, notation.INT64_MAX)
    except InvalidValue:
        raise InvalidValue(f"{text!r} is no limit ({_ULIMIT_FORM})") from None


def spread(text: str) -> str:
    """The descriptor of spread=DESCRIPTOR, the one placement preference there is."""
    strategy, descriptor = notation.pair(text)
    if strategy != "spread" or not descriptor:
        raise InvalidValue(f"{text!r} is no preference (write spread=node.labels.zone)")
    return descriptor


def discrete_resource(text: str) -> types_pb2.GenericResource:
    """KIND=N."""
    kind, count = notation.pair(text)
    value = notation.whole(count, notation.INT64_MAX)
    return types_pb2.GenericResource(
        discrete_resource_spec=types_pb2.DiscreteGenericResource(kind=kind, value=value)
    )


@dataclass(frozen=True, slots=True)
class _Options:
    """Fields that are taken out one by one, so that what is left over is unknown."""

    given: dict[str, str]

    def take(self, *names: str) -> str:
        """The value of the first of these names that is given; empty without any."""
        for name in names:
            if name in self.given:
                return self.given.pop(name)
        return ""

    def flag(self, *names: str) -> bool:
        """Whether an option is switched on."""
        value = self.take(*names)
        if value.lower() in ("", "false", "0"):
            return False
        if value.lower() in ("true", "1"):
            return True
        raise InvalidValue(f"{names[0]}={value} is neither true nor false")

    def finish(self, what: str) -> None:
        """Refuse what nobody took."""
        if self.given:
            raise InvalidValue(f"{', '.join(sorted(self.given))}: {what} has no such option")
