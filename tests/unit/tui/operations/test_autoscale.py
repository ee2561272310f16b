"""Services that scale by what their tasks use, and what would fit them (docs/design/plans.md 13.10, 13.11)."""

from collections.abc import Callable, Mapping

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.usage_pb2 import NodeUsage, UsageSeries, WatchUsageMessage
from swarm_core.client.control import Control
from swarm_core.client.watch import Listed
from swarm_core.rules.autoscale import POLICY, parse
from swarm_core.specs import replicas
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_node, make_resources, make_service, make_task
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations import autoscale, suggest
from swarm_tui.operations.model import Outcome, apply
from swarm_tui.operations.suggest import Used, fitting

Service = objects_pb2.Service
Task = objects_pb2.Task
MIB = 1 << 20
LATER_S = 400.0
Status = types_pb2.UpdateStatus


def _service(count: int = 3, label: str = "cpu=70% min=2 max=10", **resources: int) -> Service:
    limits = make_resources(cpus=resources.get("cpus", 0), memory=resources.get("memory", 0))
    labels = {POLICY: label} if label else {}
    made = make_service("s-web", name="web", replicas=count, labels=labels)
    if resources:
        made.spec.task.resources.limits.CopyFrom(limits)
    return made


def _cluster(service: Service, running: int | None = None) -> FakeCluster:
    count = service.spec.replicated.replicas if running is None else running
    tasks = [
        make_task(f"t{slot}", service=service, slot=slot, node_id="n", state="RUNNING")
        for slot in range(1, count + 1)
    ]
    return FakeCluster([make_node("n", hostname="w1"), service, *tasks])


def _mirror(
    cluster: FakeCluster, used: Mapping[str, tuple[list[float], int]], apart_s: float = 30.0
) -> Mirror:
    """What is there, some minutes later, with these figures of tasks: processors by time, oldest first, and memory."""
    cluster.advance(LATER_S)
    mirror = Mirror(cluster.clock)
    kinds = (objects_pb2.Node, Service, Task)
    mirror.apply(Listed(tuple(one for kind in kinds for one in cluster.all(kind)), cluster.version))
    usage = NodeUsage(node_id="n")
    for id_, (cpus, memory) in used.items():
        ago = [int((len(cpus) - 1 - place) * apart_s * 1000) for place in range(len(cpus))]
        series = UsageSeries(ago_ms=ago, cpus=cpus, memory_bytes=[memory] * len(cpus))
        usage.tasks.add(task_id=id_).series.CopyFrom(series)
    mirror.figures.take(WatchUsageMessage(nodes=[usage]))
    return mirror


def _judge(cluster: FakeCluster, mirror: Mirror) -> autoscale.Verdict:
    return autoscale.judge(cluster.get(Service, "s-web"), mirror, cluster.wall_ns())


def _busy(cpus: float, count: int = 3) -> dict[str, tuple[list[float], int]]:
    return {f"t{slot}": ([cpus] * 3, 100 * MIB) for slot in range(1, count + 1)}


async def test_a_busy_service_gets_more_tasks() -> None:
    """The decision in one line with its numbers; written with why, which the change log tells, and no revision of the service."""
    cluster = _cluster(_service())
    verdict = _judge(cluster, _mirror(cluster, _busy(0.93)))
    assert str(verdict) == "web: 3 → 4 · cpu 93% of 70%"
    (outcome,) = [one async for one in apply(autoscale.scaling(verdict), Control(cluster))]
    assert outcome.text == str(verdict)
    spec = cluster.get(Service, "s-web").spec
    assert spec.replicated.replicas == 4
    assert spec.annotations.labels[replicas.SCALED] == "3 → 4: cpu 93% of 70%"
    assert replicas.without_count(spec) == replicas.without_count(_service().spec)


async def test_two_at_once() -> None:
    """Of two that decide the same the second is refused: nothing is scaled twice."""
    cluster = _cluster(_service())
    verdict = _judge(cluster, _mirror(cluster, _busy(0.93)))
    plan = autoscale.scaling(verdict)
    outcomes: list[Outcome] = []
    for _ in range(2):
        outcomes += [one async for one in apply(plan, Control(cluster))]
    assert [one.is_error for one in outcomes] == [False, True]
    assert outcomes[1].text == "Could not scale web: somebody changed it meanwhile."
    assert cluster.get(Service, "s-web").spec.replicated.replicas == 4


def _paused(service: Service) -> None:
    service.update_status.state = Status.PAUSED


def _going(service: Service) -> None:
    service.update_status.state = Status.UPDATING


def _stopped(service: Service) -> None:
    replicas.park(service.spec)


def _unread(service: Service) -> None:
    service.spec.annotations.labels[POLICY] = "cpu=much"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_paused, "its update is paused"),
        (_going, "an update of it is on its way"),
        (_stopped, "it is stopped"),
        (_unread, f"its label {POLICY} cannot be read: 'cpu=much'"),
    ],
)
def test_what_is_left_alone(change: Callable[[Service], None], why: str) -> None:
    """Never while it is updated, paused, stopped, or says something that is no policy."""
    cluster = _cluster(_service())
    cluster.update(Service, "s-web", change)
    verdict = _judge(cluster, _mirror(cluster, _busy(0.93)))
    assert (verdict.is_change, verdict.why) == (False, f"left alone: {why}")


