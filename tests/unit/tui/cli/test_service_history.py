"""`service history` and `service rollback --to` (docs/design/terminal.md 11.7)."""

import json

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2, raft_status_pb2, types_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_node, make_service, make_task_spec

Service = objects_pb2.Service


@pytest.fixture
def fake() -> FakeCluster:
    fake = FakeCluster(orchestrate=True)
    fake.raft = raft_status_pb2.GetRaftStatusResponse(term=1)
    fake.put(make_node("n"), make_service("s-web", name="web", task=make_task_spec(image="nginx:1")))
    return fake


@pytest.fixture
def tui(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


def updated(tui: CommandLine, *flags: str) -> None:
    assert tui("service", "update", "--detach", *flags, "web").code == 0


def test_history(fake: FakeCluster, tui: CommandLine) -> None:
    """11.7.1: the present spec first, then those before it: number, age, how the update ended, image, and what was changed."""
    fake.advance(60)
    updated(tui, "--image", "nginx:2")
    fake.update(
        Service, "s-web", lambda one: setattr(one.update_status, "state", types_pb2.UpdateStatus.COMPLETED)
    )
    fake.advance(3600)
    updated(tui, "--env-add", "A=1", "--image", "caddy:1")
    result = tui("service", "history", "web")
    assert result.lines[0].split() == ["REVISION", "SINCE", "UPDATE", "IMAGE", "CHANGED"]
    rows = [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in result.lines[1:]]
    assert rows == [
        ["3 (now)", "Less than a second", "caddy:1", "nginx:2 → caddy:1, env +A"],
        ["2", "About an hour", "completed", "nginx:2", "image 1 → 2"],
        ["1", "About an hour", "nginx:1"],
    ]


def test_history_for_programs(tui: CommandLine) -> None:
    """11.7.1: as JSON each revision is an object with its whole spec."""
    updated(tui, "--image", "nginx:2")
    present, before = [
        json.loads(line) for line in tui("service", "history", "--format", "json", "web").lines
    ]
    assert (present["Revision"], present["IsPresent"], present["Changed"]) == (2, True, ["image 1 → 2"])
    assert (before["Revision"], before["Spec"]["task"]["container"]["image"]) == (1, "nginx:1")


def test_rollback_to_a_revision(fake: FakeCluster, tui: CommandLine) -> None:
    """11.7.2: an update to the spec with that number; the credentials of now stay."""
    updated(tui, "--image", "nginx:2")
    updated(tui, "--image", "nginx:3")
    fake.update(
        Service, "s-web", lambda one: setattr(one.spec.task.container.pull_options, "registry_auth", "now")
    )
    result = tui("service", "rollback", "--detach", "--to", "1", "web")
    assert (result.code, result.out) == (0, "web\n")
    container = fake.get(Service, "s-web").spec.task.container
    assert (container.image, container.pull_options.registry_auth) == ("nginx:1", "now")
    request = fake.calls[-1][1]
    assert isinstance(request, control_pb2.UpdateServiceRequest) and not request.rollback


def test_rollback_to_nowhere(tui: CommandLine) -> None:
    """11.7.2: a number that is not kept is refused, with those that are."""
    first = tui("service", "rollback", "--to", "7", "web")
    assert (first.code, first.err) == (
        1,
        "Error: --to: there is no revision 7 of web to go back to; it has had one spec only.\n",
    )
    updated(tui, "--image", "nginx:2")
    assert tui("service", "rollback", "--to", "7", "web").err.endswith("to go back to; it has 1.\n")


def test_a_docker_engine_keeps_one_step(fake: FakeCluster, tui: CommandLine) -> None:
    """11.7.3: where a Docker Engine leads there are two specs at most, and both commands say so."""
    updated(tui, "--image", "nginx:2")
    fake.raft = None
    result = tui("service", "history", "web")
    assert [line.split()[0] for line in result.lines[1:]] == ["–", "–"]
    assert result.err.startswith("A Docker Engine leads this cluster: it keeps one earlier spec only")
    refused = tui("service", "rollback", "--to", "1", "web")
    assert refused.code == 1 and "A Docker Engine leads" in refused.err
