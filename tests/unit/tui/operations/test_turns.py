"""Holding rollouts, stopping and starting services, killing tasks: what is planned, done and taken back (plans.md 13.6-13.8)."""

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed
from swarm_core.specs.replicas import PARKED
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_node, make_service, make_task
from swarm_tui.clusters.allowance import Level
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import hold, kill, park, scale
from swarm_tui.operations.describe import LOST, REVERSIBLE, describe
from swarm_tui.operations.docker.commands import commands_of
from swarm_tui.operations.forecast.changed import changed
from swarm_tui.operations.model import Outcome, Plan, apply
from swarm_tui.operations.runbook import Runbook
from swarm_tui.operations.undo import Deeds, inverse

Node, Service, Task = objects_pb2.Node, objects_pb2.Service, objects_pb2.Task
Status = types_pb2.UpdateStatus


def view_of(fake: FakeCluster) -> Snapshot:
    return Snapshot([item for kind in (Node, Service, Task) for item in fake.all(kind)])


async def done(fake: FakeCluster, plan: Plan, deeds: Deeds | None = None) -> list[Outcome]:
    pairs = changed(plan, view_of(fake)) if deeds is not None else []
    outcomes = [outcome async for outcome in apply(plan, Control(fake))]
    if deeds is not None:
        deeds.note(plan, pairs, outcomes)
    return outcomes


def a_cluster(*, replicas: int = 3, state: "Status.UpdateState.ValueType" = Status.UNKNOWN) -> FakeCluster:
    """A service whose slot 1 has a task of its spec, and the others one of the spec before."""
    web = make_service("s", name="web", replicas=replicas)
    web.spec_version.index = 5
    if state:
        web.update_status.state, web.update_status.message = state, "so it is"
    tasks = [
        make_task(f"t{slot}", service=web, slot=slot, node_id="n", state="RUNNING")
        for slot in range(1, replicas + 1)
    ]
    for task in tasks[1:]:
        task.spec.container.image, task.spec_version.index = "older", 4
    return FakeCluster([make_node("n", hostname="w1"), web, *tasks])


async def test_a_rollout_is_held_and_goes_on() -> None:
    """13.8: the plan says how far it is; it is done at level 1, undone by its inverse, and is a command in a runbook."""
    fake, deeds = a_cluster(state=Status.UPDATING), Deeds()
    plan = hold.plan(view_of(fake), ["s"], is_on=True)
    said = describe(plan, view_of(fake))
    assert (said.level, said.way_back, said.is_change) == (Level.OPERATE, REVERSIBLE, True)
    assert said.effects[0] == "1 of 3 tasks has the new spec; 2 have the old one."
    assert "neither holds a rollout" in said.docker.why_none
    runbook = Runbook("prod", 0)
    outcomes = await done(fake, plan, deeds)
    runbook.did(plan, [], outcomes, said.docker, 0)
    assert "swarm-tui service hold web" in runbook.lines()
    assert fake.get(Service, "s").update_status.state == Status.PAUSED
    assert not hold.turns_on(view_of(fake), ["s"])
    assert deeds.last is not None
    (outcome,) = await done(fake, inverse(deeds.last, view_of(fake)))
    assert outcome.text == "rollout of web goes on"
    assert fake.get(Service, "s").update_status.state == Status.UPDATING
    assert inverse(deeds.last, view_of(fake)).refusals[0].endswith("web: its rollout is not as it was left.")


def test_what_paused_by_itself_says_why() -> None:
    """13.8: going on after failures is weighed with what stopped it."""
    plan = hold.plan(view_of(a_cluster(state=Status.PAUSED)), ["s"], is_on=False)
    assert plan.warnings == ("It stopped by itself: so it is. Failures before count no more.",)
    assert plan.notes[1] == "2 tasks are left to be replaced, as its update settings say."


@pytest.mark.parametrize(("is_on", "said"), [(True, "is on its way"), (False, "is paused")])
def test_nothing_to_hold(is_on: bool, said: str) -> None:
    """13.8: without a rollout the reason is told and nothing is sent."""
    plan = hold.plan(view_of(a_cluster()), ["s"], is_on=is_on)
    assert not plan.steps and plan.refusals[0].endswith(f"web: no update of it {said}.")


async def test_a_docker_engine_holds_nothing() -> None:
    """13.8: one sentence says that docker has no such call."""
    fake = a_cluster(state=Status.UPDATING)
    fake.fail_next("Rollouts.HoldRollout", CallFailed("UNIMPLEMENTED", "unknown service"))
    (outcome,) = await done(fake, hold.plan(view_of(fake), ["s"], is_on=True))
    assert outcome.is_error and "knows no call that pauses a rollout" in outcome.text


