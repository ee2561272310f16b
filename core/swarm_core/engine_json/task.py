"""Tasks, which clients only read (docs/design/engine-api-json.md 14.5).

A list may have ten thousand, most of them with one of a few specs, in one of a few networks. So what stands for these is made once: it
is shared between the tasks that are shown, and nobody may change it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from swarm_core.api.proto.objects_pb2 import Network, Task
from swarm_core.api.proto.specs_pb2 import TaskSpec
from swarm_core.api.proto.types_pb2 import TaskState
from swarm_core.engine_json.addresses import PREFIXES
from swarm_core.engine_json.annotations import ANNOTATIONS_ROW, ID, META_ROW, VERSION, shown_by
from swarm_core.engine_json.endpoints import PORT
from swarm_core.engine_json.form import Form
from swarm_core.engine_json.given import INT32, UINT64
from swarm_core.engine_json.network import TASK_NETWORK
from swarm_core.engine_json.resources import GENERIC
from swarm_core.engine_json.shape import (
    TEXT,
    Choice,
    Moment,
    Own,
    Part,
    Parts,
    Shape,
    Value,
    Words,
    integer,
)
from swarm_core.engine_json.task_template import TASK_SPEC
from swarm_core.http.version import NEWEST, Version
from swarm_core.specs.notation import words_of

_V_VOLUMES = Version(1, 42)
_STATES: Final = Words(words_of(TaskState))
_CONTAINER: Final = Shape(
    Value("ContainerID", "container_id", TEXT, keep=True),
    Value("PID", "pid", integer(INT32), keep=True),
    Value("ExitCode", "exit_code", integer(INT32), keep=True),
)
_STATUS: Final = Shape(
    Moment("Timestamp", "timestamp"),
    Choice("State", "state", _STATES),
    Value("Message", "message", TEXT),
    Value("Err", "err", TEXT),
    Part("ContainerStatus", "container", _CONTAINER),
    Part("PortStatus", "port_status", Shape(Parts("Ports", "ports", PORT)), always=True),
)
_VOLUME: Final = Shape(
    Value("ID", "id", TEXT), Value("Source", "source", TEXT), Value("Target", "target", TEXT)
)


def _show_volumes(task: Any, out: dict[str, Any], version: Version) -> None:
    """Null when there are none; a client that does not know them is shown them only when there are."""
    if task.volumes or version >= _V_VOLUMES:
        out["Volumes"] = [_VOLUME.show(each, version) for each in task.volumes] or None


@lru_cache(maxsize=512)
def _spec(encoded: bytes, version: Version) -> dict[str, Any]:
    return TASK_SPEC.show(TaskSpec.FromString(encoded), version)


@lru_cache(maxsize=512)
def _network(encoded: bytes, version: Version) -> dict[str, Any]:
    return TASK_NETWORK.show(Network.FromString(encoded), version)


def _shared(name: str, field: str, shape: Shape, show: Callable[[bytes, Version], dict[str, Any]]) -> Own:
    """An object within, which many tasks have alike."""

    def show_shared(message: Any, out: dict[str, Any], version: Version) -> None:
        out[name] = show(getattr(message, field).SerializeToString(), version)

    return shown_by(show_shared, Part(name, field, shape))


_ATTACHED: Final = Shape(
    _shared("Network", "network", TASK_NETWORK, _network), Value("Addresses", "addresses", PREFIXES)
)
"""A network that a task is attached to, with its addresses there."""
_TASK: Final = Shape(
    ID,
    META_ROW,
    ANNOTATIONS_ROW,
    _shared("Spec", "spec", TASK_SPEC, _spec),
    Value("ServiceID", "service_id", TEXT),
    Value("Slot", "slot", integer(UINT64)),
    Value("NodeID", "node_id", TEXT),
    Part("Status", "status", _STATUS, always=True),
    Choice("DesiredState", "desired_state", _STATES),
    Parts("NetworksAttachments", "networks", _ATTACHED),
    Parts("GenericResources", "assigned_generic_resources", GENERIC),
    Part("JobIteration", "job_iteration", VERSION),
    shown_by(_show_volumes, Parts("Volumes", "volumes", _VOLUME)),
)


def to_json(task: Task, version: Version) -> dict[str, Any]:
    """The task."""
    return _TASK.show(task, version)


def to_form(task: Task) -> Form:
    """The task as templates see it."""
    return _TASK.form(to_json(task, NEWEST))
