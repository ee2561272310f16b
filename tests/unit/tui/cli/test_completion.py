"""Completion asks the cluster that the command will ask."""

import pytest
import typer
from swarm_tui.cli.main import app
from swarm_tui.cli.plumbing.session import Globals, globals_of


@pytest.mark.parametrize(
    ("line", "given"),
    [
        (["service", "ps"], Globals()),
        (["--socket", "/run/x.sock", "service", "ps"], Globals("/run/x.sock")),
        (["-s", "/run/x.sock", "node", "inspect"], Globals("/run/x.sock")),
        (["--context", "prod", "service", "rm"], Globals(None, "prod")),
    ],
)
def test_the_line_says_which_cluster(line: list[str], given: Globals) -> None:
    """While a line is completed the options on it count, though no command has run."""
    root = typer.main.get_command(app)
    ctx = root.make_context("swarm-tui", list(line), resilient_parsing=True)
    name, command, rest = root.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
    assert command is not None
    below = command.make_context(name, rest, parent=ctx, resilient_parsing=True)
    assert globals_of(below) == given
