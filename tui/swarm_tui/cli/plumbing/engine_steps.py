"""Changes of engines, one by one: what each would come to, and doing them (docs/design/engine-commands.md 16.2.7).

Exit codes of a dry run are those of `dry_run`: 0 nothing would change; 2 something would; 1 something would be refused.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from swarm_tui.cli.plumbing.dry_run import WOULD_CHANGE
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.resources.printable import printable

if TYPE_CHECKING:
    pass

NO_WAY_BACK: Final = "no way back"
LEVEL: Final = 3
"""All changes of engines need it."""
DryOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say what it would come to and change nothing; the exit code is 2 where something would change.",
    ),
]


async def nothing() -> None:
    """What is done where nothing changes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change. `refusal`: why it would be refused; `so_already`: why nothing would change."""

    text: str
    act: Callable[[], Awaitable[Any]] = nothing
    way_back: str = NO_WAY_BACK
    docker: str = ""
    """The same with docker's command."""
    refusal: str = ""
    so_already: str = ""
    done: str | None = None
    """What is said when it is done; None: the name that was typed, empty: nothing more."""


Plan = Callable[[str], "Step | Sequence[Step]"]
"""What a name comes to. Raises EngineError or Failure."""


async def carry_out_steps(names: Sequence[str], plan: Plan, *, is_dry: bool) -> None:
    """Do what each name comes to, in turn, and say the name; or only tell it. Fails at the end with all that could not be done."""
    from swarm_core.engines.errors import EngineError

    told: list[Step] = []
    wrong: list[str] = []
    for name in names:
        try:
            found = plan(name)
            steps = [found] if isinstance(found, Step) else list(found)
            if is_dry:
                told += steps
                continue
            for step in steps:
                await step.act()
                if said := name if step.done is None else step.done:
                    say(said)
        except EngineError as error:
            wrong.append(f"{name}: {str(error).rstrip('.')}.")
        except Failure as failure:
            wrong.append(str(failure))
    if is_dry:
        tell_steps(told, wrong)
    elif wrong:
        raise Failure("\nError: ".join(wrong))


def tell_steps(steps: Iterable[Step], wrong: Iterable[str] = ()) -> None:
    """Print what would be done. Raises Exit where something would change, Failure where something would be refused."""
    refused, is_change = list(wrong), False
    for step in steps:
        if step.refusal:
            refused.append(f"Could not {step.text}: {step.refusal}.")
        elif step.so_already:
            say(printable(f"Nothing would change: {step.so_already}."))
        else:
            is_change = True
            say(printable(f"{step.text[:1].upper()}{step.text[1:]}   level {LEVEL} · {step.way_back}"))
            if step.docker:
                say(printable(f"    Same as: {step.docker}"))
    if refused:
        raise Failure("\nError: ".join(refused))
    if is_change:
        raise typer.Exit(WOULD_CHANGE)
