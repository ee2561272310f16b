"""A text in the person's own editor: `$VISUAL`, else `$EDITOR`, else vi.

The text stands in a file of its own, which nobody else can read, while the editor runs. Who has the screen gives the terminal away before, and takes
it back after.
"""

import contextlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_LAST_RESORT: Final = "vi"
_MEMORY: Final = "/dev/shm"  # noqa: S108 - a directory of its own is made there


class EditorFailed(Exception):
    """The editor could not be run, or ended with a failure; the text is a sentence. What it left is in `text`."""

    def __init__(self, sentence: str, text: str) -> None:
        super().__init__(sentence)
        self.text = text


def command(variables: Mapping[str, str]) -> list[str]:
    """The editor's words. A variable that cannot be read as a shell reads it is one word."""
    line = variables.get("VISUAL") or variables.get("EDITOR") or _LAST_RESORT
    try:
        words = shlex.split(line)
    except ValueError:
        words = [line]
    return words or [_LAST_RESORT]


def edited(
    text: str, variables: Mapping[str, str], *, name: str = "service.yaml", is_secret: bool = False
) -> str:
    """The text as the editor left it, in a file of that name. It waits for the editor, which has the terminal. A secret's file is on no
    disk, where the machine has memory for files. Raises EditorFailed."""
    editor = command(variables)
    with tempfile.TemporaryDirectory(prefix="swarm-tui-", dir=_memory() if is_secret else None) as directory:
        path = Path(directory) / name
        path.write_text(text, "utf-8")
        try:
            ended = subprocess.run([*editor, str(path)], check=False)  # noqa: S603 - the person's own editor
        except OSError as error:
            raise EditorFailed(f"The editor {editor[0]} cannot be run: {error.strerror}.", text) from None
        found = text
        with contextlib.suppress(FileNotFoundError):
            # A person may delete the file, to say no.
            try:
                found = path.read_text("utf-8")
            except UnicodeDecodeError:
                raise EditorFailed("The editor left a file that is no UTF-8 text.", text) from None
        if ended.returncode:
            told = (
                f"The editor {editor[0]} ended with exit code {ended.returncode}: nothing is taken from it."
            )
            raise EditorFailed(told, found)
        return found


def _memory() -> str | None:
    """Where files are kept in memory; None for the usual place."""
    return _MEMORY if Path(_MEMORY).is_dir() and os.access(_MEMORY, os.W_OK | os.X_OK) else None
