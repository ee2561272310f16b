"""What commands write for people: every text goes out through here, so that none from the world steers the terminal or begins a line.

Rules
1. `say` writes one line, whatever is in the text: a line end inside a name would let the name write lines of its own.
2. `say_lines` is for texts that were laid out in lines here: YAML, JSON with an indent, what a template makes. What they are made of has
   been escaped, or is the caller's own.
"""

import typer

from swarm_tui.resources.printable import printable, printable_lines

_CLEAR = "\x1b[H\x1b[J"


def say(text: str = "", *, err: bool = False) -> None:
    """Write `text` as one line, all that is not printable made visible."""
    typer.echo(printable(text), err=err)


def say_lines(text: str, *, nl: bool = True, err: bool = False) -> None:
    """Write `text` with the line ends that it has, all else that is not printable made visible."""
    typer.echo(printable_lines(text), nl=nl, err=err)


def clear_screen() -> None:
    """Begin at the top of an empty screen. For a terminal alone."""
    typer.echo(_CLEAR, nl=False, color=True)
