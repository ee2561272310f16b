"""`swarm-tui version`."""

import typer

from swarm_tui.cli.main import program_version

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"swarm-tui {program_version()}")
