"""The content of a secret or config: from a file, from standard input, from an editor, or typed. Never from an argument, where every process of the machine could
read it.
"""

import os
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


def edited_payload(before: bytes, noun: str, *, is_secret: bool) -> bytes | None:
    """What the person's editor leaves: of a config beginning with what it has, of a secret with nothing. The end of the last line, which editors
    write, is none of a secret. None where nothing was written. Raises Failure."""
    from swarm_tui.operations.forms.editing import EditorFailed, edited

    try:
        text = "" if is_secret else before.decode()
    except UnicodeDecodeError:
        raise Failure(f"The {noun} is no text: give the new one in a file.") from None
    try:
        after = edited(text, os.environ, name=noun, is_secret=is_secret)
    except EditorFailed as error:
        raise Failure(str(error)) from None
    if after == text:
        return None
    return (after.removesuffix("\n") if is_secret else after).encode()


def _typed(noun: str, *, is_secret: bool) -> bytes:
    """What a person types: a secret is one line that nobody sees, so it is asked for twice; anything else ends with ctrl+d."""
    if not is_secret:
        say(f"Type the {noun}; ctrl+d on a line of its own ends it.", err=True)
        return sys.stdin.buffer.read()
    text: str = typer.prompt(
        f"The {noun} (not shown)", hide_input=True, confirmation_prompt="Once more", err=True
    )
    return text.encode(errors="surrogateescape")
