"""Services (docs/design/engine-api-json.md 14.4)."""

from typing import Any, Final

from swarm_core.api.proto.control_pb2 import ListServiceStatusesResponse
from swarm_core.api.proto.objects_pb2 import Service
from swarm_core.api.proto.specs_pb2 import ServiceSpec
from swarm_core.api.proto.types_pb2 import UpdateStatus
from swarm_core.engine_json import plugin
from swarm_core.engine_json.annotations import ANNOTATIONS_ROW, ID, META_ROW, VERSION
from swarm_core.engine_json.endpoints import ATTACHMENT, ENDPOINT, ENDPOINT_SPEC
from swarm_core.engine_json.form import Form
from swarm_core.engine_json.given import UINT64, Given
from swarm_core.engine_json.policies import UPDATE_CONFIG
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
from swarm_core.engine_json.task_template import TEMPLATE
from swarm_core.http.errors import BadRequest
from swarm_core.http.version import NEWEST, Version
from swarm_core.specs.defaults import with_defaults

Status = ListServiceStatusesResponse.ServiceStatus
_V_JOBS = Version(1, 41)
_MODES: Final = {
    "Replicated": "replicated",
    "Global": "global",
    "ReplicatedJob": "replicated_job",
    "GlobalJob": "global_job",
}
_JOBS: Final = ("ReplicatedJob", "GlobalJob")
_UPDATE_STATES: Final = {
    name.lower() if number else "": number for name, number in UpdateStatus.UpdateState.items()
}


def _show_mode(spec: Any, out: dict[str, Any], version: Version) -> None:
    shown: dict[str, Any] = {}
    for name, field in _MODES.items():
        if spec.HasField(field):
            mode = getattr(spec, field)
            if field == "replicated":
                shown[name] = {"Replicas": mode.replicas}
            elif field == "replicated_job":
                shown[name] = {
                    "MaxConcurrent": mode.max_concurrent,
                    "TotalCompletions": mode.total_completions,
                }
            else:
                shown[name] = {}
    out["Mode"] = shown


def _read_mode(given: Given, spec: Any) -> None:
    modes = given.part("Mode") or Given(None, given.version, "Mode")
    parts = {
        name: part
        for name in _MODES
        if (part := modes.part(name)) is not None and (name not in _JOBS or given.version >= _V_JOBS)
    }
    is_plugin = spec.task.generic.kind == plugin.KIND
    if is_plugin and "Replicated" in parts:
        raise BadRequest("plugins must not use replicated mode")
    if is_plugin:
        parts.setdefault("Global", Given(None, given.version))
    if len(parts) > 1:
        raise BadRequest("must specify only one service mode")
    for name, part in parts.items():
        _set_mode(name, part, spec)
    if not parts:
        spec.replicated.replicas = 1


def _set_mode(name: str, part: Given, spec: Any) -> None:
    getattr(spec, _MODES[name]).SetInParent()
    if name == "Replicated":
        spec.replicated.replicas = part.whole("Replicas", UINT64) if part.has("Replicas") else 1
    elif name == "ReplicatedJob":
        job = spec.replicated_job
        job.max_concurrent = part.whole("MaxConcurrent", UINT64) if part.has("MaxConcurrent") else 1
        job.total_completions = (
            part.whole("TotalCompletions", UINT64) if part.has("TotalCompletions") else job.max_concurrent
        )


_MODE: Final = Shape(
    Part("Replicated", "replicated", Shape(Value("Replicas", "replicas", integer(UINT64)))),
    Part("Global", "global", Shape()),
    Part(
        "ReplicatedJob",
        "replicated_job",
        Shape(
            Value("MaxConcurrent", "max_concurrent", integer(UINT64)),
            Value("TotalCompletions", "total_completions", integer(UINT64)),
        ),
    ),
    Part("GlobalJob", "global_job", Shape()),
)
SPEC: Final = Shape(
    ANNOTATIONS_ROW,
    Part("TaskTemplate", "task", TEMPLATE, always=True),
    Own(_show_mode, _read_mode, (Part("Mode", "mode", _MODE),)),
    Part("UpdateConfig", "update", UPDATE_CONFIG),
    Part("RollbackConfig", "rollback", UPDATE_CONFIG),
    Parts("Networks", "networks", ATTACHMENT),
    Part("EndpointSpec", "endpoint", ENDPOINT_SPEC),
)
_UPDATE_STATUS: Final = Shape(
    Choice("State", "state", Words(_UPDATE_STATES)),
    Moment("StartedAt", "started_at", optional=True),
    Moment("CompletedAt", "completed_at", optional=True),
    Value("Message", "message", TEXT),
)
_JOB_STATUS: Final = Shape(
    Part("JobIteration", "job_iteration", VERSION, always=True),
    Moment("LastExecution", "last_execution"),
)
_SERVICE: Final = Shape(
    ID,
    META_ROW,
    Part("Spec", "spec", SPEC, always=True),
    Part("PreviousSpec", "previous_spec", SPEC),
    Part("Endpoint", "endpoint", ENDPOINT, always=True),
    Part("UpdateStatus", "update_status", _UPDATE_STATUS),
    Part("JobStatus", "job_status", _JOB_STATUS),
)


def to_json(service: Service, version: Version, status: Status | None = None) -> dict[str, Any]:
    """The service; with `status` how many of its tasks run, which clients ask for in lists."""
    out = _SERVICE.show(service, version)
    if status is not None:
        job = out.pop("JobStatus", None)
        out["ServiceStatus"] = {
            "RunningTasks": status.running_tasks,
            "DesiredTasks": status.desired_tasks,
            "CompletedTasks": status.completed_tasks,
        }
        if job is not None:
            out["JobStatus"] = job
    return out


def to_form(service: Service) -> Form:
    """The service as templates see it, with the defaults that docker's command asks for."""
    shown = Service()
    shown.CopyFrom(service)
    with_defaults(shown.spec)
    return _SERVICE.form(to_json(shown, NEWEST))


def from_json(body: object, version: Version) -> ServiceSpec:
    """The spec. Raises BadRequest, and NotImplementedHere for a service of a runtime that only we have.

    A name that is missing stays missing, and networks stay as they were called: who has the cluster fills both in.
    """
    given = Given(body, version)
    if given.part("TaskTemplate") is None:
        raise BadRequest("mismatched Runtime and *Spec fields")
    spec = ServiceSpec()
    SPEC.read(given, spec)
    return spec
