"""The spec of tasks, which services hold as their template (docs/design/engine-api-json.md 14.4.2).

Shown of a service, the runtime is always named; of a task only that of an attachment. A task of a runtime that Docker does not know is
shown with a container's spec too, since readers count on there being one.
"""

from typing import Any, Final

from swarm_core.api.runtimes import ATTACHMENT, process_spec
from swarm_core.engine_json import container, plugin
from swarm_core.engine_json.annotations import DRIVER, PLATFORM, shown_by
from swarm_core.engine_json.endpoints import ATTACHMENT as NETWORK
from swarm_core.engine_json.given import UINT64, Given
from swarm_core.engine_json.policies import RESTART
from swarm_core.engine_json.resources import TASK_RESOURCES
from swarm_core.engine_json.shape import TEXT, TEXTS, Own, Part, Parts, Shape, Value, integer
from swarm_core.http.errors import BadRequest, NotImplementedHere
from swarm_core.http.version import Version

_V_MAX_REPLICAS = Version(1, 40)
_SPREAD: Final = Shape(Value("SpreadDescriptor", "spread_descriptor", TEXT, keep=True))
_PREFERENCE: Final = Shape(Part("Spread", "spread", _SPREAD))


def _show_preferences(placement: Any, out: dict[str, Any], version: Version) -> None:
    shown = [
        {"Spread": _SPREAD.show(each.spread, version)}
        for each in placement.preferences
        if each.HasField("spread")
    ]
    if shown:
        out["Preferences"] = shown


def _read_preferences(given: Given, placement: Any) -> None:
    for each in given.parts("Preferences"):
        if (spread := each.part("Spread")) is not None:
            _SPREAD.read(spread, placement.preferences.add().spread)


_PLACEMENT: Final = Shape(
    Value("Constraints", "constraints", TEXTS),
    Own(_show_preferences, _read_preferences, (Parts("Preferences", "preferences", _PREFERENCE),)),
    Value("MaxReplicas", "max_replicas", integer(UINT64), since=_V_MAX_REPLICAS),
    Parts("Platforms", "platforms", PLATFORM),
)


def _show_runtime(task: Any, out: dict[str, Any], version: Version) -> None:
    match task.WhichOneof("runtime"):
        case "container":
            out["ContainerSpec"] = container.CONTAINER.show(task.container, version)
        case "attachment":
            out["NetworkAttachmentSpec"] = {"ContainerID": task.attachment.container_id}
        case "generic":
            _show_generic(task, out, version)


def _show_generic(task: Any, out: dict[str, Any], version: Version) -> None:
    if task.generic.kind == plugin.KIND:
        try:
            out["PluginSpec"] = plugin.shown_plugin(task.generic.payload.value)
        except ValueError:
            out["PluginSpec"] = {}  # one payload that cannot be read must not hide all other services
    elif (process := process_spec(task)) is not None:
        out["ContainerSpec"] = container.shown_process(process, version)
    else:
        out["ContainerSpec"] = {"Image": task.generic.kind, "Isolation": "default"}


def _read_runtime(given: Given, task: Any) -> None:
    match given.text("Runtime"):
        case "" | "container":
            if (part := given.part("ContainerSpec")) is None:
                raise _mismatched()
            container.CONTAINER.read(part, task.container)
        case plugin.KIND:
            if (part := given.part("PluginSpec")) is None:
                raise _mismatched()
            task.generic.kind = plugin.KIND
            task.generic.payload.type_url = plugin.TYPE_URL
            task.generic.payload.value = plugin.read_plugin(part)
        case "attachment":
            raise BadRequest('invalid task spec: spec type "attachment" not supported')
        case "process":
            raise NotImplementedHere(
                "A service of processes cannot be made or changed through the Engine API."
            )
        case _:
            raise BadRequest("unsupported runtime")


def _mismatched() -> BadRequest:
    return BadRequest("mismatched Runtime and *Spec fields")


_RUNTIMES: Final = (
    Part("ContainerSpec", "container", container.CONTAINER),
    Part("PluginSpec", "generic", Shape()),
    Part("NetworkAttachmentSpec", "attachment", Shape()),
)
_WORD: Final = Value("Runtime", "runtime", TEXT)
_ROWS: Final = (
    Own(_show_runtime, _read_runtime, _RUNTIMES),
    TASK_RESOURCES,
    Part("RestartPolicy", "restart", RESTART),
    Part("Placement", "placement", _PLACEMENT),
    Parts("Networks", "networks", NETWORK),
    Part("LogDriver", "log_driver", DRIVER),
    Value("ForceUpdate", "force_update", integer(UINT64), keep=True),
)


def _show_word(task: Any, out: dict[str, Any], version: Version) -> None:
    which = task.WhichOneof("runtime")
    if word := task.generic.kind if which == "generic" else which:
        out["Runtime"] = word


def _show_attachment(task: Any, out: dict[str, Any], version: Version) -> None:
    which = task.WhichOneof("runtime")
    if which == ATTACHMENT or (which == "generic" and task.generic.kind != plugin.KIND):
        _show_word(task, out, version)


TEMPLATE: Final = Shape(*_ROWS, shown_by(_show_word, _WORD))
"""Of a service."""
TASK_SPEC: Final = Shape(*_ROWS, shown_by(_show_attachment, _WORD))
"""Of a task."""
