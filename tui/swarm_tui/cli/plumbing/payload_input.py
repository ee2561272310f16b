"""The content of a secret or config: from a file, from standard input, or typed. Never from an argument, where every process of the machine could
read it.
"""

import sys
from pathlib import Path

import typer

from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure


def read_payload(file: str, noun: str, *, is_secret: bool) -> bytes:
    """Raises Failure."""
    if file == "-" and sys.stdin.isatty():
        return _typed(noun, is_secret=is_secret)
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}.") from None


def _typed(noun: str, *, is_secret: bool) -> bytes:
    """What a person types: a secret is one line that nobody sees, so it is asked for twice; anything else ends with ctrl+d."""
    if not is_secret:
        say(f"Type the {noun}; ctrl+d on a line of its own ends it.", err=True)
        return sys.stdin.buffer.read()
    text: str = typer.prompt(
        f"The {noun} (not shown)", hide_input=True, confirmation_prompt="Once more", err=True
    )
    return text.encode(errors="surrogateescape")
