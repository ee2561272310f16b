"""`drill` on the command line (docs/design/terminal.md 11.20)."""

from typing import Any

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_node, make_resources, make_service, make_task

Task = objects_pb2.Task
WEB = make_service("s-web", name="web", replicas=2)


class _Moving(FakeCluster):
    """A cluster that moves the tasks of a drained node at once to another, unless it is stuck."""

    is_stuck = False

    async def call(self, method: str, request: Any, *, timeout: float | None = None) -> Any:
        answer = await super().call(method, request, timeout=timeout)
        is_drain = (
            isinstance(request, control_pb2.UpdateNodeRequest)
            and request.spec.availability == specs_pb2.NodeSpec.DRAIN
        )
        if is_drain and not self.is_stuck:
            self._move(request.node_id)
        return answer

    def _move(self, node_id: str) -> None:
        def end(task: Task) -> None:
            task.status.state = task.desired_state = types_pb2.SHUTDOWN

        for task in self.all(Task):
            if task.node_id == node_id and task.status.state == types_pb2.RUNNING:
                self.update(Task, task.id, end)
                self.put(
                    make_task(f"{task.id}-new", service=WEB, slot=task.slot, node_id="b", state="RUNNING")
                )


@pytest.fixture
def fake() -> _Moving:
    resources = make_resources(cpus=4, memory=8 << 30)
    nodes = [make_node(name, hostname=name, state="READY", resources=resources) for name in ("a", "b")]
    tasks = [
        make_task(f"t{n}", service=WEB, slot=n, node_id=node, state="RUNNING")
        for n, node in enumerate("ab", 1)
    ]
    return _Moving([*nodes, WEB, *tasks])


@pytest.fixture
def tui(fake: _Moving, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


def _availabilities(fake: FakeCluster) -> list[int]:
    """What each node was told to be, in order."""
    return [
        request.spec.availability
        for _, request in fake.calls
        if isinstance(request, control_pb2.UpdateNodeRequest)
    ]


def test_a_node_is_drained_and_given_back(fake: _Moving, tui: CommandLine) -> None:
    """It says before what is foretold, drains, gives the node back, and tells the score beside it."""
    result = tui("drill", "a")
    assert (result.code, result.err) == (0, "")
    assert _availabilities(fake) == [specs_pb2.NodeSpec.DRAIN, specs_pb2.NodeSpec.ACTIVE]
    assert result.lines[0] == "Drain a"
    assert "moved       1, foretold 1" in result.out
    assert "landed on   b 1, foretold b 1" in result.out
    assert result.lines[-1] == "As the plan had foretold."


def test_a_node_is_given_back_in_any_case(fake: _Moving, tui: CommandLine) -> None:
    """Where full strength is not reached in time the node is given back, and the exit code says so."""
    fake.is_stuck = True
    result = tui("drill", "a", "--timeout", "1")
    assert result.code == 1
    assert _availabilities(fake) == [specs_pb2.NodeSpec.DRAIN, specs_pb2.NodeSpec.ACTIVE]
    assert "not reached in 1 s: 1 of 2 tasks run on other nodes" in result.out


def test_what_cannot_be_tried(fake: _Moving, tui: CommandLine) -> None:
    """A node that takes no tasks, and one that there is not: nothing is changed."""

    def pause(node: objects_pb2.Node) -> None:
        node.spec.availability = specs_pb2.NodeSpec.PAUSE

    fake.update(objects_pb2.Node, "a", pause)
    result = tui("drill", "a")
    assert (result.code, "a takes no tasks" in result.err) == (1, True)
    assert tui("drill", "nobody").code == 1
    assert _availabilities(fake) == []


def test_dry_run(fake: _Moving, tui: CommandLine) -> None:
    """--dry-run tells what is foretold of the drain, and changes nothing."""
    result = tui("drill", "a", "--dry-run")
    assert (result.code, "New tasks land on b 1." in result.out) == (2, True)
    assert _availabilities(fake) == []
