"""The gate through which every call of a face passes (docs/design/plans.md 13.1)."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.api.proto.exec_pb2 import ExecInput, ExecSpec
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed
from swarm_core.specs import replicas
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_config, make_node, make_service
from swarm_tui.clusters.allowance import Allowance, Level, parse, word
from swarm_tui.operations.gate import Gate, LevelTooLow

Config = objects_pb2.Config
Node, Service = objects_pb2.Node, objects_pb2.Service
Work = Callable[[Control], Awaitable[object]]
REQUEST = control_pb2.UpdateServiceRequest


def edit(kind: type, id_: str, change: Callable[..., object], **more: int) -> Work:
    return lambda control: control.change(kind, id_, change, **more)


def image(spec: specs_pb2.ServiceSpec) -> None:
    spec.task.container.image = "redis:8"
    spec.task.container.pull_options.registry_auth = "secret"


CHANGES: list[tuple[Level, Work]] = [
    (Level.OPERATE, edit(Service, "s", lambda spec: setattr(spec.replicated, "replicas", 7))),
    (Level.OPERATE, edit(Service, "s", lambda spec: setattr(spec.task, "force_update", 1))),
    (Level.OPERATE, edit(Service, "s", image)),
    (Level.OPERATE, edit(Service, "s", lambda spec: None, rollback=REQUEST.PREVIOUS)),
    (Level.OPERATE, edit(Service, "s", replicas.park)),
    (Level.OPERATE, lambda control: control.hold_rollout("s", 0, is_on=True)),
    (Level.OPERATE, lambda control: control.hold_rollout("s", 0, is_on=False)),
    (Level.CONFIGURE, edit(Service, "s", lambda spec: spec.task.container.env.append("A=1"))),
    (Level.CONFIGURE, lambda control: control.create(Service, make_service("z", name="new").spec)),
    (Level.CONFIGURE, edit(Node, "n", lambda spec: spec.annotations.labels.update(zone="z"))),
    (Level.CONFIGURE, edit(Node, "n", lambda spec: setattr(spec, "availability", specs_pb2.NodeSpec.PAUSE))),
    (Level.IMPACT, edit(Node, "n", lambda spec: setattr(spec, "availability", specs_pb2.NodeSpec.DRAIN))),
    (Level.IMPACT, edit(Node, "n", lambda spec: setattr(spec, "desired_role", types_pb2.MANAGER))),
    (Level.IMPACT, lambda control: control.remove(Config, "c")),
]


async def test_a_command_in_a_task_needs_the_highest_level() -> None:
    """exec.md 15.3.1: below it nothing is asked."""
    fake = a_cluster()

    async def nothing_typed() -> AsyncIterator[ExecInput]:
        return
        yield

    spec = ExecSpec(task_id="t", command=["sh"])
    with pytest.raises(LevelTooLow, match="it needs level 3"):
        await anext(Control(Gate(fake, Allowance(Level.CONFIGURE))).run_in_task(spec, nothing_typed()))
    assert not fake.calls
    with pytest.raises(CallFailed) as refused:
        await anext(Control(Gate(fake, Allowance(Level.IMPACT))).run_in_task(spec, nothing_typed()))
    assert (refused.value.code, fake.calls[0][0]) == ("NOT_FOUND", "Exec.RunInTask")


def a_cluster() -> FakeCluster:
    service = make_service("s", name="db", replicas=2)
    service.previous_spec.CopyFrom(service.spec)
    service.update_status.state = types_pb2.UpdateStatus.UPDATING
    return FakeCluster([service, make_node("n", hostname="n"), make_config("c", name="c")])


@pytest.mark.parametrize("number", range(len(CHANGES)))
@pytest.mark.parametrize("level", list(Level))
async def test_a_change_passes_from_its_level_on(level: Level, number: int) -> None:
    """13.1.1: every change needs its level, passes at it and above, and below it nothing is sent that writes."""
    needed, work = CHANGES[number]
    fake = a_cluster()
    control = Control(Gate(fake, Allowance(level)))
    if level >= needed:
        await work(control)
        return
    with pytest.raises(LevelTooLow, match=f"it needs level {int(needed)} \\({word(needed)}\\)"):
        await work(control)
    assert {method.removeprefix("Control.")[:3] for method, _ in fake.calls} <= {"Get"}


async def test_looking_needs_nothing() -> None:
    """13.1.1: whatever only looks passes at level 0."""
    control = Control(Gate(a_cluster(), Allowance(Level.LOOK)))
    assert (await control.get(Service, "s")).spec.annotations.name == "db"
    assert len(await control.find(Node)) == 1
    assert await control.service_statuses(["s"])


async def test_what_is_not_known_needs_the_highest() -> None:
    """13.1.1: a call or a stream that nobody here knows passes at level 3 alone."""
    gate = Gate(a_cluster(), Allowance(Level.CONFIGURE))
    with pytest.raises(LevelTooLow):
        await gate.call("Exec.Begin", control_pb2.GetServiceRequest())
    with pytest.raises(LevelTooLow):
        await anext(gate.stream("Exec.Attach", control_pb2.GetServiceRequest()))
    with pytest.raises(LevelTooLow):
        await gate.call("Control.AttachNetwork", control_pb2.GetServiceRequest())


async def test_the_highest_level_asks_nothing_more() -> None:
    """13.1.1: at level 3 a change costs the calls that it costs without a gate."""
    plain, gated = a_cluster(), a_cluster()
    for control in (Control(plain), Control(Gate(gated, Allowance()))):
        await CHANGES[0][1](control)
    assert [method for method, _ in plain.calls] == [method for method, _ in gated.calls]


async def test_what_is_gone_is_told_as_it_is() -> None:
    """13.1.1: a change of an object that is not there fails for that reason."""
    control = Control(Gate(a_cluster(), Allowance(Level.OPERATE)))
    with pytest.raises(CallFailed) as failed:
        await edit(Service, "nix", lambda spec: None)(control)
    assert failed.value.code == "NOT_FOUND"


def test_levels_are_read_by_number_and_word() -> None:
    """13.1.4: 0 to 3, or the level's word; nothing else."""
    assert [parse(text) for text in ("0", " Operate ", "2", "impact")] == list(Level)
    assert [parse(text) for text in ("", "4", "-1", "opera")] == [None] * 4
