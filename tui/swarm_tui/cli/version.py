"""`swarm-tui version`."""

import typer

from swarm_tui.cli.main import program_version


def version() -> None:
    """Print the version."""
    typer.echo(f"swarm-tui {program_version()}")


COMMANDS = {"version": version}
