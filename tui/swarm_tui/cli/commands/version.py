"""`swarm-tui version`."""

from importlib import metadata

from swarm_tui.cli.plumbing.say import say


def version() -> None:
    """Print the version."""
    say(f"swarm-tui {metadata.version('swarm-tui')}")


COMMANDS = {"version": version}
