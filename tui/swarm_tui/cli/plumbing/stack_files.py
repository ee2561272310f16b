"""Compose files for the commands of `stack`: which were named, what they refer to, and the notes about them."""

import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from swarm_core.compose.forms.normal import DEPRECATED
from swarm_core.compose.project import Project, Source
from swarm_core.compose.reading.errors import ComposeError
from swarm_core.compose.reading.notes import Level, Note

from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.operations.stacks.reading import project_of, read_file

T = TypeVar("T")
FilesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--compose-file", "-c", help="Path of a compose file, or - for standard input.", metavar="FILE"
    ),
]
ProfilesOption = Annotated[
    list[str] | None, typer.Option("--profile", help="Also services of this profile.", metavar="NAME")
]
_UNSUPPORTED = "Ignoring unsupported options: "


def told(work: Callable[[], T]) -> T:
    """The result of `work`; what is wrong with a file becomes the command's failure."""
    try:
        return work()
    except ComposeError as error:
        raise Failure(str(error)) from None


def read_project(
    files: Iterable[str] | None, profiles: Collection[str] | None = None, *, is_interpolated: bool = True
) -> Project:
    """The project of the files that were named. Raises Failure."""
    names = [name for given in files or () for name in given.split(",") if name]
    sources = [Source("standard input" if name == "-" else name, _bytes(name)) for name in names]
    first = next((name for name in names if name != "-"), "")
    folder = str(Path(first).resolve().parent) if first else str(Path.cwd())
    return told(lambda: project_of(sources, folder, profiles or (), is_interpolated=is_interpolated))


def _bytes(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return read_file(name)
    except OSError as error:
        raise Failure(f"{name} cannot be read: {error.strerror or error}.") from None


def stack_name(given: str | None, project: Project) -> str:
    """The name that was given, else the one of the files. Raises Failure."""
    if not (given or project.name):
        raise Failure("A stack needs a name: give one, or write name: into the file.", 2)
    return given or project.name


def say_warnings(project: Project) -> None:
    """What docker warns of, in its form, on standard error."""
    warnings = project.notes.of(Level.WARNING)
    ignored = sorted(
        {note.text.removeprefix(_UNSUPPORTED) for note in warnings if note.text.startswith(_UNSUPPORTED)}
    )
    if ignored:
        say(f"{_UNSUPPORTED}{', '.join(ignored)}", err=True)
        say(err=True)
    deprecated = [
        key
        for key in sorted(DEPRECATED)
        if any(f"deprecated options: {key}:" in note.text for note in warnings)
    ]
    if deprecated:
        say("Ignoring deprecated options:", err=True)
        say(err=True)
        for key in deprecated:
            say(f"{key}: {DEPRECATED[key]}", err=True)
            say(err=True)
    for note in warnings:
        if not note.text.startswith("Ignoring "):
            say(str(note), err=True)


def lines_of(notes: Iterable[Note]) -> list[str]:
    """Notes as people read them, each with what it means."""
    words = {
        Level.WARNING: "warning",
        Level.IGNORED: "dropped",
        Level.DIFFERENT: "different",
        Level.REFUSED: "refused by docker",
    }
    return [f"{note.mark}: {words[note.level]}: {note.text}" for note in notes]
