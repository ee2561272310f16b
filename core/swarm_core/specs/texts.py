"""The values of a spec as people write them: the way back from what `notation` and `parts` read.

Rule: a text that is made here reads back as the same value. What has no text of its own, such as an option of a mount that no flag has,
is left out; who keeps the value it was made of loses nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from google.protobuf.duration_pb2 import Duration

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.specs import notation

_UNITS: Final = (("h", 3_600 * notation.NANOS), ("m", 60 * notation.NANOS), ("s", notation.NANOS), ("ms", 1_000_000),
                 ("us", 1_000), ("ns", 1))  # fmt: skip
_SIZES: Final = ("p", "t", "g", "m", "k", "b")
_Mount = types_pb2.Mount
_KINDS: Final = {value: word for word, value in notation.words_of(_Mount.Type).items()}
_PROPAGATIONS: Final = {
    value: word for word, value in notation.words_of(_Mount.BindOptions.Propagation).items()
}
_CONSISTENCIES: Final = {value: word for word, value in notation.words_of(_Mount.Consistency).items()}
_PROTOCOLS: Final = {value: word for word, value in notation.words_of(types_pb2.PortConfig.Protocol).items()}


def duration(value: Duration) -> str:
    """1h30m, 500ms, 0s."""
    rest, words = value.ToNanoseconds(), ""
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        words += f"{count}{unit}" if count else ""
    return words or "0s"


def byte_count(size: int) -> str:
    """512m, 1g; in the largest unit that holds it whole."""
    unit = next(one for one in _SIZES if size % notation.BYTE_UNITS[one] == 0)
    return f"{size // notation.BYTE_UNITS[unit]}{unit}"


def cpus(nano_cpus: int) -> str:
    """0.5, 2."""
    whole, rest = divmod(nano_cpus, notation.NANOS)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".")


def ratio(share: float) -> str:
    """0.1: the wire holds a float of 32 bits, whose shortest text is the one that was written."""
    return f"{share:.7g}"


def port(given: types_pb2.PortConfig) -> str:
    """8080:80, 53/udp; with all its fields where it is published on single machines."""
    protocol = _PROTOCOLS[given.protocol]
    if given.publish_mode == types_pb2.PortConfig.HOST:
        published = f"published={given.published_port}," if given.published_port else ""
        return f"{published}target={given.target_port},protocol={protocol},mode=host"
    published = f"{given.published_port}:" if given.published_port else ""
    return f"{published}{given.target_port}{'' if protocol == 'tcp' else f'/{protocol}'}"


def mount(given: types_pb2.Mount) -> str:
    """type=volume,source=data,target=/data and so on."""
    parts = [f"type={_KINDS[given.type]}"]
    parts += [f"source={given.source}"] if given.source else []
    parts.append(f"target={given.target}")
    parts += ["readonly"] if given.readonly else []
    if given.consistency:
        parts.append(f"consistency={_CONSISTENCIES[given.consistency]}")
    match given.type:
        case _Mount.BIND:
            parts += _bind(given.bind_options)
        case _Mount.VOLUME:
            parts += _volume(given.volume_options)
        case _Mount.TMPFS:
            options = given.tmpfs_options
            parts += [f"tmpfs-size={options.size_bytes}"] if options.size_bytes else []
            parts += [f"tmpfs-mode={options.mode:04o}"] if options.mode else []
    return _csv(parts)


def _bind(options: types_pb2.Mount.BindOptions) -> list[str]:
    found = [f"bind-propagation={_PROPAGATIONS[options.propagation]}"] if options.propagation else []
    if options.nonrecursive:
        found.append("bind-recursive=disabled")
    elif options.readonlynonrecursive:
        found.append("bind-recursive=writable")
    return found


def _volume(options: types_pb2.Mount.VolumeOptions) -> list[str]:
    found = ["volume-nocopy"] if options.nocopy else []
    found += [f"volume-driver={options.driver_config.name}"] if options.driver_config.name else []
    found += [f"volume-subpath={options.subpath}"] if options.subpath else []
    found += [f"volume-label={one}" for one in pairs(options.labels)]
    return [*found, *(f"volume-opt={one}" for one in pairs(options.driver_config.options))]


def network(given: types_pb2.NetworkAttachmentConfig, name: str) -> str:
    """The network's name, with what else is said of it."""
    if not (given.aliases or given.addresses or given.driver_attachment_opts) and "=" not in name:
        return name
    parts = [f"name={name}", *(f"alias={one}" for one in given.aliases)]
    parts += [f"ip={one}" for one in given.addresses]
    return _csv([*parts, *(f"driver-opt={one}" for one in pairs(given.driver_attachment_opts))])


def reference(source: str, file: types_pb2.FileTarget) -> str:
    """A secret or config by its name, with the file it becomes where that is called or owned otherwise."""
    is_plain = (file.name, file.uid, file.gid, file.mode) == (source, "0", "0", 0o444)
    if is_plain and not set("=,") & set(source):
        return source
    parts = [f"source={source}", f"target={file.name}"]
    parts += [f"uid={file.uid}"] if file.uid not in ("", "0") else []
    parts += [f"gid={file.gid}"] if file.gid not in ("", "0") else []
    return _csv([*parts, f"mode={file.mode:04o}"] if file.mode != 0o444 else parts)


def ulimit(given: specs_pb2.ContainerSpec.Ulimit) -> str:
    """nofile=1024:2048."""
    hard = "" if given.hard == given.soft else f":{given.hard}"
    return f"{given.name}={given.soft}{hard}"


def pairs(given: Mapping[str, str]) -> list[str]:
    """key=value of each, sorted by key."""
    return [f"{key}={given[key]}" for key in sorted(given)]


def _csv(parts: Iterable[str]) -> str:
    """One line of comma-separated values, quoted where they need it."""
    import csv  # on demand, as in notation
    import io

    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(parts)
    return line.getvalue()
