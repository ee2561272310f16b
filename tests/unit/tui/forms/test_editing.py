"""The person's own editor (docs/design/terminal.md 11.22)."""

from pathlib import Path

import pytest
from swarm_tui.operations.forms.editing import EditorFailed, command, edited


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"VISUAL": "code --wait", "EDITOR": "nano"}, ["code", "--wait"]),
        ({"VISUAL": "", "EDITOR": "nano -w"}, ["nano", "-w"]),
        ({"EDITOR": "'open"}, ["'open"]),
        ({"EDITOR": "  "}, ["vi"]),
        ({}, ["vi"]),
    ],
)
def test_which_editor(variables, words):
    """11.22.1: $VISUAL, else $EDITOR, else vi, split as a shell does."""
    assert command(variables) == words


def test_what_the_editor_leaves():
    """11.22.1: in a file that nobody else can read, which is gone afterwards."""
    seen = edited("a\n", {"EDITOR": "sh -c 'stat -c %a $(dirname $0) > $0; echo $0 >> $0'"}).splitlines()
    assert seen[0] == "700"
    assert seen[1].endswith("/service.yaml")
    assert not Path(seen[1]).parent.exists()


def test_an_editor_that_fails():
    """11.22.3: what it wrote is handed on with the sentence, for whoever wants to keep it."""
    with pytest.raises(EditorFailed, match="ended with exit code 3: nothing is taken from it") as caught:
        edited("a\n", {"EDITOR": "sh -c 'echo b > $0; exit 3'"})
    assert caught.value.text == "b\n"


def test_a_file_that_is_no_text():
    """11.22.3: is told as such."""
    with pytest.raises(EditorFailed, match="no UTF-8"):
        edited("a\n", {"EDITOR": "sh -c 'printf \"\\377\" > $0'"})


def test_a_secret_is_on_no_disk():
    """11.22.5: its file is in memory, where the machine has memory for files."""
    path = edited("", {"EDITOR": "sh -c 'echo $0 > $0'"}, name="secret", is_secret=True).strip()
    assert path.endswith("/secret") and path.startswith("/dev/shm/") == Path("/dev/shm").is_dir()
    assert not Path(path).parent.exists()
