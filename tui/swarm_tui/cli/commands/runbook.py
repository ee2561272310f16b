"""`swarm-tui runbook …`: going through what was recorded in the dashboard (docs/design/terminal.md 11.26)."""

import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import typer

from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure
from swarm_tui.resources.format import plural
from swarm_tui.resources.printable import printable

noun = Noun("Runbooks: what was recorded with :runbook in the dashboard.")

_COMMAND: Final = "swarm-tui"
_OF_SHELL: Final = ("set -eu",)


@dataclass(slots=True)
class _Step:
    """Comments and commands that stand together."""

    comments: list[str] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)


@noun.command()
def play(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Recorded with :runbook.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Run every step without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the steps, and run none.")] = False,
) -> None:
    """Show each step of a runbook and run it once you say so."""
    steps = _read(path)
    if not yes and not dry_run and not sys.stdin.isatty():
        raise Failure("There is nobody to ask before each step: --yes runs all of them.", USAGE)
    for number, step in enumerate(steps, 1):
        for line in (*step.comments, *(shlex.join(words) for words in step.commands)):
            say(printable(line))
        if dry_run or not step.commands:
            continue
        answer = "r" if yes else _asked()
        if answer == "q":
            say(f"Ended before step {number} of {len(steps)}.")
            return
        if answer == "r":
            for words in step.commands:
                _run(ctx, words, f"step {number} of {len(steps)}")
    if not dry_run:
        say(f"All of {plural(len(steps), 'step')} gone through.")


def _read(path: Path) -> list[_Step]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise Failure(f"Could not read {path}: {error.strerror}.", USAGE) from None
    steps = list(_steps(path, lines))
    if not any(step.commands for step in steps):
        raise Failure(f"There is no command of {_COMMAND} in {path}.", USAGE)
    return steps


def _steps(path: Path, lines: Iterable[str]) -> Iterable[_Step]:
    """The blocks between empty lines, without the one that says what the file is. All is read before anything is run."""
    step = _Step()
    blocks = [step]
    for number, text in enumerate(lines, 1):
        line = text.strip()
        if not line:
            step = _Step()
            blocks.append(step)
        elif line.startswith("#"):
            step.comments.append(line)
        elif line not in _OF_SHELL:
            step.commands.append(_words(f"{path}, line {number}", line))
    is_header = bool(blocks[0].comments) and blocks[0].comments[0].startswith("#!")
    return [one for one in (blocks[1:] if is_header else blocks) if one.comments or one.commands]


def _words(place: str, line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise Failure(f"{place}: {error}.", USAGE) from None
    if words[0] != _COMMAND:
        raise Failure(f"{place}: {words[0]!r} is no command of {_COMMAND}; a shell runs it.", USAGE)
    return words


def _asked() -> str:
    """r, s or q."""
    while True:
        answer = typer.prompt("[r]un, [s]kip or [q]uit", default="r", show_default=False).strip().lower()
        if answer[:1] in ("r", "s", "q"):
            return str(answer[0])


def _run(ctx: typer.Context, words: list[str], where: str) -> None:
    """Run a command as it would be typed, on the cluster that was chosen. What ends it ends the runbook."""
    root = ctx.find_root()
    try:
        code = root.command.main(args=words[1:], prog_name=_COMMAND, standalone_mode=False, obj=root.obj)
    except BaseException:
        say(f"Stopped at {where}.", err=True)
        raise
    if code:
        say(f"Stopped at {where}.", err=True)
        raise typer.Exit(code)
