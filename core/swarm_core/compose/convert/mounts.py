"""Mounts of a service, each type with the options that are its own."""

from collections.abc import Iterable, Mapping
from typing import Final

from swarm_core.api.proto import types_pb2
from swarm_core.compose.convert.names import Namespace
from swarm_core.compose.forms.scalars import plain_texts
from swarm_core.compose.reading.errors import Unsound
from swarm_core.compose.reading.values import Map
from swarm_core.specs import notation

_Mount = types_pb2.Mount
_TYPES: Final = notation.words_of(_Mount.Type)
_PROPAGATIONS: Final = notation.words_of(_Mount.BindOptions.Propagation)
_CONSISTENCIES: Final = notation.words_of(_Mount.Consistency)
_OWN_OPTIONS: Final[Mapping[str, str]] = {
    "bind": "bind",
    "npipe": "bind",
    "volume": "volume",
    "tmpfs": "tmpfs",
    "cluster": "",
}


def mounts(given: Iterable[Map], volumes: Map, space: Namespace) -> list[types_pb2.Mount]:
    """All mounts in their order. Raises Unsound."""
    return [_mount(entry, volumes, space) for entry in given]


def _mount(entry: Map, volumes: Map, space: Namespace) -> types_pb2.Mount:
    kind = entry["type"]
    if kind not in _TYPES:
        raise Unsound(f"volume type {kind!r} is none of {', '.join(_TYPES)}", entry.at("type"))
    for options in ("bind", "volume", "tmpfs"):
        if options in entry and _OWN_OPTIONS[kind] != options:
            raise Unsound(f"{options} options are incompatible with type {kind}", entry.at(options))
    consistency = entry.get("consistency", "default")
    if consistency not in _CONSISTENCIES:
        raise Unsound(
            f"consistency {consistency!r} is none of {', '.join(_CONSISTENCIES)}", entry.at("consistency")
        )
    source = entry.get("source", "")
    found = _Mount(
        type=_TYPES[kind],  # type: ignore[arg-type]
        source=source,
        target=entry.get("target", ""),
        readonly=bool(entry.get("read_only")),
        consistency=_CONSISTENCIES[consistency],  # type: ignore[arg-type]
    )
    if kind == "volume":
        _volume(found, entry, volumes, space)
    elif kind == "tmpfs":
        _tmpfs(found, entry)
    elif kind == "cluster":
        _cluster(found, entry, volumes, space)
    else:
        _bind(found, entry)
    return found


def _bind(found: types_pb2.Mount, entry: Map) -> None:
    if not found.source:
        raise Unsound(f"invalid {entry['type']} source, source cannot be empty", entry.mark)
    propagation = (entry.get("bind") or {}).get("propagation")
    if propagation:
        if propagation not in _PROPAGATIONS:
            told = f"propagation {propagation!r} is none of {', '.join(_PROPAGATIONS)}"
            raise Unsound(told, entry["bind"].at("propagation"))
        found.bind_options.propagation = _PROPAGATIONS[propagation]  # type: ignore[assignment]


def _tmpfs(found: types_pb2.Mount, entry: Map) -> None:
    if found.source:
        raise Unsound("invalid tmpfs source, source must be empty", entry.at("source"))
    if "tmpfs" in entry:
        found.tmpfs_options.size_bytes = (entry["tmpfs"] or {}).get("size", 0)


def _volume(found: types_pb2.Mount, entry: Map, volumes: Map, space: Namespace) -> None:
    if not found.source:
        return
    definition = _definition(found.source, entry, volumes)
    own = entry.get("volume") or {}
    found.volume_options.nocopy = bool(own.get("nocopy"))
    found.volume_options.subpath = own.get("subpath", "")
    found.source = definition.get("name") or space.scoped(found.source)
    if definition.get("external"):
        return
    found.volume_options.labels.update(space.labels(plain_texts(definition.get("labels") or {})))
    if definition.get("driver") or "driver_opts" in definition:
        found.volume_options.driver_config.name = definition.get("driver") or ""
        found.volume_options.driver_config.options.update(plain_texts(definition.get("driver_opts") or {}))


def _cluster(found: types_pb2.Mount, entry: Map, volumes: Map, space: Namespace) -> None:
    """A volume of the cluster by name, or one of a group."""
    if not found.source:
        raise Unsound("invalid cluster source, source cannot be empty", entry.mark)
    if found.source.startswith("group:"):
        return
    definition = _definition(found.source, entry, volumes)
    found.source = definition.get("name") or space.scoped(found.source)


def _definition(source: str, entry: Map, volumes: Map) -> Map:
    definition = volumes.get(source)
    if definition is None:
        raise Unsound(f'undefined volume "{source}"', entry.at("source"))
    assert isinstance(definition, Map)
    return definition
