"""Objects as plain values and as YAML, whatever is in them."""

import base64

import pytest
import yaml
from google.protobuf.any_pb2 import Any as AnyPayload
from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.tolerant import decode_tolerantly
from swarm_testkit.factories import make_service, make_task, make_task_spec
from swarm_testkit.foreign_objects import encoded_objects
from swarm_tui.resources import registry
from swarm_tui.resources.documents import as_dict, as_yaml


def reread(message):
    """What YAML's reader finds in what was written."""
    return yaml.safe_load(as_yaml(as_dict(message)))


def foreign(type_url="example.com/somebody.Else", value=b"\x01\x02"):
    spec = specs_pb2.TaskSpec()
    spec.generic.kind = "other"
    spec.generic.payload.CopyFrom(AnyPayload(type_url=type_url, value=value))
    return spec


def test_a_process_is_unpacked():
    """The payload of a process service and of its task is told in the words of its type, in YAML too."""
    service = make_service("s-1", name="web", task=make_task_spec(command=["sleep", "9"]))
    payload = reread(service)["spec"]["task"]["generic"]["payload"]
    assert payload["command"] == ["sleep", "9"]
    task = make_task("t-1", service=service, slot=1)
    assert reread(task)["spec"]["generic"]["payload"]["command"] == ["sleep", "9"]


@pytest.mark.parametrize(
    ("type_url", "value"),
    [
        ("example.com/somebody.Else", b"\x01\x02"),
        ("type.googleapis.com/swarmtui.v1.ProcessSpec", b"\xff\xff\xff"),
        ("", b""),
        ("no slash", b"x"),
    ],
    ids=["unknown", "malformed", "empty", "nameless"],
)
def test_a_foreign_payload_is_told_as_it_is(type_url, value):
    """A payload that cannot be unpacked does not hide the rest, in the present spec and in the one before."""
    service = make_service("s-1", name="web", task=foreign(type_url, value))
    service.previous_spec.CopyFrom(service.spec)
    service.meta.version.index = 2**63
    found = reread(service)
    for spec in (found["spec"], found["previous_spec"]):
        payload = spec["task"]["generic"].get("payload", {})
        assert base64.b64decode(payload.get("value", "")) == value
    assert found["spec"]["annotations"]["name"] == "web"
    assert int(found["meta"]["version"]["index"]) == 2**63


def test_what_is_told_as_it_is_reads_like_the_rest():
    """Beside a foreign payload numbers, words and maps are written as they are elsewhere."""
    plain, odd = make_service("s-1", name="web"), make_service("s-1", name="web", task=foreign())
    for service in (plain, odd):
        service.spec.annotations.labels["a"] = "b"
        service.update_status.state = types_pb2.UpdateStatus.PAUSED
        service.spec.endpoint.ports.add(published_port=80, target_port=8080)
        service.spec.update.delay.FromMilliseconds(1500)
    expected, found = as_dict(plain), as_dict(odd)
    del expected["spec"]["task"], found["spec"]["task"]
    assert found == expected


def test_a_time_that_is_none():
    """A time out of all ranges is told in its fields."""
    task = objects_pb2.Task(id="t-1")
    task.status.timestamp.seconds = 2**62
    assert reread(task)["status"]["timestamp"] == {"seconds": str(2**62)}


@pytest.mark.parametrize("kind", registry.stored(), ids=lambda kind: kind.noun)
@settings(max_examples=10)
@given(data=st.data())
def test_any_object_is_written(kind, data):
    """Whatever bytes another implementation's leader replicates as an object, it is written, and YAML reads it back."""
    item, _ = decode_tolerantly(kind.message, data.draw(encoded_objects(kind.message)))
    found = as_dict(item)
    assert yaml.safe_load(as_yaml(found)) == found


@pytest.mark.parametrize("text", ["é", "日本", "😀", "😀 é"])
def test_yaml_keeps_what_can_be_printed(text: str) -> None:
    """Characters of every plane stand as they are, whichever writer the text needs."""
    assert as_yaml({"a": text}) == f"a: {text}\n"
