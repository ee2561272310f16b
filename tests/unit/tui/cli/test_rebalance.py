"""`rebalance`: what is planned is told before anything moves (docs/design/scheduling.md 3.13)."""

import json
import re

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_node, make_service, make_task, make_task_spec
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import rebalance as operation
from swarm_tui.operations.model import Remove

Service = objects_pb2.Service
Task = objects_pb2.Task


@pytest.fixture
def fake() -> FakeCluster:
    nodes = [make_node(name, hostname=name, labels={"zone": zone}) for name, zone in ("ax", "bx", "cy")]
    web = make_service("s", name="web", replicas=4)
    spread = make_service("z", name="api", replicas=2, task=make_task_spec(spread=["node.labels.zone"]))
    tasks = [
        *(
            make_task(service=web, slot=slot, node_id="a", state="RUNNING", created_ns=slot)
            for slot in range(1, 5)
        ),
        *(
            make_task(service=spread, slot=slot, node_id="b", state="RUNNING", created_ns=slot)
            for slot in (1, 2)
        ),
    ]
    return FakeCluster([*nodes, web, spread, *tasks])


@pytest.fixture
def tui(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


def removals(fake: FakeCluster) -> list[str]:
    return [method for method, _ in fake.calls if method == "Control.RemoveTask"]


def test_dry_run(fake: FakeCluster, tui: CommandLine) -> None:
    """--dry-run says what would move where and why, with the numbers, and changes nothing."""
    result = tui("rebalance", "--dry-run")
    assert [re.split(" {3,}", line) for line in result.lines] == [
        ["TASK", "MOVE", "WHY"],
        ["api.2", "b → c", "2 tasks of api where zone=x, 0 where zone=y"],
        ["web.4", "a → b", "4 tasks of web on a, 0 on b"],
        ["web.3", "a → c", "3 tasks of web on a, 0 on c"],
    ]
    assert removals(fake) == []


def test_dry_run_for_programs(tui: CommandLine) -> None:
    """One record a move; a service's name cuts the plan down to it, --max to so many moves."""
    records = [json.loads(line) for line in tui("rebalance", "web", "--dry-run", "--format", "json").lines]
    assert [(one["Task"], one["From"], one["To"]) for one in records] == [
        ("web.4", "a", "c"),
        ("web.3", "a", "b"),
    ]
    assert len(tui("rebalance", "--dry-run", "--max", "1", "--format", "json").lines) == 1


@pytest.mark.parametrize("state", ["UPDATING", "PAUSED", "ROLLBACK_STARTED"])
def test_what_is_updated_is_left_alone(fake: FakeCluster, tui: CommandLine, state: str) -> None:
    """3.13.5: a service whose update is under way, or waits for a person, is not moved; one short of its goal neither."""

    def updating(service: Service) -> None:
        service.update_status.state = types_pb2.UpdateStatus.UpdateState.Value(state)

    def more(service: Service) -> None:
        service.spec.replicated.replicas = 9

    fake.update(Service, "s", updating)
    fake.update(Service, "z", more)
    assert tui("rebalance").lines == ["Nothing to move: no service would be spread more evenly."]
    assert removals(fake) == []


def test_a_move_is_the_removal_of_one_task(fake: FakeCluster) -> None:
    """3.13.4: nothing is asked for but the removal of the tasks that move, each by its id; no service is changed."""
    view = Snapshot([*fake.all(objects_pb2.Node), *fake.all(Service), *fake.all(Task)])
    found = operation.moves(view, view.objects(Service), 1000)
    steps = operation.plan(view, found).steps
    assert [step.action for step in steps] == [Remove(Task, move.task.id) for move in found]
    assert len({move.task.id for move in found}) == len(found) == 3