async def test_stop_and_start() -> None:
    """13.6: the number is kept in the service's label, and is back after the start; both are operations, and undone like any change."""
    fake, deeds = a_cluster(), Deeds()
    stop = park.stop(view_of(fake), ["s"])
    assert stop.warnings == ("3 running tasks will be stopped.",)
    assert describe(stop, view_of(fake)).level is Level.OPERATE
    (line,) = commands_of(stop, changed(stop, view_of(fake)), view_of(fake)).lines
    assert line.startswith("docker service update ") and f"{PARKED}=3" in line and "--replicas 0" in line
    await done(fake, stop, deeds)
    spec = fake.get(Service, "s").spec
    assert (spec.replicated.replicas, spec.annotations.labels[PARKED]) == (0, "3")
    assert park.is_stopped(view_of(fake), ["s"])
    again = park.stop(view_of(fake), ["s"])
    assert again.refusals == ("Could not stop web: it is stopped already, and had 3 tasks.",)
    assert deeds.last is not None
    assert not inverse(deeds.last, view_of(fake)).refusals
    await done(fake, park.start(view_of(fake), ["s"]))
    spec = fake.get(Service, "s").spec
    assert (spec.replicated.replicas, dict(spec.annotations.labels)) == (3, {})
    assert not park.is_stopped(view_of(fake), ["s"])


async def test_a_scale_between_plan_and_stop_is_remembered() -> None:
    """13.6: two operators: the number is that of the moment when it is written, and a scale forgets it."""
    fake = a_cluster()
    stop = park.stop(view_of(fake), ["s"])
    fake.update(Service, "s", lambda one: setattr(one.spec.replicated, "replicas", 7))
    await done(fake, stop)
    assert fake.get(Service, "s").spec.annotations.labels[PARKED] == "7"
    await done(fake, scale.plan(view_of(fake), ["s"], scale.Amount("=", 2)))
    assert not fake.get(Service, "s").spec.annotations.labels
    start = park.start(view_of(fake), ["s"])
    assert start.refusals == ("Could not start web: it is not stopped: it is meant to have 2 tasks.",)


@pytest.mark.parametrize("label", ["", "many", "0", "-1", "9" * 30, "²"])
def test_a_label_that_says_nothing(label: str) -> None:
    """13.6: what is no number of tasks is not believed."""
    fake = a_cluster(replicas=0)
    fake.update(Service, "s", lambda one: one.spec.annotations.labels.update({PARKED: label}))
    start = park.start(view_of(fake), ["s"])
    assert start.refusals == ("Could not start web: nothing says how many tasks it had; scale it instead.",)


def test_what_cannot_be_stopped() -> None:
    """13.6: a global service has no number, a job ends by itself, and what has no tasks has nothing to stop."""
    job, every = make_service("j", name="job"), make_service("g", name="every", is_global=True)
    job.spec.replicated_job.total_completions = 1
    none = make_service("z", name="none", replicas=0)
    plan = park.stop(Snapshot([job, every, none]), ["j", "g", "z"])
    assert [text.partition(": ")[2][:12] for text in plan.refusals] == [
        "it is a job,",
        "it is global",
        "it has no ta",
    ]


async def test_a_task_is_killed() -> None:
    """13.7: the plan says what takes its place and where that lands; the highest level, and no way back."""
    fake = a_cluster()
    plan = kill.plan(view_of(fake), ["t2"])
    said = describe(plan, view_of(fake))
    assert (said.level, said.way_back, said.word) == (Level.IMPACT, LOST, "web.2")
    assert said.effects[0].startswith("Its service starts another in its slot")
    assert "New tasks land on w1 1." in said.effects
    assert said.docker.own == ("swarm-tui task kill web.2",)
    await done(fake, plan)
    assert {one.id for one in fake.all(Task)} == {"t1", "t3"}


def test_what_takes_a_killed_task_s_place() -> None:
    """13.7: by what its service is; what is over is not killed."""
    every, job = make_service("g", name="every", is_global=True), make_service("j", name="job")
    job.spec.replicated_job.total_completions = 1
    web = make_service("w", name="web", replicas=1)
    found = [
        make_node("n", hostname="w1"), every, job, web,
        make_task("tg", service=every, node_id="n", state="RUNNING"),
        make_task("tj", service=job, node_id="n", state="RUNNING"),
        make_task("to", service=web, slot=2, node_id="n", state="RUNNING"),
        make_task("tn", service=web, slot=1, node_id="n", state="FAILED"),
    ]  # fmt: skip
    view = Snapshot(found)
    texts = [kill.plan(view, [id_]).notes[0] for id_ in ("tg", "tj", "to")]
    assert [text[:35] for text in texts] == [
        "Its service starts another on the s", "Its job begins another attempt in i", "Its service decides by its number o",
    ]  # fmt: skip
    assert describe(kill.plan(view, ["tg"]), view).forecast.landing == (("w1", 1),)
    assert describe(kill.plan(view, ["tj"]), view).forecast.stops == 1
    assert kill.plan(view, ["tn"]).refusals == ("Could not kill web.1: it is over already.",)
