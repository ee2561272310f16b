"""The Control client: names become objects, races become retries."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.proto.exec_pb2 import ExecEnd, ExecInput, ExecOutput, ExecSpec
from swarm_core.client.control import AmbiguousReference, Control, NoSuchObject
from swarm_core.client.errors import CallFailed, NotTaken
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_node, make_service, make_task

Service, Node, Task = objects_pb2.Service, objects_pb2.Node, objects_pb2.Task


def two_services() -> FakeCluster:
    return FakeCluster([make_service("abc1", name="web"), make_service("abc2", name="api")])


async def test_resolves_id_name_and_prefix() -> None:
    """A whole id, an exact name and a unique beginning of an id all name the object."""
    control = Control(two_services())
    for reference in ("abc1", "web"):
        assert (await control.resolve(Service, reference)).id == "abc1"
    fake = FakeCluster([make_service("xyz9", name="web"), make_service("abc2", name="api")])
    assert (await Control(fake).resolve(Service, "xy")).id == "xyz9"


async def test_name_goes_before_prefix() -> None:
    """A name that is also the beginning of another's id names the one so called."""
    fake = FakeCluster([make_service("web9", name="api"), make_service("s2", name="web")])
    assert (await Control(fake).resolve(Service, "web")).id == "s2"


async def test_ambiguous_prefix_is_a_sentence() -> None:
    """A beginning that fits two objects is refused with both their names."""
    with pytest.raises(AmbiguousReference, match=r"'abc' fits 2 services: .*web.*api.*longer id"):
        await Control(two_services()).resolve(Service, "abc")


async def test_two_hosts_of_one_name() -> None:
    """Nodes may share a hostname; then only an id decides."""
    fake = FakeCluster([make_node("n1", hostname="host"), make_node("n2", hostname="host")])
    with pytest.raises(AmbiguousReference):
        await Control(fake).resolve(Node, "host")


@pytest.mark.parametrize("reference", ["nope", ""])
async def test_unknown_reference(reference: str) -> None:
    """What fits nothing is said so."""
    with pytest.raises(NoSuchObject):
        await Control(two_services()).resolve(Service, reference)


async def test_task_by_service_and_slot() -> None:
    """service.slot names the attempt that is meant to run, not those before it."""
    service = make_service("s1", name="web")
    fake = FakeCluster(
        [
            make_task("old", service=service, slot=1, state="FAILED", desired="SHUTDOWN"),
            make_task("new", service=service, slot=1, state="RUNNING"),
            make_task("other", service=service, slot=11, state="RUNNING"),
        ]
    )
    assert (await Control(fake).resolve(Task, "web.1")).id == "new"


async def test_change_survives_a_race() -> None:
    """When somebody else writes between read and write, the edit is made again on the newer spec."""
    fake = two_services()
    control = Control(fake)
    edits = []

    def edit(spec: specs_pb2.ServiceSpec) -> None:
        if not edits:
            fake.update(Service, "abc1", lambda item: item.spec.annotations.labels.update({"by": "other"}))
        edits.append(spec.annotations.labels.get("by", ""))
        spec.replicated.replicas = 7

    changed = await control.change(Service, "abc1", edit)
    assert edits == ["", "other"]
    assert changed.spec.replicated.replicas == 7
    assert changed.spec.annotations.labels["by"] == "other"


async def test_change_gives_up_in_the_end() -> None:
    """A race that is lost every time ends in the server's own error."""
    fake = two_services()
    fake.fail_next("Control.UpdateService", CallFailed("UNKNOWN", "update out of sequence"), times=50)
    with pytest.raises(CallFailed, match="out of sequence"):
        await Control(fake).change(Service, "abc1", lambda spec: None)


async def test_change_raises_other_refusals_at_once() -> None:
    """A refusal that is no race is not tried again."""
    fake = two_services()
    fake.fail_next("Control.UpdateService", CallFailed("INVALID_ARGUMENT", "no"))
    with pytest.raises(CallFailed, match="no"):
        await Control(fake).change(Service, "abc1", lambda spec: None)
    assert [method for method, _ in fake.calls].count("Control.UpdateService") == 1


async def test_create_and_remove() -> None:
    """Objects are created from a spec and removed by id; a taken name is the server's refusal."""
    fake = FakeCluster()
    control = Control(fake)
    spec = specs_pb2.SecretSpec(annotations=types_pb2.Annotations(name="key"), data=b"x")
    created = await control.create(objects_pb2.Secret, spec)
    with pytest.raises(CallFailed) as refused:
        await control.create(objects_pb2.Secret, spec)
    assert refused.value.code == "ALREADY_EXISTS"
    await control.remove(objects_pb2.Secret, created.id)
    assert await control.find(objects_pb2.Secret) == []


async def test_no_cluster_object_yet() -> None:
    """A manager that has just started is told apart from a broken one."""
    with pytest.raises(NoSuchObject, match="just started"):
        await Control(FakeCluster()).cluster()


class Ending:
    """A manager that ends each call of `run_in_task` in one of these ways, after it took as much as is said."""

    def __init__(self, *ends: tuple[int, Exception | None]) -> None:
        self.ends = list(ends)

    async def both_ways(self, method: str, requests: AsyncIterator[Any]) -> AsyncIterator[ExecOutput]:
        takes, error = self.ends.pop(0)
        for _ in range(takes):
            await anext(requests)
        if error is not None:
            raise error
        yield ExecOutput(end=ExecEnd(exit_code=3))


async def _typed() -> AsyncIterator[ExecInput]:
    yield ExecInput(data=b"a")


async def _run(*ends: tuple[int, Exception | None]) -> tuple[list[int], int]:
    """The exit codes, and how many of the ends were not needed."""
    manager = Ending(*ends)
    control = Control(manager)  # type: ignore[arg-type]
    outputs = [one.end.exit_code async for one in control.run_in_task(ExecSpec(), _typed())]
    return outputs, len(manager.ends)


async def test_a_command_that_was_not_taken_is_sent_again() -> None:
    """Where the manager ended the call without taking the order; one that it took is not sent twice."""
    not_taken = (0, NotTaken("INTERNAL", "not taken"))
    assert await _run(not_taken, not_taken, (1, None)) == ([3], 0)
    with pytest.raises(NotTaken):
        await _run(not_taken, not_taken, not_taken)
    with pytest.raises(NotTaken):
        await _run((2, NotTaken("INTERNAL", "not taken")), (1, None))


async def test_docker_runs_no_commands_in_tasks() -> None:
    """A Docker Engine that leads, and one whose answer got lost first, are told of in one sentence."""
    unknown = (0, CallFailed("UNIMPLEMENTED", "unknown service swarmtui.v1.Exec"))
    for ends in ((unknown,), ((0, NotTaken("INTERNAL", "not taken")), unknown)):
        with pytest.raises(CallFailed, match="its leader is a Docker Engine or an older manager"):
            await _run(*ends)
