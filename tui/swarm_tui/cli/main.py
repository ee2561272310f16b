"""`swarm-tui`: the dashboard without a command, one-shot commands with one.

A noun's module is imported when the noun is typed, grpcio when a cluster is reached, Textual only by `ui`. `main` is the
border at which every failure becomes one sentence on standard error and an exit code.
"""

import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from swarm_tui.cli.plumbing import streams
from swarm_tui.cli.plumbing.nouns import HELP_NAMES, LazyGroup, Noun
from swarm_tui.cli.plumbing.plain_wish import wish_plain
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import FAILED, INTERRUPTED, USAGE, Failure, Globals

_DEBUG_VARIABLE = "SWARM_TUI_DEBUG"
# A command makes tens of thousands of objects by loading its modules, and these stay: walking them for garbage takes a twentieth of it.
# Daemons say the same for themselves, in a room of the core that stays closed to us.
_GARBAGE_AFTER = 50_000
# name → (module, one line for the help)
_COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("up", "Start a node on this machine, or find it running, and open the dashboard."),
    "down": ("up", "End this machine's node; its tasks go on unless told otherwise."),
    "status": ("status", "Say how the cluster stands."),
    "demo": ("demo", "Open a private cluster of simulated nodes with some life in it."),
    "node": ("node", "Nodes: ls, inspect, ps, update, activate, pause, drain, promote, demote, rm."),
    "service": (
        "service",
        "Services: create, ls, ps, inspect, why, scale, stop, start, update, hold, resume, rollback, rm, logs.",
    ),
    "task": ("task", "Tasks: ls, inspect, why, kill, logs."),
    "stack": ("stack", "Stacks: deploy, plan, history, rollback, ls, status, rm, rotate, export, lint."),
    "rebalance": ("rebalance", "Spread running tasks anew over the nodes; --dry-run says what would move."),
    "autoscale": ("autoscale", "Scale services by what their tasks use, as 'service autoscale' says."),
    "secret": ("secret", "Secrets: create, ls, inspect, rm."),
    "config": ("config", "Configs: create, ls, inspect, rm."),
    "network": ("network", "Networks: create, ls, inspect, rm."),
    "volume": ("volume", "Cluster volumes: create, ls, inspect, update, rm."),
    "cluster": (
        "cluster",
        "The cluster: init, join, leave, join-token, update, unlock, unlock-key, ca, backup, restore, inspect.",
    ),
    "engine": ("engine", "Many Docker Engines: ls, inspect, add, rm, maintain, events, ui, serve."),
    "container": (
        "container",
        "Containers of many engines: ls, run, inspect, stop, kill, rm, top, logs, exec.",
    ),
    "image": ("image", "Images of many engines: ls, pull, rm, prune."),
    "find": ("find", "List what a filter finds: find tasks state:failed node:w3 'age<5m'."),
    "exec": ("exec", "Run a command in a task that runs: exec web.1 sh."),
    "port-forward": (
        "port_forward",
        "Let a port of this machine lead to a port of a task: port-forward web 8080:80.",
    ),
    "top": ("top", "What tasks, nodes or managers use now."),
    "drill": ("drill", "Drain a node, stop the clock when all runs elsewhere, and give it back."),
    "runbook": ("runbook", "Go through what was recorded with :runbook, step by step."),
    "bundle": ("incident", "Write what the dashboard recorded into one file that another copy opens."),
    "open": ("incident", "Rewind through an incident's file."),
    "watch": ("watch", "Print every change as a line of JSON."),
    "context": ("context", "Clusters by name: ls, use, add, rm."),
    "doctor": ("doctor", "Say what may go wrong, here and in the cluster, and what to do about it."),
    "support": (
        "support",
        "Write states, figures and logs without secrets into one file, for those who help.",
    ),
    "preferences": (
        "preferences",
        "Your preferences for the dashboard: whether the file is in order, and keys.",
    ),
    "log-level": ("log_level", "Change what this machine's node logs while it runs."),
    "serve": ("serve", "Show the dashboard in a browser."),
    "version": ("version", "Print the version."),
}


