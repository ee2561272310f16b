"""`swarm-tui port-forward TASK|SERVICE [LOCAL:]REMOTE…`: ports of this machine that lead to ports of a task (docs/design/exec.md 15.4)."""

import asyncio
from typing import Annotated

import typer
from swarm_core.client.cluster import Cluster
from swarm_core.client.control import NoSuchObject

from swarm_tui.cli.plumbing import completion
from swarm_tui.cli.plumbing.running_task import running_task
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure, globals_of, run
from swarm_tui.resources.printable import printable


def port_forward(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="TASK|SERVICE",
            help="Of a service its first task that runs, asked anew for each connection.",
            autocompletion=completion.tasks,
        ),
    ],
    ports: Annotated[
        list[str],
        typer.Argument(metavar="[LOCAL:]REMOTE…", help="80, 8080:80, or :80 for any free port here."),
    ],
) -> None:
    """Let ports of this machine lead to ports of a task, until ctrl-c."""
    from swarm_tui.clusters.forward import HOST, Forward, NotTaken, parse_ports, why_not

    try:
        wanted = [parse_ports(text) for text in ports]
    except ValueError as error:
        raise Failure(f"{error}.", USAGE) from None
    globals_of(ctx).need_highest(f"forward ports to {name}")

    async def work(cluster: Cluster) -> None:
        if reason := await why_not(cluster.control):
            raise Failure(f"Could not forward ports to {name}: {reason}.")
        await running_task(cluster, name)

        async def find() -> str:
            try:
                return (await running_task(cluster, name)).id
            except Failure as error:
                raise NoSuchObject(str(error)) from None

        made = [
            Forward(cluster.control, there, find, lambda text: say(printable(text), err=True))
            for _, there in wanted
        ]
        for forward, (here, there) in zip(made, wanted, strict=True):
            try:
                forward.listen(here)
            except NotTaken as error:
                raise Failure(
                    f"Could not take {error}; any free one leads there as well: port-forward {name} :{there}"
                ) from None
            say(printable(f"{HOST}:{forward.local} leads to port {there} of {name}"))
        async with asyncio.TaskGroup() as group:
            for forward in made:
                group.create_task(forward.run(), name=f"port {forward.local}")

    run(ctx, work)


COMMANDS = {"port-forward": port_forward}
