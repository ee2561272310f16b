"""`find --until`: waiting for what a list would show (docs/design/terminal.md 11.25)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_cluster, make_node, make_service, make_task

Task = objects_pb2.Task
WEB = make_service("s-web", name="web", replicas=1)


class _Ending(FakeCluster):
    """As soon as somebody watches, the task on w1 ends."""

    is_stuck = False

    async def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        async for message in super().stream(method, request):
            yield message
            if not self.is_stuck and method == "Watch.Watch":
                self.is_stuck = True
                self.update(Task, "t1", _end)


def _end(task: Task) -> None:
    task.status.state = task.desired_state = types_pb2.SHUTDOWN


@pytest.fixture
def fake() -> _Ending:
    node = make_node("w1", hostname="w1", state="READY")
    task = make_task("t1", service=WEB, slot=1, node_id="w1", state="RUNNING")
    return _Ending([make_cluster("c"), node, WEB, task])


@pytest.fixture
def tui(fake: _Ending, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


def test_it_waits_for_the_list_to_be_so(fake: _Ending, tui: CommandLine) -> None:
    """Until none, some or so many are found; then the list is printed as without it."""
    result = tui("find", "tasks", "node:w1", "state:running", "--until", "none", "--quiet")
    assert (result.code, result.out, result.err, fake.is_stuck) == (0, "", "", True)
    for goal in ("some", "1"):
        result = tui("find", "tasks", "node:w1", "state:shutdown", "--until", goal, "--quiet")
        assert (result.code, result.err) == (0, "")
        assert result.lines == tui("find", "tasks", "state:shutdown", "--quiet").lines
        assert len(result.lines) == 1


def test_what_does_not_come_in_time_is_told(fake: _Ending, tui: CommandLine) -> None:
    """After the time that it may take it fails, and says how many are found."""
    fake.is_stuck = True
    result = tui("find", "tasks", "state:running", "--until", "none", "--timeout", "0.2")
    assert (result.code, result.err) == (1, "Error: After 0.2 seconds 1 are found.\n")


def test_a_goal_that_is_none(tui: CommandLine) -> None:
    """What is neither a number nor one of the words is wrong usage."""
    for text in ("all", "-1", "1.5", ""):
        result = tui("find", "tasks", "--until", text)
        assert (result.code, "neither none nor some nor a number" in result.err) == (2, True)


def test_a_term_that_takes_too_long_is_a_failure(fake: _Ending, tui: CommandLine) -> None:
    """`find` says which, and what to do, and ends as for a term that cannot be read."""
    fake.update(objects_pb2.Node, "w1", _name_evil)
    result = tui("find", "nodes", "/(a+)+$/")
    assert result.code == 2
    assert "/(a+)+$/ takes too long: write it without" in result.err


def _name_evil(node: objects_pb2.Node) -> None:
    node.description.hostname = "a" * 60 + "b"
