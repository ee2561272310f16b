"""Tasks, which clients only read (docs/design/engine-api-json.md 14.5)."""

from typing import Any, Final

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import TaskState
from swarm_core.http.version import Version
from swarm_core.specs.notation import words_of

from swarm_agentd.engine_api.translate.annotations import ANNOTATIONS_ROW, ID, META_ROW, VERSION
from swarm_agentd.engine_api.translate.endpoints import PORT
from swarm_agentd.engine_api.translate.given import INT32, UINT64, Given
from swarm_agentd.engine_api.translate.network import ATTACHED
from swarm_agentd.engine_api.translate.resources import GENERIC
from swarm_agentd.engine_api.translate.shape import (
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
from swarm_agentd.engine_api.translate.task_template import TASK_SPEC

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


def _read_nothing(given: Given, task: Any) -> None:
    """Tasks are only shown."""


_TASK: Final = Shape(
    ID,
    META_ROW,
    ANNOTATIONS_ROW,
    Part("Spec", "spec", TASK_SPEC, always=True),
    Value("ServiceID", "service_id", TEXT),
    Value("Slot", "slot", integer(UINT64)),
    Value("NodeID", "node_id", TEXT),
    Part("Status", "status", _STATUS, always=True),
    Choice("DesiredState", "desired_state", _STATES),
    Parts("NetworksAttachments", "networks", ATTACHED),
    Parts("GenericResources", "assigned_generic_resources", GENERIC),
    Part("JobIteration", "job_iteration", VERSION),
    Own(_show_volumes, _read_nothing),
)


def to_json(task: Task, version: Version) -> dict[str, Any]:
    """The task."""
    return _TASK.show(task, version)