def test_without_figures_nothing_is_guessed() -> None:
    """As under a Docker leader, or while a task has told nothing yet; and while not all tasks run."""
    cluster = _cluster(_service())
    assert _judge(cluster, _mirror(cluster, {})).why == "left alone: what it uses is told of 0 of 3 tasks"
    assert _judge(cluster, _mirror(cluster, _busy(0.9, 2))).why.endswith("told of 2 of 3 tasks")
    short = _cluster(_service(), running=2)
    assert _judge(short, _mirror(short, _busy(0.9, 2))).why == "left alone: 2 of 3 tasks run"


def test_a_share_is_of_what_a_task_may_use() -> None:
    """Of its reservation, or else its limit: half a processor of two is a quarter. Memory needs one of them."""
    cluster = _cluster(_service(cpus=2, memory=1000 * MIB, label="cpu=70% memory=50% min=1 max=9"))
    used = {f"t{slot}": ([0.5] * 3, 750 * MIB) for slot in range(1, 4)}
    assert str(_judge(cluster, _mirror(cluster, used))) == "web: 3 → 5 · memory 75% of 50%"
    bare = _cluster(_service(label="memory=50% min=1 max=9"))
    assert "reservation or a limit" in _judge(bare, _mirror(bare, used)).why


def test_soon_after_a_change_it_waits() -> None:
    """Who changed the service last, a person or another of its kind, is given a while."""
    cluster = _cluster(_service())
    mirror = _mirror(cluster, _busy(0.93))
    cluster.update(Service, "s-web", lambda one: None)
    verdict = autoscale.judge(cluster.get(Service, "s-web"), mirror, cluster.wall_ns() + 20 * 10**9)
    assert (verdict.is_change, verdict.why) == (False, "cpu 93% of 70%, 4 tasks in 40s if it stays so")


async def test_a_policy_is_a_label() -> None:
    """It is put and taken away by a plan; what cannot be scaled so is refused by name."""
    cluster = _cluster(_service(label=""))
    wanted = parse("cpu=70% min=2 max=10")
    plan = autoscale.asked(_mirror(cluster, {}), ["s-web"], wanted)
    assert plan.steps[0].changes == ("autoscale cpu=70% min=2 max=10",)
    [one async for one in apply(plan, Control(cluster))]
    assert autoscale.policy_of(cluster.get(Service, "s-web").spec) == wanted
    off = autoscale.asked(_mirror(cluster, {}), ["s-web"], None)
    assert off.steps[0].changes == ("autoscale off",)
    [one async for one in apply(off, Control(cluster))]
    (refusal,) = autoscale.asked(_mirror(cluster, {}), ["s-web"], None).refusals
    assert refusal == "Could not stop scaling web: it does not scale by itself."


# -- what would fit ----------------------------------------------------------------------------------


def test_reservations_that_fit() -> None:
    """A service without any gets what its tasks used and some more, with the numbers; asked again of what was suggested, it fits."""
    spec = _service(label="").spec
    used = Used(3, 0.4, 200 * MIB, 0.9, 1.1, 600)
    fit = fitting(spec, used)
    assert (fit.number, fit.nano_cpus, fit.memory) == (None, 480_000_000, 256 * MIB)
    assert fit.why == (
        "reserve 0.48 CPU, now none: a task used 0.4 at the most in 10m",
        "reserve 256M memory, now none: a task used 200M at the most in 10m",
    )
    spec.task.resources.reservations.CopyFrom(make_resources(cpus=0.48, memory=256 * MIB))
    assert fitting(spec, used).why == ()


@pytest.mark.parametrize(
    ("count", "mean", "high", "number"),
    [(2, 1.8, 1.9, 3), (6, 0.4, 0.6, 2), (3, 1.5, 2.0, None), (2, 0.0, 0.1, None)],
)
def test_the_number_that_fits(count: int, mean: float, high: float, number: int | None) -> None:
    """By the limit of processors: more where the tasks are near it, fewer where they never were, and two at the least."""
    spec = _service(count, label="", cpus=1).spec
    fit = fitting(spec, Used(count, high / count, MIB, mean, high, 600), number_only=True)
    assert fit.number == number


def test_a_limit_that_is_too_close() -> None:
    """Who used nine tenths of the memory limit gets more, before the task is killed for it."""
    fit = fitting(_service(label="", memory=256 * MIB).spec, Used(1, 0.1, 250 * MIB, 0.1, 0.1, 600))
    assert fit.memory_limit == 384 * MIB
    assert "is killed at the limit" in " ".join(fit.why)


async def test_a_suggestion_is_carried_out() -> None:
    """The steps of the plan say why, and make it so."""
    cluster = _cluster(_service(label=""))
    plan = suggest.plan(_mirror(cluster, {f"t{n}": ([0.2] * 6, 100 * MIB) for n in (1, 2, 3)}), ["s-web"])
    assert plan.steps[0].changes[0].startswith("reserve 0.24 CPU, now none")
    [one async for one in apply(plan, Control(cluster))]
    reserved = cluster.get(Service, "s-web").spec.task.resources.reservations
    assert (reserved.nano_cpus, reserved.memory_bytes) == (240_000_000, 128 * MIB)


def test_nothing_is_suggested_without_figures() -> None:
    """It says what is lacking: figures at all, as under a Docker leader, or two minutes of them."""
    cluster = _cluster(_service(label=""))
    plan = suggest.plan(_mirror(cluster, {}), ["s-web"])
    assert plan.steps == ()
    assert plan.notes[0].startswith("web: what it uses is told of 0 of 3 tasks; nodes of ours tell it")
    soon = suggest.plan(_mirror(cluster, _busy(0.2)), ["s-web"])
    assert soon.notes == ("web: what it uses is known for 1m, two minutes are needed.",)
