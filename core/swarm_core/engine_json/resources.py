"""Resources of nodes and tasks (docs/design/engine-api-json.md 14.2.4, 14.4.4)."""

from typing import Any, Final

from swarm_core.engine_json.given import INT64, Given
from swarm_core.engine_json.shape import TEXT, Own, Part, Parts, Shape, Value, Wrapped, integer
from swarm_core.http.errors import BadRequest
from swarm_core.http.version import Version

_V_PIDS = Version(1, 41)
_V_SWAP = Version(1, 52)
_NAMED: Final = Shape(Value("Kind", "kind", TEXT), Value("Value", "value", TEXT))
_DISCRETE: Final = Shape(Value("Kind", "kind", TEXT), Value("Value", "value", integer()))


def _read_generic(given: Given, message: Any) -> None:
    for name, field, shape in (
        ("DiscreteResourceSpec", "discrete_resource_spec", _DISCRETE),
        ("NamedResourceSpec", "named_resource_spec", _NAMED),
    ):
        if (part := given.part(name)) is not None:
            shape.read(part, getattr(message, field))
            return
    raise BadRequest(
        "invalid GenericResource: either DiscreteResourceSpec or NamedResourceSpec should be set"
    )


def _show_generic(message: Any, out: dict[str, Any], version: Version) -> None:
    match message.WhichOneof("resource"):
        case "discrete_resource_spec":
            out["DiscreteResourceSpec"] = _DISCRETE.show(message.discrete_resource_spec, version)
        case "named_resource_spec":
            out["NamedResourceSpec"] = _NAMED.show(message.named_resource_spec, version)


GENERIC: Final = Shape(
    Own(
        _show_generic,
        _read_generic,
        (
            Part("NamedResourceSpec", "named_resource_spec", _NAMED),
            Part("DiscreteResourceSpec", "discrete_resource_spec", _DISCRETE),
        ),
    )
)
_AMOUNTS: Final = (
    Value("NanoCPUs", "nano_cpus", integer()),
    Value("MemoryBytes", "memory_bytes", integer()),
)
RESOURCES: Final = Shape(*_AMOUNTS, Parts("GenericResources", "generic", GENERIC))
_LIMITS: Final = Shape(*_AMOUNTS)
REQUIREMENTS: Final = Shape(
    Part("Limits", "limits", _LIMITS),
    Part("Reservations", "reservations", RESOURCES),
    Wrapped("SwapBytes", "swap_bytes", integer(), since=_V_SWAP),
    Wrapped("MemorySwappiness", "memory_swappiness", integer(), since=_V_SWAP),
)

_WITH_PIDS: Final = Shape(
    Part("Limits", "limits", Shape(*_AMOUNTS, Value("Pids", "pidsLimit", integer()))),
    Part("Reservations", "reservations", RESOURCES),
    Wrapped("SwapBytes", "swap_bytes", integer()),
    Wrapped("MemorySwappiness", "memory_swappiness", integer()),
)
"""The form of a task's."""


def _show_requirements(task: Any, out: dict[str, Any], version: Version) -> None:
    pids = task.container.pidsLimit
    if not task.HasField("resources") and not pids:
        return
    shown = REQUIREMENTS.show(task.resources, version)
    if pids:
        shown = {"Limits": shown.get("Limits", {}) | {"Pids": pids}} | {
            name: value for name, value in shown.items() if name != "Limits"
        }
    out["Resources"] = shown


def _read_requirements(given: Given, task: Any) -> None:
    if (part := given.part("Resources")) is None:
        return
    REQUIREMENTS.read(part, task.resources)
    limits = part.part("Limits")
    if limits is not None and given.version >= _V_PIDS and task.WhichOneof("runtime") == "container":
        task.container.pidsLimit = limits.whole("Pids", INT64)


TASK_RESOURCES: Final = Own(
    _show_requirements, _read_requirements, (Part("Resources", "resources", _WITH_PIDS),)
)
"""A task's; its limit of processes lies in the container's spec. So this row is read after the container's."""
