"""What commands write for people: every text goes out through here, so that none from the world steers the terminal."""

import typer

from swarm_tui.resources.printable import printable_lines


def say(text: str = "", *, nl: bool = True, err: bool = False) -> None:
    """Write `text`, its line ends kept and all else that is not printable made visible."""
    typer.echo(printable_lines(text), nl=nl, err=err)
