"""`swarm-tui context …` (docs/design/terminal.md 11.14)."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.client.contexts import Context
from swarm_tui.cli.main import run
from swarm_tui.cli.plumbing.context_edits import with_context, with_current, without_context
from swarm_tui.cli.plumbing.session import Globals

WRITTEN = """# of mine
current = "lab"  # for now

[contexts]
lab = "/run/lab.sock"  # the old one
# ssh below
[contexts.prod]
ssh = "ana@m1"
socket = "/run/control.sock"

[contexts.edge]
address = "m1:4242"
certificates = "/certs"
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Where the contexts are."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("SWARM_TUI_SOCKET", raising=False)
    return tmp_path / "swarm-tui" / "contexts.toml"


def test_names_are_given_used_and_taken_away(file, capsys):
    """`add`, `ls`, `use`, `rm`, from a file that is not there."""
    assert run(["context", "add", "lab", "--socket", "/run/lab.sock"]) == 0
    assert run(["context", "add", "prod", "--ssh", "ana@m1", "--socket", "/run/control.sock"]) == 0
    assert run(["context", "use", "prod"]) == 0
    capsys.readouterr()
    assert run(["context", "ls"]) == 0
    assert capsys.readouterr().out == (
        "NAME     REACHED BY\nlab      /run/lab.sock\nprod *   ssh ana@m1 /run/control.sock\n"
    )
    assert file.stat().st_mode & 0o077 == 0
    assert run(["context", "rm", "prod"]) == 0
    assert tomllib.loads(file.read_text()) == {"contexts": {"lab": {"socket": "/run/lab.sock"}}}
    assert [one.name for one in file.parent.iterdir()] == ["contexts.toml"]


@pytest.mark.parametrize(
    "words, code, told",
    [
        (["add", "lab", "--socket", "/x"], 1, "There is a context 'lab' already"),
        (["add", "new"], 2, "has neither a socket nor an address"),
        (["add", "new", "--ssh", "-oX", "--socket", "/x"], 2, "ssh cannot take"),
        (["rm", "other"], 1, "There is no context 'other'"),
        (["use", "other"], 1, "known are: edge, lab, prod"),
    ],
)
def test_what_cannot_be_done_changes_nothing(file, capsys, words, code, told):
    """A refusal is a sentence, and the file is as it was."""
    file.parent.mkdir()
    file.write_text(WRITTEN)
    assert run(["context", *words]) == code
    assert told in capsys.readouterr().err
    assert file.read_text() == WRITTEN


def test_the_current_one_is_used_where_nothing_else_is_said(file, monkeypatch):
    """A name, a socket and the variable go before it."""
    file.parent.mkdir()
    file.write_text(WRITTEN)
    assert Globals().in_context() == Context("lab", "/run/lab.sock")
    assert Globals(context="prod").in_context() == Context("prod", "/run/control.sock", "ana@m1")
    assert Globals(socket="/x").in_context() is None
    monkeypatch.setenv("SWARM_TUI_SOCKET", "/y")
    assert Globals().in_context() is None
    assert Globals(context="prod").in_context() is not None


def test_a_context_that_nobody_serves(file, capsys):
    """The sentence names socket and context."""
    file.parent.mkdir()
    file.write_text(WRITTEN)
    assert run(["status"]) == 1
    assert "The control socket /run/lab.sock (the context lab) does not exist" in capsys.readouterr().err


def test_edits_leave_the_rest_as_it_was():
    """Comments and other contexts stay where they stand."""
    without = without_context(WRITTEN, "prod")
    assert tomllib.loads(without) == {
        "current": "lab",
        "contexts": {"lab": "/run/lab.sock", "edge": {"address": "m1:4242", "certificates": "/certs"}},
    }
    assert "# of mine" in without
    assert "# the old one" in without
    gone = without_context(WRITTEN, "lab")
    assert "current" not in tomllib.loads(gone)
    assert set(tomllib.loads(gone)["contexts"]) == {"prod", "edge"}
    used = with_current(WRITTEN, "edge")
    assert tomllib.loads(used)["current"] == "edge"
    assert "# of mine" in used


NAMES = st.sampled_from(["a", "b.c", "d-e"])
TEXTS = st.text(min_size=1, max_size=12).filter(
    lambda text: not any("\ud800" <= sign <= "\udfff" for sign in text)
)


@given(st.dictionaries(NAMES, TEXTS, min_size=1), st.data())
def test_whatever_is_added_is_read_and_taken_away_again(sockets, data):
    """Any path comes back as it was given, and taking one away leaves the others."""
    text = ""
    for name, path in sockets.items():
        text = with_context(text, Context(name, path))
    assert tomllib.loads(text)["contexts"] == {name: {"socket": path} for name, path in sockets.items()}
    gone = data.draw(st.sampled_from(sorted(sockets)))
    text = without_context(with_current(text, gone), gone)
    left = {name: {"socket": path} for name, path in sockets.items() if name != gone}
    assert tomllib.loads(text).get("contexts", {}) == left


def test_the_file_is_where_it_is_looked_for(file):
    """Commands write where contexts are read."""
    from swarm_core.client import sockets

    assert sockets.contexts_file() == Path(file)
