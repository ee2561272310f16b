"""Paths as people type them, letter by letter."""

from pathlib import Path

import pytest
from swarm_core.api.typed_paths import path_of
from swarm_core.client.watch import Listed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_tui.cli import main
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations.forms import docker_lines
from swarm_tui.operations.forms.fields import Around
from swarm_tui.operations.forms.objects import FILE, SECRET
from swarm_tui.operations.save_text import objection
from swarm_tui.operations.stacks.draft import StackDraft

NOBODY = "~nobody-is-called-so/file"


@pytest.fixture
def mirror() -> Mirror:
    mirror = Mirror(FakeCluster())
    mirror.apply(Listed([], version=1))
    return mirror


def test_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde is one's home; before a name that nobody has it is a letter."""
    monkeypatch.setenv("HOME", "/home/ana")
    assert path_of("~/x") == Path("/home/ana/x")
    assert path_of(NOBODY) == Path(NOBODY)


def test_the_home_of_nobody_is_told_everywhere(mirror: Mirror) -> None:
    """Wherever a path is typed or pasted it is judged as one that is not there, and ends nothing."""
    assert objection(NOBODY).startswith("there is no directory")
    typed = {**SECRET.empty, "source": (FILE,), "path": (NOBODY,)}
    assert SECRET.judge(typed, Around(mirror))["path"].text == "✖ cannot be read"
    draft = StackDraft(mirror)
    draft.put("file", (NOBODY,))
    assert draft.judged.verdicts["file"].text == "✖ cannot be read"
    assert docker_lines.read(f"docker run -v {NOBODY}:/data nginx").what


@pytest.mark.parametrize(
    "words",
    [
        ("--socket", NOBODY, "status"),
        ("engine", "ls", "--engines", NOBODY),
        ("down", "--state-dir", NOBODY),
        ("cluster", "unlock", "--state-dir", NOBODY),
    ],
)
def test_commands_take_it_as_a_path(
    words: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It is told as a path that is not there, in a sentence, and never as a fault of the program."""
    monkeypatch.chdir(tmp_path)
    code = main.run(words)
    told = capsys.readouterr()
    assert "RuntimeError" not in told.out + told.err
    assert code == 0 or told.err.startswith("Error: ")
    assert list(tmp_path.iterdir()) == []
