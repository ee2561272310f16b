"""Switches with values, as docker's commands take them."""

from typing import Annotated, Any

import pytest
import typer
from swarm_tui.cli.plumbing.nouns import one_command


def command(**settings: Any) -> Any:
    def work(
        words: Annotated[list[str] | None, typer.Argument()] = None,
        init: Annotated[bool | None, typer.Option("--init/--no-init", "-i")] = None,
        detach: Annotated[bool, typer.Option("--detach", "-d")] = False,
        env: Annotated[list[str] | None, typer.Option("--env", "-e")] = None,
    ) -> None:
        seen.append((init, detach, env or [], words or []))

    seen: list[Any] = []
    made = one_command(work, "help", settings)

    def run(*args: str) -> Any:
        made.main(args=list(args), prog_name="x", standalone_mode=False)
        return seen.pop()

    return run


@pytest.mark.parametrize(
    ("args", "seen"),
    [
        (["--init=false"], (False, False, [], [])),
        (["--init=1", "-d=true"], (True, True, [], [])),
        (["--no-init=false", "--detach=F"], (True, False, [], [])),
        (["-i=0"], (False, False, [], [])),
        (["--env", "--init=false", "-e", "-d=false"], (None, False, ["--init=false", "-d=false"], [])),
        (["-de", "-d=false"], (None, True, ["-d=false"], [])),
        (["-eA=1", "--env=B=true", "a=b"], (None, False, ["A=1", "B=true"], ["a=b"])),
        (["--", "--init=false"], (None, False, [], ["--init=false"])),
    ],
)
def test_values_of_switches(args: list[str], seen: Any) -> None:
    """True and false in docker's spellings; what is another option's value, or no option, is left alone."""
    assert command()(*args) == seen


def test_words_of_a_command_that_runs() -> None:
    """What follows the first word belongs to the command that is to run."""
    run = command(allow_interspersed_args=False)
    assert run("-d=true", "image", "--init=false", "-d=true") == (
        None,
        True,
        [],
        ["image", "--init=false", "-d=true"],
    )


def test_neither_true_nor_false() -> None:
    """Any other value is refused with the name of the switch."""
    with pytest.raises(typer.BadParameter, match="'maybe' is neither true nor false") as failed:
        command()("--detach=maybe")
    assert failed.value.param_hint == "'--detach'"
