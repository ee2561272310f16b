"""JSON Schemas of what clients write, made of the tables that read it (`swarm_core.engine_json`).

What no table reads, a function does, stands here by hand. `tests/unit/agentd/engine_api/test_openapi.py` holds that every name that is read is
here, and no other.

A schema is narrower than the API where it makes good requests likely: the API passes over names that it does not know and takes null
for what is missing, which here is malformed.
"""

from collections.abc import Iterable
from typing import Any, Final

from swarm_core.engine_json import config as config_json
from swarm_core.engine_json import network, node, secret, service, shape, swarm, volume
from swarm_core.engine_json.given import INT32, INT64, UINT32, UINT64, Given
from swarm_core.http.errors import BadRequest
from swarm_core.http.version import NEWEST

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
MAP: Final[Schema] = {"type": "object", "additionalProperties": TEXT}
FLAG: Final[Schema] = {"type": "boolean"}
_BYTES: Final[Schema] = {"type": "string", "format": "byte"}
_FLOAT32_MAX: Final = 3.4e38
_EITHER: Final = (
    ("Replicated", "Global", "ReplicatedJob", "GlobalJob"),
    ("ContainerSpec", "PluginSpec"),
    ("File", "Runtime"),
    ("DiscreteResourceSpec", "NamedResourceSpec"),
    ("Config", "File", "Registry"),
)
"""Of the names of one object exactly one may be there."""
_LIKELY: Final = {
    "Image": ("nginx", "registry.example:5000/a/b:1.2"),
    "Runtime": ("container", "process", "attachment"),
    "Driver": ("overlay", "csi", "default"),
    "Condition": ("none", "any"),
}
"""Words that mean something among the texts of these names."""


def likely(*words: str) -> Schema:
    """A text, often one of these."""
    return {"anyOf": [{"enum": list(words)}, {**TEXT, "minLength": 1}]}


def whole(low: int, high: int) -> Schema:
    """A whole number from `low` to `high`."""
    return {"type": "integer", "minimum": low, "maximum": high}


def record(properties: Schema, required: Iterable[str] = ()) -> Schema:
    """An object with these names, and no others."""
    needed = [name for name in required if name in properties]
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


_PLUGIN: Final = record(
    {
        "name": TEXT,
        "remote": TEXT,
        "privileges": {
            "type": "array",
            "items": record({"name": TEXT, "description": TEXT, "value": TEXTS}),
        },
        "disabled": FLAG,
        "env": TEXTS,
    }
)


def of_shape(table: shape.Shape, required: Iterable[str] = ()) -> Schema:
    """What a table reads."""
    properties: Schema = {}
    for row in table.rows:
        properties |= _of_row(row)
    for name, words in _LIKELY.items():
        if properties.get(name) == TEXT:
            properties[name] = likely(*words)
    for names in _EITHER:
        if all(name in properties for name in names):
            return {"anyOf": [_alone(properties, name, names, required) for name in names]}
    return record(properties, required)


def _alone(properties: Schema, chosen: str, names: tuple[str, ...], required: Iterable[str]) -> Schema:
    left = {name: each for name, each in properties.items() if name == chosen or name not in names}
    if chosen == "PluginSpec":
        return record(left | {"Runtime": {"const": "plugin"}}, (*required, chosen, "Runtime"))
    return record(left, (*required, chosen))


def _of_row(row: Any) -> Schema:
    """The names that a row reads, with their schemas."""
    match row:
        case shape.Value() | shape.Wrapped():
            return {row.name: _of_kind(row.kind)}
        case shape.Part(name="NetworkAttachmentSpec"):
            return {}  # only shown
        case shape.Part(name="PluginSpec"):
            return {row.name: _PLUGIN}
        case shape.Part(name="TmpfsOptions"):
            read = of_shape(row.shape)
            read["properties"]["Options"] = {"type": "array", "items": TEXTS}  # whose form is another
            return {row.name: read}
        case shape.Part():
            return {row.name: of_shape(row.shape, ("Image", "TaskTemplate"))}
        case shape.Parts():
            return {row.name: {"type": "array", "items": of_shape(row.shape)}}
        case shape.Inline():
            return of_shape(row.shape)["properties"]  # type: ignore[no-any-return]
        case shape.Nanoseconds() | shape.NanosecondsOrZero():
            return {row.name: whole(*INT64)}
        case shape.Choice():
            return {row.name: {"enum": [word for word in row.words.words if word]}}
        case shape.Own():
            # What clients only write has no form: there its reader is a row's own.
            like = row.like or (getattr(row.taken, "__self__", None),)
            return {name: each for one in like for name, each in _of_row(one).items()}
    raise AssertionError(f"no schema is known for {row!r}")


