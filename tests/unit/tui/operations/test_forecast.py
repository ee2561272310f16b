"""What a plan is said to come to, on clusters of one or two nodes (docs/design/scheduling.md 3.15)."""

import pytest
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import UpdateConfig, UpdateStatus
from swarm_testkit.factories import GIB, make_node, make_resources, make_service, make_task, make_task_spec
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations.forecast.model import Forecast, Pair, Stuck
from swarm_tui.operations.forecast.play import forecast


def node(id_: str) -> Node:
    return make_node(id_, hostname=id_, resources=make_resources(cpus=4, memory=4 * GIB))


def service(name: str, *, replicas: int = 1, memory: int = 0, order: str = "STOP_FIRST") -> Service:
    """Replaced one task at a time."""
    task = make_task_spec(reservations=make_resources(memory=memory))
    made = make_service(name, name=name, replicas=replicas, task=task)
    made.spec.update.parallelism = 1
    made.spec.update.order = UpdateConfig.UpdateOrder.Value(order)
    return made


def running(of: Service, node_id: str, slot: int = 1) -> Task:
    return make_task(service=of, slot=slot, node_id=node_id, state="RUNNING")


def restarted(of: Service) -> Pair:
    """A change for which every task of the service is replaced."""
    after = Service()
    after.CopyFrom(of)
    after.spec.task.force_update += 1
    after.spec_version.index += 1
    return Pair(of, after)


def of_restart(of: Service, *others: Node | Service | Task) -> Forecast:
    return forecast(Snapshot([of, *others]), [restarted(of)])


def test_what_is_to_stop_weighs_nothing() -> None:
    """3.15.2: a node whose one task is replaced is as empty as the other, and gets the new one."""
    web = service("web")
    assert of_restart(web, node("a"), node("b"), running(web, "a")).landing == (("a", 1),)


def test_what_is_to_stop_holds_what_it_reserved() -> None:
    """3.15.2: where there is no room beside the old task the new one goes to the other node."""
    web = service("web", memory=3 * GIB)
    assert of_restart(web, node("a"), node("b"), running(web, "a")).landing == (("b", 1),)


def test_what_finds_no_room_is_tried_again_once_the_old_task_has_stopped() -> None:
    """3.15.2: on the only node the new task waits for the old one to stop; none runs meanwhile, and one in the end."""
    web = service("web", memory=3 * GIB)
    said = of_restart(web, node("a"), running(web, "a"))
    (course,) = said.services
    assert (said.landing, said.fits) == ((("a", 1),), True)
    assert (course.now, course.lowest, course.end) == (1, 0, 1)


def test_what_waited_longer_comes_first() -> None:
    """3.15.2: the room that the old task leaves goes to a task that waits already, and the new one is left without."""
    web, big = service("web", memory=3 * GIB), service("big", memory=3 * GIB)
    said = of_restart(web, big, node("a"), running(web, "a"), make_task(service=big, slot=1, state="PENDING"))
    assert (said.relieved, said.landing) == (1, ())
    assert [(one.service, one.count) for one in said.homeless] == [("web", 1)]


def test_a_task_that_finds_no_other_node_is_stopped_and_not_replaced() -> None:
    """3.15.1: a drained node's tasks end; where one node takes one of them, that one is replaced."""
    web, a, drained = service("web", replicas=2, memory=3 * GIB), node("a"), node("a")
    drained.spec.availability = NodeSpec.DRAIN
    tasks = (running(web, "a", 1), running(web, "a", 2))
    alone = forecast(Snapshot([web, a, *tasks]), [Pair(a, drained)])
    assert (alone.restarts, alone.stops, alone.landing) == (0, 2, ())
    assert [(one.service, one.count) for one in alone.homeless] == [("web", 2)]
    with_room = forecast(Snapshot([web, a, node("b"), *tasks]), [Pair(a, drained)])
    assert (with_room.restarts, with_room.stops, with_room.landing) == (1, 1, (("b", 1),))


def test_a_rollout_without_room_stops() -> None:
    """3.15.3: the first new task finds no room beside the old one, which stays; the second slot is never looked at."""
    web = service("web", replicas=2, memory=2 * GIB, order="START_FIRST")
    said = of_restart(web, node("a"), running(web, "a", 1), running(web, "a", 2))
    assert (said.stuck, said.landing) == ((Stuck("web", 0, 2),), ())
    assert said.services == ()


@pytest.mark.parametrize(("memory", "seconds"), [(1 * GIB, 19.0), (2 * GIB, None)])
def test_what_gets_stuck_takes_no_time(memory: int, seconds: float | None) -> None:
    """3.15.3: a rollout that comes to its end takes as long as its tasks took to start; for one that does not no time is told."""
    web = service("web", replicas=2, memory=memory, order="START_FIRST")
    tasks = [running(web, "a", slot) for slot in (1, 2)]
    for task in tasks:
        task.meta.created_at.seconds, task.status.timestamp.seconds = 100, 107
    assert of_restart(web, node("a"), *tasks).seconds == seconds


def test_what_finds_a_node_is_taken_to_run() -> None:
    """3.15.4: a program that would fail is in no object, so the new tasks count as running once they have a node."""
    web = service("web")
    (course,) = of_restart(
        web, node("a"), make_task(service=web, slot=1, node_id="a", state="FAILED")
    ).services
    assert (course.now, course.end) == (0, 1)


@pytest.mark.parametrize("state", ["UPDATING", "PAUSED"])
def test_the_rollout_of_another_service_is_left_out(state: str) -> None:
    """3.15.4: outdated tasks of a service that the plan does not change stay as they are, though its update is under way or paused."""
    web, other = service("web"), service("other")
    old = running(other, "b")
    updated = restarted(other).after
    updated.update_status.state = UpdateStatus.UpdateState.Value(state)
    said = of_restart(web, updated, node("a"), node("b"), running(web, "a"), old)
    assert (said.restarts, said.stops, said.landing) == (1, 0, (("a", 1),))
    assert [course.name for course in said.services] == ["web"]


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_ids_decide_between_equal_nodes(order: str) -> None:
    """3.15.4: whichever node the objects name first, the one with the lower id is taken."""
    web = service("web")
    said = forecast(Snapshot([node(id_) for id_ in order]), [Pair(None, web)])
    assert said.landing == (("a", 1),)
