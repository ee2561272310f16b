"""`swarm-tui preferences …`: the file that says how a person wants the dashboard."""

import os

from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.output import print_table
from swarm_tui.cli.plumbing.say import say
from swarm_tui.preferences.file import VARIABLE, file_of

noun = Noun("Your preferences for the dashboard: a file of TOML with keys and theme.")


@noun.command()
def check() -> None:
    """Say where the file is, and every mistake in it."""
    from swarm_tui.cli.plumbing.ui import preferences

    path = file_of(os.environ)
    if path is None:
        say(f"No file is read: ${VARIABLE} says so.")
        return
    preferences()
    say(f"{path} is in order." if path.exists() else f"{path} does not exist; everything is as it comes.")


@noun.command()
def keys() -> None:
    """List every verb with the key it has, where it works and what it does."""
    from swarm_tui.cli.plumbing.ui import keys_in_force

    print_table(["VERB", "KEYS", "WORKS", "WHAT IT DOES"], keys_in_force())
