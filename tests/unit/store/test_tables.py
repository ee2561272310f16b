"""Indexes hold every object that can be decoded, whatever its payloads say."""

import pytest
from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.specs_pb2 import TaskSpec
from swarm_core.store.by import ReferencedConfig, ReferencedSecret, Runtime
from swarm_core.store.tables import SCHEMA_OF, Table

URL = "type.googleapis.com/swarmtui.v1.ProcessSpec"
TERMS = (Runtime("process"), ReferencedSecret("s"), ReferencedConfig("c"))


def of_kind(kind: type[Task] | type[Service], id_: str, spec: TaskSpec) -> Task | Service:
    return Task(id=id_, spec=spec) if kind is Task else Service(id=id_, spec={"task": spec})


@pytest.mark.parametrize("kind", [Task, Service])
@pytest.mark.parametrize("value", [b"", b"\xff\xff\xff", b"\x0a\x7f"])
@pytest.mark.parametrize("word", ["process", "Process"])
def test_put_with_a_malformed_payload(kind: type[Task] | type[Service], word: str, value: bytes) -> None:
    """A process payload that cannot be read is indexed by its runtime alone, and can be replaced and removed."""
    table = Table(SCHEMA_OF[kind])
    for term in TERMS:
        assert list(table.ids(term)) == []
    bad = TaskSpec(generic={"kind": word, "payload": {"type_url": URL, "value": value}})
    table.put(of_kind(kind, "a", bad))
    assert [list(table.ids(term)) for term in TERMS] == [["a"], [], []]
    good = TaskSpec(generic={"kind": "PROCESS"})
    good.generic.payload.Pack(ProcessSpec(secrets=[{"secret_id": "s"}], configs=[{"config_id": "c"}]))
    table.put(of_kind(kind, "a", good))
    assert [list(table.ids(term)) for term in TERMS] == [["a"], ["a"], ["a"]]
    table.put(of_kind(kind, "a", bad))
    table.remove("a")
    assert [list(table.ids(term)) for term in TERMS] == [[], [], []]