class Commands(LazyGroup):
    """The commands by name; each is imported when it is asked for. A kind of object without a module here is a noun too."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, cmd_name) or _noun_of_kind(cmd_name)


def _noun_of_kind(word: str) -> Any:
    from swarm_tui.resources.registry import by_word

    kind = by_word(word)
    if kind is None or kind.noun != word or kind.is_derived:
        return None
    from swarm_tui.cli.plumbing.kind_commands import noun_of

    command = typer.main.get_command(noun_of(kind).app)
    command.name = word
    return command


_ROOT = Noun("")
for _name, (_module, _summary) in _COMMANDS.items():
    _ROOT.elsewhere(_name, _module, _summary)
Commands.entries = _ROOT.entries

app = typer.Typer(
    cls=Commands,
    help="An interactive terminal cluster manager. Without a command it opens the dashboard.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP_NAMES,
)


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    socket: Annotated[
        str | None, typer.Option("--socket", "-s", help="Control socket to talk to.", metavar="PATH")
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", help="Cluster by its name: see 'context ls'.", metavar="NAME")
    ] = None,
    level: Annotated[
        int | None,
        typer.Option(
            "--level",
            envvar="SWARM_TUI_LEVEL",
            min=0,
            max=3,
            help="How far changes may go: 0 look, 1 operate, 2 configure, 3 impact.",
            metavar="0-3",
            show_default=False,
        ),
    ] = None,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Words line by line, nothing drawn over: for screen readers."),
    ] = False,
) -> None:
    """The options before the command; without a command, the dashboard."""
    if plain:
        wish_plain()
    given = ctx.obj if isinstance(ctx.obj, Globals) else Globals(socket, context)
    ctx.obj = given if level is None else replace(given, level=level)
    if ctx.invoked_subcommand is None:
        from swarm_tui.cli.plumbing.ui import open_dashboard

        open_dashboard(ctx.obj)


def main(arguments: Sequence[str] | None = None, *, given: Globals | None = None) -> None:
    """Run the command line and exit."""
    gc.set_threshold(_GARBAGE_AFTER)
    streams.settle()
    code = run(arguments, given=given)
    streams.give_up_output()
    sys.exit(code)


def run(arguments: Sequence[str] | None = None, *, given: Globals | None = None) -> int:
    """Run the command line; its exit code. `given` stands in for the options before the command."""
    command = typer.main.get_command(app)
    try:
        result = command.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="swarm-tui",
            standalone_mode=False,
            obj=given,
        )
        streams.flush()
    except SystemExit as ended:
        # Typer's answer to a broken pipe, whichever it was.
        if not isinstance(ended.__context__, OSError):
            raise
        return _failed(ended.__context__)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except typer.TyperException as error:
        return _wrong_usage(error)
    except Exception as error:  # noqa: BLE001 - the command line's border: a person never sees a traceback
        return _failed(error)
    return result if isinstance(result, int) else 0


def _wrong_usage(error: typer.TyperException) -> int:
    context: Any = getattr(error, "ctx", None)
    text = error.format_message().replace("Value error, ", "").rstrip(".")
    _say(f"Error: {text}; see '{context.command_path} --help'." if context is not None else f"Error: {text}.")
    return error.exit_code


def _failed(error: Exception) -> int:
    if _is_of_the_reader(error):
        return streams.READER_GONE
    if os.environ.get(_DEBUG_VARIABLE):
        raise error
    for line in _lines(error):
        _say(line)
    if isinstance(error, UnicodeEncodeError):
        return USAGE
    return error.exit_code if isinstance(error, Failure) else FAILED


def _is_of_the_reader(error: BaseException) -> bool:
    """Whether a command ended because nobody reads what it prints. What else went wrong is told also then: a change may be refused."""
    if isinstance(error, BaseExceptionGroup):
        return _is_of_the_reader(error.exceptions[0])
    return isinstance(error, streams.ReaderGone) or (
        isinstance(error, BrokenPipeError) and streams.is_reader_gone()
    )


def _lines(error: BaseException) -> list[str]:
    """What is said of a failure: a line for each sentence, and those beneath."""
    from swarm_core.client.sockets import NoSocket
    from swarm_core.compose.reading.errors import ComposeError

    if isinstance(error, BaseExceptionGroup):
        return _lines(error.exceptions[0])
    match error:
        case Failure():
            return [*(f"Error: {one}" for one in (str(error), *error.more)), *error.details]
        case NoSocket(reasons=reasons) if len(reasons) > 1:
            tried = (f"  {c.origin}: {c.path} {reason}" for c, reason in reasons)
            # Who has a node already does not need one.
            found = (
                f"No manager answers here: {here}."
                if (here := error.here)
                else "No cluster found. Start one with 'swarm-tui up' or look at 'swarm-tui demo'."
            )
            return [f"Error: {found} Tried:", *tried]
        case ComposeError():
            # In lines as docker has them; the file is the caller's own.
            return f"Error: {error}".split("\n")
    return [f"Error: {_sentence(error)}"]


def _sentence(error: BaseException) -> str:
    from swarm_core.client.errors import CallFailed, ClientError
    from swarm_core.client.sockets import NoSocket

    match error:
        case CallFailed(code="UNIMPLEMENTED"):
            return f"This cluster cannot do that: {error.message}"
        case CallFailed():
            return error.message or error.code
        case NoSocket(reasons=reasons):
            ((candidate, reason),) = reasons
            return f"The control socket {candidate.path} ({candidate.origin}) {reason}."
        case UnicodeEncodeError():
            return f"{error.object!a} is not valid UTF-8 text."
        case ClientError() | LookupError() | ValueError():
            return str(error.args[0]) if error.args else str(error)
        case OSError():
            reason = error.strerror or str(error)
            return f"{error.filename}: {reason}." if error.filename else f"Input or output failed: {reason}."
        case _:
            return f"{type(error).__name__}: {error} (set {_DEBUG_VARIABLE}=1 for the whole story)"


def _say(text: str) -> None:
    # Where it cannot be said the exit code says it.
    with contextlib.suppress(OSError):
        say(text, err=True)


if __name__ == "__main__":
    main()
