"""Scaling: what an amount makes, what is refused, and what is said."""

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_core.specs.replicas import TASKS_MAX
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_service, make_task
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import scale
from swarm_tui.operations.model import Plan, apply

Service = objects_pb2.Service
GLOBAL = make_service("g", name="agent", is_global=True)


def job(id_: str, completions: int) -> objects_pb2.Service:
    service = make_service(id_, name=id_)
    service.spec.replicated_job.total_completions = completions
    return service


def judged(text: str, *counts: int) -> scale.Verdict:
    services = [make_service(f"s{number}", replicas=count) for number, count in enumerate(counts)]
    return scale.judge(Snapshot(services), [service.id for service in services], text)


def planned(text: str, *services: objects_pb2.Service, tasks: tuple[objects_pb2.Task, ...] = ()) -> Plan:
    amount = scale.parse_amount(text)
    assert amount is not None
    return scale.plan(Snapshot([*services, *tasks]), [service.id for service in services], amount)


async def applied(plan: Plan, fake: FakeCluster) -> list[tuple[bool, str]]:
    return [(outcome.is_error, outcome.told) async for outcome in apply(plan, Control(fake))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5", "✓ 9 → 5"), ("=5", "✓ 9 → 5"), ("+3", "✓ 9 → 12"), ("-1", "✓ 9 → 8"), ("x2", "✓ 9 → 18"),
        (" + 3 ", "✓ 9 → 12"), ("-9", "✓ 9 → 0"), ("=0", "✓ 9 → 0"), ("9", "9 already"),
    ],
)  # fmt: skip
def test_amounts(text: str, said: str) -> None:
    """A number, or a change of the nine there are, and what it makes."""
    verdict = judged(text, 9)
    assert verdict.text == said and verdict.amount is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""), ("five", "✖ write"), ("+", "✖ write"), ("-10", "✖ 9 − 10 is below zero"), ("3.5", "✖ write"),
        ("--1", "✖ write"), ("x", "✖ write"), ("9999999", f"✖ a service may ask for at most {TASKS_MAX} tasks"), ("1e3", "✖ write"),
        ("٣", "✖ write"), ("x999999", f"✖ a service may ask for at most {TASKS_MAX} tasks"),
    ],
)  # fmt: skip
def test_amounts_that_are_none(text: str, said: str) -> None:
    """Nothing is scaled by a text that is no amount or leads below zero or beyond all measure."""
    verdict = judged(text, 9)
    assert verdict.text.startswith(said) and verdict.amount is None


def test_several_services_are_judged_together() -> None:
    """Every service's number counts: one that would fall below zero refuses the amount for all."""
    assert judged("-1", 3, 1).text == "✓ 3, 1 → 2, 0"
    assert judged("-2", 3, 1).text == "✖ 1 − 2 is below zero"
    assert judged("+1", *[1] * 7).text == "✓ 1, 1, 1, 1, 1 … → 2, 2, 2, 2, 2 …"


async def test_plan_and_result() -> None:
    """Each service is scaled from its own number, and each result is said with where it came from. A job's number is its
    completions."""
    services = [make_service("a", name="api", replicas=3), job("sum", 4)]
    plan = planned("+2", *services)
    assert plan.title == "Scale 2 services" and plan.refusals == plan.warnings == ()
    fake = FakeCluster(services)
    assert await applied(plan, fake) == [
        (False, "api scaled to 5, from 3"), (False, "sum scaled to 6, from 4"),
    ]  # fmt: skip
    assert fake.get(Service, "a").spec.replicated.replicas == 5
    assert fake.calls[-1][1].spec.replicated_job.total_completions == 6


async def test_what_has_no_number_refuses_the_whole_plan() -> None:
    """A global service has no number; nothing is changed, not even what could be."""
    services = [make_service("a", name="api", replicas=3), GLOBAL]
    plan = planned("5", *services)
    fake = FakeCluster(services)
    assert plan.steps == ()
    assert await applied(plan, fake) == [
        (True, "Could not scale agent: it is global, and only a replicated service has a number of tasks.")
    ]
    assert fake.get(Service, "a").spec.replicated.replicas == 3
    assert plan.refusals == scale.refusals(Snapshot(services), ["a", "g"])
    assert scale.refusals(Snapshot(services), ["a"]) == ()


async def test_the_number_found_when_writing_counts() -> None:
    """Who scales by +1 while somebody else does adds to theirs; what no longer fits is refused then."""
    plan = planned("-2", make_service("a", name="api", replicas=5))
    fake = FakeCluster([make_service("a", name="api", replicas=4)])
    assert await applied(plan, fake) == [(False, "api scaled to 2, from 4")]
    assert await applied(plan, fake) == [(False, "api scaled to 0, from 2")]
    assert await applied(plan, fake) == [(True, "Could not scale api: 0 − 2 is below zero.")]


async def test_a_race_is_tried_again() -> None:
    """A write that came too late is made again on the newer object."""
    service = make_service("a", name="api", replicas=5)
    fake = FakeCluster([service])
    fake.fail_next("Control.UpdateService", CallFailed("UNKNOWN", "update out of sequence"))
    assert await applied(planned("+1", service), fake) == [(False, "api scaled to 6, from 5")]


async def test_what_was_done_before_a_failure_stays_done() -> None:
    """One failure is told and the rest goes on; where no manager answers, what was not tried is named."""
    services = [make_service(id_, name=id_) for id_ in "abc"]
    fake = FakeCluster(services)
    fake.fail_next("Control.GetService", CallFailed("PERMISSION_DENIED", "you may not."))
    assert await applied(planned("4", *services), fake) == [
        (True, "Could not scale a: you may not."),
        (False, "b scaled to 4, from 1"),
        (False, "c scaled to 4, from 1"),
    ]
    fake.fail_next("Control.GetService", Unreachable("connection refused"))
    assert await applied(planned("5", *services), fake) == [
        (True, "Could not scale a: no manager answers (connection refused)."),
        (True, "Not tried: scale b, scale c."),
    ]
    assert [fake.get(Service, id_).spec.replicated.replicas for id_ in "abc"] == [1, 4, 4]


def test_tasks_that_will_stop_are_counted() -> None:
    """Scaling down says how many running tasks it ends; scaling up says nothing."""
    service = make_service("a", name="api", replicas=3)
    tasks = tuple(make_task(service=service, slot=slot, node_id="n", state="RUNNING") for slot in (1, 2, 3))
    assert planned("1", service, tasks=tasks).warnings == ("2 running tasks will be stopped.",)
    assert planned("7", service, tasks=tasks).warnings == ()


def test_what_is_gone_is_left_out() -> None:
    """A service that was removed while the person thought is not scaled."""
    plan = scale.plan(Snapshot([make_service("a", name="api")]), ["a", "gone"], scale.Amount("=", 2))
    assert [step.name for step in plan.steps] == ["api"]
