"""`swarm-tui` by itself where there is no cluster (docs/design/engine-views.md 18.1.7)."""

from pathlib import Path

import pytest
import typer
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client import node_directory, sockets
from swarm_testkit.trust import make_authority
from swarm_tui.cli.main import run
from swarm_tui.cli.plumbing import ui
from swarm_tui.cli.plumbing.session import Globals


class Opened(Exception):
    """The dashboard of engines would be open now."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A person at a terminal of a machine without a cluster and without an engine; what was asked, which is answered with no."""
    questions: list[str] = []
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "SWARM_TUI_ENGINES", sockets.ENVIRONMENT_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(sockets, "MACHINE_SOCKETS", ())
    monkeypatch.setattr(sockets, "DOCKER_SOCKET", tmp_path / "none")
    monkeypatch.setattr(ui, "_DOCKERS_OWN", tmp_path / "docker.sock")
    monkeypatch.setattr(ui, "has_terminal", lambda: True)

    def confirm(text: str, default: bool) -> bool:
        questions.append(text)
        return False

    async def shown(given: Globals, named: str | None, greeting: str) -> int:
        raise Opened(named, greeting)

    monkeypatch.setattr(typer, "confirm", confirm)
    monkeypatch.setattr(ui, "_engines_shown", shown)
    return questions


def test_without_an_engine_a_node_is_offered(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing else is said."""
    with pytest.raises(sockets.NoSocket):
        ui.open_dashboard(Globals())
    assert asked == ["No cluster found on this machine. Start a node here now?"]
    assert capsys.readouterr().err == ""


def node_here(identity: TlsIdentity) -> Path:
    """The state directory of this person's node, which has joined a cluster."""
    state = sockets.state_directory()
    (state / "certificates").mkdir(parents=True)
    (state / node_directory.NODE_CERTIFICATE).write_bytes(identity.certificate)
    return state


def test_on_a_worker_its_managers_are_named_and_no_second_node_is_offered(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It has a cluster; the places that were tried are told beneath, by the dashboard and by commands."""
    with node_directory.held(node_here(make_authority().worker()), as_daemon=True):
        for words in ([], ["status"]):
            assert run(words) == 1
            first, *others = capsys.readouterr().err.splitlines()
            assert first == (
                "Error: No manager answers here: the node runs as a worker, which has none; ask one of the managers of its cluster. Tried:"
            )
            assert others and all(line.startswith("  ") for line in others)
    assert asked == []


def test_beside_the_node_of_the_machine_no_other_is_offered(
    asked: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may be a worker that a service runs; this person has none."""
    state = node_here(make_authority().worker())
    monkeypatch.setattr(sockets, "MACHINE_SOCKETS", (sockets.own_socket(state),))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "person"))
    with node_directory.held(state, as_daemon=True):
        assert run([]) == 1
    assert asked == []
    assert "No manager answers here: the node runs as a worker" in capsys.readouterr().err


def test_a_node_that_ended_is_brought_back(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It is not said that there is no cluster: it has one."""
    state = node_here(make_authority().manager())
    with node_directory.held(state, as_daemon=True):
        record = (state / node_directory.PID_FILE).read_bytes()
    (state / node_directory.PID_FILE).write_bytes(record)
    assert run([]) == 1
    assert asked == ["Your node does not run (it died). Bring it back now?"]
    assert capsys.readouterr().err.startswith(
        "Error: No manager answers here: the node does not run (it died); "
    )


def test_where_docker_points_to_an_engine_that_one_is_shown(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a greeting that says so, and how there would be a cluster; nothing is asked."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(Opened) as opened:
        ui.open_dashboard(Globals())
    assert opened.value.args == (
        "default",
        "No cluster was found on this machine: this is the engine of docker's context 'default'. 'swarm-tui up' starts a node here.",
    )
    assert asked == []


def test_a_context_that_is_not_there_is_said(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With those that are."""
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    with pytest.raises(LookupError, match="Docker has no context 'far'; known are: default"):
        ui.open_dashboard(Globals())
    assert asked == []


def test_the_engine_of_this_machine_is_told_of_before_the_question(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever meant it reads how to see it."""
    find = sockets.problem_of
    monkeypatch.setattr(sockets, "problem_of", lambda path: None if path == ui._DOCKERS_OWN else find(path))
    with pytest.raises(sockets.NoSocket):
        ui.open_dashboard(Globals())
    assert len(asked) == 1
    assert "'swarm-tui engine ui --engines default' shows it" in capsys.readouterr().err


def test_engines_of_the_list_go_before_dockers(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the person wrote down for this program is meant first."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("SWARM_TUI_ENGINES", "tcp://127.0.0.1:2")
    with pytest.raises(Opened) as opened:
        ui.open_dashboard(Globals())
    assert opened.value.args == ("tcp://127.0.0.1:2", ui._NO_CLUSTER)
