"""Commands that hold, stop, start, kill and forward, on a cluster in memory (docs/design/plans.md 13.6-13.8, exec.md 15.4)."""

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_node, make_service, make_task

Service, Task = objects_pb2.Service, objects_pb2.Task
Status = types_pb2.UpdateStatus


@pytest.fixture
def fake() -> FakeCluster:
    """A service of two tasks that run."""
    fake = FakeCluster(orchestrate=True)
    web = make_service("s-web", name="web", replicas=2)
    tasks = [make_task(f"t{slot}", service=web, slot=slot, node_id="n", state="RUNNING") for slot in (1, 2)]
    fake.put(make_node("n", hostname="w1"), web, *tasks)
    return fake


@pytest.fixture
def tui(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


def test_stop_and_start(fake: FakeCluster, tui: CommandLine) -> None:
    """13.6: each says how many tasks there were, or are again; a dry run changes nothing."""
    assert tui("service", "stop", "--dry-run", "web").code == 2
    assert tui("service", "stop", "--detach", "web").out == "web stopped, it had 2 tasks\n"
    assert fake.get(Service, "s-web").spec.replicated.replicas == 0
    again = tui("service", "stop", "--detach", "web")
    assert (again.code, again.err) == (
        1,
        "Error: Could not stop web: it is stopped already, and had 2 tasks.\n",
    )
    assert tui("service", "start", "--detach", "web").out == "web started, with 2 tasks\n"
    assert fake.get(Service, "s-web").spec.replicated.replicas == 2


def test_hold_and_resume(fake: FakeCluster, tui: CommandLine) -> None:
    """13.8: by name; what is held already says so."""
    assert "no update of it is on its way" in tui("service", "hold", "web").err
    fake.update(Service, "s-web", lambda one: setattr(one.update_status, "state", Status.UPDATING))
    assert tui("service", "hold", "web").out == "rollout of web held\n"
    assert "it is paused already (update paused by an operator)" in tui("service", "hold", "web").err
    assert tui("service", "resume", "--detach", "web").out == "rollout of web goes on\n"


def test_kill(fake: FakeCluster, tui: CommandLine) -> None:
    """13.7: a dry run says what takes its place; then the task is gone."""
    told = tui("task", "kill", "--dry-run", "web.1")
    assert told.code == 2 and "Its service starts another in its slot" in told.out
    assert tui("task", "kill", "web.1").out == "t1\n"
    assert "t1" not in {one.id for one in fake.all(Task)}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("web", "80:80:80"), 2, "'80:80' is no port: write 80, 8080:80 or :80"),
        (("web", "80"), 1, "Could not forward ports to web: a Docker Engine leads this cluster"),
    ],
)
def test_why_no_port_is_forwarded(tui: CommandLine, words: tuple[str, ...], code: int, said: str) -> None:
    """15.4.5, 15.4.6: one sentence."""
    told = tui("port-forward", *words)
    assert told.code == code and said in told.err
