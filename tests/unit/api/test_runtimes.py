"""Which runtime a task is for, and what the payload of a process task says."""

import pytest
from google.protobuf.any_pb2 import Any as AnyPayload
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.specs_pb2 import TaskSpec
from swarm_core.api.references import config_references, dependencies, secret_references
from swarm_core.api.runtimes import MalformedProcess, process_payload, process_spec, runtime_of, set_process

BAD_PAYLOADS = (
    AnyPayload(),
    AnyPayload(type_url="swarmtui.v1.ProcessSpec"),
    AnyPayload(type_url="example.com/other.Kind", value=b"\x0a\x01a"),
    AnyPayload(type_url="type.googleapis.com/swarmtui.v1.ProcessSpec", value=b"\xff\xff\xff"),
    AnyPayload(type_url="type.googleapis.com/swarmtui.v1.ProcessSpec", value=b"\x0a\x02\xff\xfe"),
)


def generic(kind: str, payload: AnyPayload | None = None) -> TaskSpec:
    spec = TaskSpec()
    spec.generic.kind = kind
    if payload is not None:
        spec.generic.payload.CopyFrom(payload)
    return spec


@pytest.mark.parametrize(
    ("spec", "runtime"),
    [
        (TaskSpec(), ""),
        (TaskSpec(container={}), "container"),
        (TaskSpec(attachment={}), "attachment"),
        (generic("process"), "process"),
        (generic("Process"), "process"),
        (generic("PLUGIN"), "plugin"),
        (generic(""), ""),
    ],
)
def test_runtime(spec: TaskSpec, runtime: str) -> None:
    """The runtime is the oneof's word, or the generic kind without regard to case."""
    assert runtime_of(spec) == runtime


@pytest.mark.parametrize("kind", ["process", "Process", "PROCESS"])
def test_process_of_any_case(kind: str) -> None:
    """A readable payload of the process runtime is read, however the kind is written."""
    spec = generic(kind)
    spec.generic.payload.Pack(ProcessSpec(command=["true"], secrets=[{"secret_id": "s"}]))
    assert (
        process_payload(spec)
        == process_spec(spec)
        == ProcessSpec(command=["true"], secrets=[{"secret_id": "s"}])
    )
    assert [reference.secret_id for reference in secret_references(spec)] == ["s"]


@pytest.mark.parametrize("payload", BAD_PAYLOADS)
def test_malformed_payload(payload: AnyPayload) -> None:
    """A payload that cannot be read is told by type and names no references; nothing raises."""
    spec = generic("process", payload)
    found = process_payload(spec)
    assert isinstance(found, MalformedProcess) and found.type_url == payload.type_url
    assert process_spec(spec) is None
    assert not secret_references(spec) and not config_references(spec) and dependencies(spec) == ([], [])


@pytest.mark.parametrize("payload", BAD_PAYLOADS)
def test_other_runtimes_have_no_process(payload: AnyPayload) -> None:
    """The payload of another runtime is not looked at."""
    assert process_payload(generic("plugin", payload)) is None
    assert process_payload(TaskSpec(container={})) is None


def test_set_process() -> None:
    """What was set is read again."""
    spec = TaskSpec(container={"image": "web"})
    set_process(spec, ProcessSpec(command=["ls"]))
    assert runtime_of(spec) == "process" and process_spec(spec) == ProcessSpec(command=["ls"])