def _of_kind(kind: shape.Kind) -> Schema:
    """By what stands for nothing in its place, and by the numbers that it takes."""
    if kind is shape.BASE64:
        return _BYTES
    match kind.empty:
        case bool():
            return FLAG
        case str():
            return TEXT
        case list():
            return TEXTS
        case dict():
            return MAP
        case float():
            return {"type": "number", "minimum": -_FLOAT32_MAX, "maximum": _FLOAT32_MAX}
    return next(
        whole(low, high)
        for low, high in (UINT32, INT32, UINT64, INT64)
        if _takes(kind, low) and _takes(kind, high) and not _takes(kind, high + 1)
    )


def _takes(kind: shape.Kind, number: int) -> bool:
    try:
        kind.read(Given({"n": number}, NEWEST), "n")
    except BadRequest:
        return False
    return True


_SERVICE: Final = of_shape(service.SPEC, ("Name", "TaskTemplate"))
_PAYLOADS: Final = {
    "secrets": of_shape(secret.SPEC, ("Name",)),
    "configs": of_shape(config_json.SPEC, ("Name",)),
}
_NETWORK: Final = record(
    {
        "Name": TEXT,
        "Labels": MAP,
        "Driver": likely(*_LIKELY["Driver"]),
        "Scope": {"enum": ["swarm", "local"]},
        "Options": MAP,
        "EnableIPv6": FLAG,
        "Internal": FLAG,
        "Attachable": FLAG,
        "Ingress": FLAG,
        "IPAM": record(
            {
                "Driver": likely(*_LIKELY["Driver"]),
                "Options": MAP,
                "Config": {"type": "array", "items": of_shape(network.POOL)},
            }
        ),
        "ConfigFrom": record({"Network": TEXT}),
    },
    ("Name",),
)
_VOLUME: Final = record(
    {
        "Name": TEXT,
        "Labels": MAP,
        "Driver": likely(*_LIKELY["Driver"]),
        "DriverOpts": MAP,
        "ClusterVolumeSpec": of_shape(volume.SPEC),
    },
    ("Name", "ClusterVolumeSpec"),
)
_SWARM: Final = of_shape(swarm.SPEC)
_SWARM["properties"]["CAConfig"]["properties"] |= {"SigningCACert": TEXT, "SigningCAKey": TEXT}
_SWARM["properties"]["Name"] = {"const": "default"}
_MEMBER: Final[Schema] = {
    "ListenAddr": likely("0.0.0.0:2377", "eth0"),
    "AdvertiseAddr": likely("10.0.0.5", "eth0:2377"),
    "DataPathAddr": likely("10.0.0.5", "eth0"),
    "Availability": {"enum": ["active", "pause", "drain", "Active"]},
}

BODIES: Final = {
    ("POST", "/services/create"): _SERVICE,
    ("POST", "/services/{id}/update"): _SERVICE,
    ("POST", "/nodes/{id}/update"): of_shape(node.SPEC, ("Role", "Availability")),
    **{("POST", f"/{noun}/create"): each for noun, each in _PAYLOADS.items()},
    **{("POST", f"/{noun}/{{id}}/update"): each for noun, each in _PAYLOADS.items()},
    ("POST", "/networks/create"): _NETWORK,
    ("POST", "/volumes/create"): _VOLUME,
    ("PUT", "/volumes/{name}"): record({"Spec": of_shape(volume.SPEC)}),
    ("POST", "/swarm/update"): _SWARM,
    ("POST", "/swarm/unlock"): record({"UnlockKey": likely("SWMKEY-1-a")}),
    ("POST", "/swarm/init"): record(
        {
            **_MEMBER,
            "DataPathPort": whole(*UINT32),
            "DefaultAddrPool": {"type": "array", "items": likely("10.20.0.0/16", "fd00::/64")},
            "SubnetSize": whole(*UINT32),
            "ForceNewCluster": FLAG,
            "AutoLockManagers": FLAG,
            "Spec": _SWARM,
        },
        ("ListenAddr",),
    ),
    ("POST", "/swarm/join"): record(
        {
            **_MEMBER,
            "RemoteAddrs": {"type": "array", "items": likely("10.0.0.1:2377", "10.0.0.1")},
            "JoinToken": likely("SWMTKN-1-a-b"),
        },
        ("ListenAddr", "RemoteAddrs"),
    ),
    ("POST", "/containers/create"): {"type": "object"},
}
"""What a request's body is, by its method and path."""
