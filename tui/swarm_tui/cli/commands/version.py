"""`swarm-tui version`."""

from importlib import metadata

import typer


def version() -> None:
    """Print the version."""
    typer.echo(f"swarm-tui {metadata.version('swarm-tui')}")


COMMANDS = {"version": version}
