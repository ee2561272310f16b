"""What a runbook says of plans that were carried out (docs/design/terminal.md 11.26)."""

import shlex
from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_testkit.factories import make_node, make_service, make_task
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import nodes as operation
from swarm_tui.operations.docker.commands import Commands, commands_of
from swarm_tui.operations.forecast.changed import changed
from swarm_tui.operations.model import Outcome, Plan
from swarm_tui.operations.runbook import Runbook, Watched

S = 1_000_000_000
NOW = 1_760_000_000 * S
DONE = (Outcome("w1: drain"),)
Node, Service = objects_pb2.Node, objects_pb2.Service


def _lines(runbook: Runbook) -> list[str]:
    """What follows on what the file says of itself."""
    return list(runbook.lines())[5:]


def _view(*items: Any) -> Snapshot:
    nodes = [make_node(name, hostname=name, state="READY") for name in ("w1", "w10")]
    return Snapshot([*nodes, *items])


def _drain(view: Snapshot, runbook: Runbook) -> None:
    plan = operation.availability(view, ["w1"], "drain")
    pairs = changed(plan, view)
    runbook.did(plan, pairs, DONE, commands_of(plan, pairs, view), NOW)


@pytest.mark.parametrize("node", ["w1", "w10"])
def test_a_drained_node_is_waited_for_if_it_was(node: str) -> None:
    """Where nothing runs on it any more when the person goes on; tasks on a node whose name only begins like it are others."""
    service = make_service("s", name="web", replicas=1)
    view = _view(service, make_task("t", service=service, slot=1, node_id=node, state="RUNNING"))
    runbook = Runbook("prod", NOW)
    _drain(view, runbook)
    runbook.looked(view, None, NOW)
    wait = "swarm-tui find tasks 'node:=w1 state:running' --until none"
    assert (wait in _lines(runbook)) == (node == "w10")
    assert "swarm-tui node update --availability drain w1" in _lines(runbook)


def test_a_narrowed_list_is_a_check() -> None:
    """That it shows something, or nothing, as it did when the person went on; a later look changes only what came later."""
    runbook = Runbook("prod", NOW)
    _drain(_view(), runbook)
    runbook.looked(_view(), Watched("node", "w10 state:ready"), NOW)
    runbook.said("Drill", ["drill", "w10"], NOW)
    runbook.looked(_view(), Watched("node", "state:down"), NOW)
    found = [line for line in _lines(runbook) if " find nodes " in line]
    assert found == [
        "swarm-tui find nodes 'w10 state:ready' --until some",
        "swarm-tui find nodes state:down --until none",
    ]


def test_what_no_command_does_is_done_by_hand() -> None:
    """The step says so, with the reason; and what went wrong in part."""
    runbook = Runbook("prod", NOW)
    outcomes = [Outcome("moved"), Outcome("Could not move db.\nsecond line", is_error=True)]
    runbook.did(
        Plan("Move web"), (), outcomes, Commands(why_none="No docker command does this: it is a task."), NOW
    )
    text = "\n".join(_lines(runbook))
    assert "# Do it by hand: No docker command does this: it is a task." in text
    assert "# It went wrong: Could not move db. second line" in text
    assert all(not line or line.startswith("#") for line in _lines(runbook))


def test_what_came_to_nothing_is_no_step() -> None:
    """Neither a plan that was refused nor one of which everything failed."""
    runbook = Runbook("prod", NOW)
    for outcomes in ([], [Outcome("refused", is_error=True)]):
        runbook.did(Plan("Scale"), (), outcomes, Commands(("docker service scale web=3",)), NOW)
    assert (len(runbook), _lines(runbook)) == (0, [])


@pytest.mark.parametrize(
    ("docker", "own"),
    [
        ("docker swarm join-token --rotate worker", "swarm-tui cluster join-token --rotate worker"),
        ("docker secret create --label a=b key -", "swarm-tui secret create --label a=b key -"),
        ("docker node rm --force w1", "swarm-tui node rm --force w1"),
    ],
)
def test_commands_are_our_own(docker: str, own: str) -> None:
    """Docker's words in our command; what needs a content says that it is not in the file."""
    runbook = Runbook("prod", NOW)
    runbook.did(Plan("x"), (), DONE, Commands((docker,)), NOW)
    assert own in _lines(runbook)
    assert ("standard input" in "\n".join(_lines(runbook))) == own.endswith("-")


def test_nothing_that_was_typed_becomes_another_command() -> None:
    """Titles, names and words with quotes, newlines and signs of a shell stay what they are."""
    runbook = Runbook("prod\nreboot", NOW)
    wild = "a'b;c $(d)\ne"
    runbook.did(Plan(wild), (), DONE, Commands((shlex.join(["docker", "service", "rm", wild]),)), NOW)
    runbook.looked(_view(), None, NOW)
    text = "\n".join(runbook.lines())
    assert "\nreboot" not in text
    assert "\ne  (" not in text
    assert shlex.split(text, comments=True)[2:] == ["swarm-tui", "service", "rm", wild]


def test_a_node_drained_before_is_not_waited_for() -> None:
    """What was drained already is nothing that was watched for."""
    view = _view()
    for node in view.objects(Node):
        node.spec.availability = specs_pb2.NodeSpec.DRAIN
    runbook = Runbook("prod", NOW)
    _drain(view, runbook)
    runbook.looked(view, None, NOW)
    assert not [line for line in _lines(runbook) if " find " in line]
