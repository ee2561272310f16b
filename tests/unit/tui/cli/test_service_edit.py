"""`service edit`: a service in the person's own editor (docs/design/terminal.md 11.22)."""

import re
from pathlib import Path

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_node, make_service, make_task_spec

Service = objects_pb2.Service


@pytest.fixture
def fake() -> FakeCluster:
    fake = FakeCluster(orchestrate=True)
    fake.put(make_node("n"), make_service("s-web", name="web", task=make_task_spec(image="nginx:1")))
    return fake


@pytest.fixture
def tui(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


def by(monkeypatch: pytest.MonkeyPatch, editor: str) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)


def test_what_the_editor_changed_is_sent(
    fake: FakeCluster, tui: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """11.22.1: and nothing else, so that what somebody else changes meanwhile stays."""
    fake.update(Service, "s-web", lambda one: setattr(one.spec.task.container, "hostname", "h"))
    by(monkeypatch, "sed -i s/nginx:1/nginx:2/")
    assert tui("service", "edit", "--detach", "web").code == 0
    container = fake.get(Service, "s-web").spec.task.container
    assert (container.image, container.hostname) == ("nginx:2", "h")


@pytest.mark.parametrize("editor", ["true", "rm", "sed -i 's/^/&/'"])
def test_a_file_that_is_left_as_it_is_changes_nothing(
    fake: FakeCluster, tui: CommandLine, monkeypatch: pytest.MonkeyPatch, editor: str
) -> None:
    """11.22.2: nor one that was removed."""
    by(monkeypatch, editor)
    found = tui("service", "edit", "--detach", "web")
    assert (found.code, found.out) == (0, "Nothing is changed.\n")
    assert not [name for name, _ in fake.calls if name == "Control.UpdateService"]


def test_other_writing_of_the_same_changes_nothing(
    fake: FakeCluster, tui: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """11.22.2: such as a comment."""
    by(monkeypatch, "sed -i '1i# mine'")
    assert tui("service", "edit", "--detach", "web").out == "Nothing is changed.\n"
    assert not [name for name, _ in fake.calls if name == "Control.UpdateService"]


def test_a_failing_editor_is_told(
    fake: FakeCluster, tui: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """11.22.3: and so is one that is not there."""
    by(monkeypatch, "false")
    failed = tui("service", "edit", "web")
    assert failed.code == 1
    assert "The editor false ended with exit code 1: nothing is taken from it." in failed.err
    by(monkeypatch, "no-such-editor --wait")
    missing = tui("service", "edit", "web")
    assert missing.code == 1
    assert "The editor no-such-editor cannot be run: No such file or directory." in missing.err
    assert not [name for name, _ in fake.calls if name == "Control.UpdateService"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("s/replicas:.*/replicas: many/", r"line \d+: services.web.deploy.replicas must be an integer."),
        ("s/  web:/  other:/", "a service keeps its name: web."),
        (
            "s/nginx:1/NGINX/",
            r'invalid image reference for service web: "NGINX" is not a valid repository/tag.',
        ),
    ],
)
def test_what_is_wrong_is_told_and_the_text_is_kept(
    fake: FakeCluster, tui: CommandLine, monkeypatch: pytest.MonkeyPatch, change: str, told: str
) -> None:
    """11.22.4: with its line, and where the text is."""
    by(monkeypatch, f"sed -i '{change}'")
    failed = tui("service", "edit", "web")
    assert failed.code == 1
    assert re.search(told, failed.err), failed.err
    kept = re.search(r"What you wrote is kept in (\S+)\.\n", failed.err)
    assert kept is not None
    assert "services:" in Path(kept[1]).read_text()
    assert Path(kept[1]).stat().st_mode & 0o077 == 0
    Path(kept[1]).unlink()
    assert not [name for name, _ in fake.calls if name == "Control.UpdateService"]


def test_a_dry_run_says_what_it_would_come_to(
    fake: FakeCluster, tui: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And changes nothing."""
    by(monkeypatch, "sed -i s/nginx:1/nginx:2/")
    found = tui("service", "edit", "--dry-run", "web")
    assert found.code == 2
    assert "image 1 → 2" in found.out
    assert fake.get(Service, "s-web").spec.task.container.image == "nginx:1"
