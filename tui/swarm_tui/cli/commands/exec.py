"""`swarm-tui exec TASK COMMAND…`: a command inside a task that runs (docs/design/exec.md 15.3)."""

from typing import Annotated

import typer
from swarm_core.api.proto.exec_pb2 import ExecSpec
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import completion
from swarm_tui.cli.plumbing.running_task import running_task
from swarm_tui.cli.plumbing.session import Failure, run


def exec_(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="TASK", help="Or a service: its first task that runs.", autocompletion=completion.tasks
        ),
    ],
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND…]", help="sh, if none is given.")
    ] = None,
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Pass standard input on.")] = False,
    terminal: Annotated[
        bool | None,
        typer.Option("--tty/--no-tty", "-t/-T", help="Give the command a terminal; so where this has one."),
    ] = None,
    user: Annotated[
        str, typer.Option("--user", "-u", help="Instead of the task's own.", metavar="USER[:GROUP]")
    ] = "",
    directory: Annotated[
        str, typer.Option("--workdir", "-w", help="Instead of the task's own.", metavar="DIR")
    ] = "",
    env: Annotated[
        list[str] | None, typer.Option("--env", "-e", help="A variable.", metavar="NAME=VALUE")
    ] = None,
) -> None:
    """Run a command in a task of a node of ours, here; the exit code is the command's."""
    from swarm_tui.clusters.inside import Here, NotRun, is_terminal, run_here

    if terminal and not is_terminal():
        raise Failure("--tty needs a terminal at standard input and output.")
    words = command or ["sh"]
    if words[0] == "--":
        words = words[1:]
    has_terminal = is_terminal() if terminal is None else terminal

    async def work(cluster: Cluster) -> int:
        task = await running_task(cluster, name)
        spec = ExecSpec(task_id=task.id, command=words, env=env, user=user, directory=directory)
        try:
            return await run_here(cluster.control, spec, Here(has_terminal, interactive or has_terminal))
        except NotRun as error:
            raise Failure(f"Could not run {spec.command[0]} in {name}: {error}.") from None

    raise typer.Exit(run(ctx, work))


COMMANDS = {"exec": exec_}
CONTEXT_SETTINGS = {"exec": {"allow_interspersed_args": False}}
