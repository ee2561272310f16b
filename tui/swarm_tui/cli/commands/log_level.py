"""`swarm-tui log-level`: what this machine's node writes to its log, changed while it runs."""

import time
from enum import StrEnum
from typing import Annotated

import typer
from swarm_core.api.typed_paths import path_of
from swarm_core.client import log_levels, sockets

from swarm_tui.cli.commands.up import StateDirOption
from swarm_tui.cli.plumbing import local_node
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure, globals_of


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


def log_level(
    ctx: typer.Context,
    level: Annotated[
        Level | None, typer.Argument(help="debug, info, warn or error; without it the present one is shown.")
    ] = None,
    state_dir: StateDirOption = None,
) -> None:
    """Change what this machine's node logs, its manager too, until it ends."""
    directory = path_of(state_dir or sockets.state_directory()).absolute()
    running = local_node.running(directory)
    if running is None:
        raise Failure("No node runs here.")
    try:
        if level is None:
            say(log_levels.present(directory))
            return
        globals_of(ctx).need_highest("change the log level")
        log_levels.ask(directory, running.process, level.value, time.sleep)  # noqa: TID251 - a command waits for a daemon
    except log_levels.NotChanged as error:
        raise Failure(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    say(f"The node logs {level.value} and above.")


COMMANDS = {"log-level": log_level}
