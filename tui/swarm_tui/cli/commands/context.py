"""`swarm-tui context …`: clusters by name."""

from typing import Annotated

import typer
from swarm_core.client import sockets
from swarm_core.client.contexts import Context, Contexts, read_contexts

from swarm_tui.cli.plumbing import context_edits
from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.output import print_table
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure

noun = Noun("Clusters by name: on this machine, over ssh, or over a manager's remote API.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="What the cluster is called here.")]


def _contexts() -> Contexts:
    return read_contexts(sockets.contexts_file())


@noun.command()
def ls() -> None:
    """List the contexts; a star marks the one that is used when none is named."""
    known = _contexts()
    rows = [
        (f"{context.name} *" if context.name == known.current else context.name, context.way)
        for _, context in sorted(known.by_name.items())
    ]
    print_table(["NAME", "REACHED BY"], rows)


@noun.command()
def use(name: Name) -> None:
    """Use this context where none is named."""
    known = _contexts()
    known.named(name)
    context_edits.change(known.path, lambda text: context_edits.with_current(text, name))
    say(name)


@noun.command()
def add(
    name: Name,
    socket: Annotated[
        str, typer.Option("--socket", help="Control socket, here or where ssh leads.", metavar="PATH")
    ] = "",
    ssh: Annotated[str, typer.Option("--ssh", help="Machine of the socket.", metavar="[USER@]HOST")] = "",
    address: Annotated[
        str, typer.Option("--address", help="Remote API of a manager.", metavar="HOST:PORT")
    ] = "",
    certificates: Annotated[
        str,
        typer.Option(
            "--certificates", help="Directory with a manager's certificate and key.", metavar="PATH"
        ),
    ] = "",
) -> None:
    """Give a cluster a name."""
    known = _contexts()
    if name in known.by_name:
        raise Failure(f"There is a context {name!r} already; 'swarm-tui context rm {name}' takes it away.")
    context = Context(name, socket, ssh, address, certificates)
    if problem := context.problem():
        raise Failure(f"The context {name!r} {problem}.", USAGE)
    context_edits.change(known.path, lambda text: context_edits.with_context(text, context))
    say(name)


@noun.command()
def rm(name: Name) -> None:
    """Forget a name; the cluster is left alone."""
    known = _contexts()
    known.named(name)
    context_edits.change(known.path, lambda text: context_edits.without_context(text, name))
    say(name)
