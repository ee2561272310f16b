"""`swarm-tui doctor`: what may go wrong, on this machine and in the cluster, and what to do about it."""

from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster, system_clock
from swarm_core.client.errors import ClientError
from swarm_core.client.sockets import NoSocket

from swarm_tui.cli.plumbing.output import Format, FormatOption, print_records
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import FAILED, run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.doctor import cluster as of_cluster
from swarm_tui.doctor import machine as of_machine
from swarm_tui.doctor.model import GLYPHS, Finding, Grade, worst_first
from swarm_tui.resources.printable import printable


def doctor(
    ctx: typer.Context,
    style: FormatOption = Format.TABLE,
    here: Annotated[bool, typer.Option("--here", help="Look at this machine alone.")] = False,
) -> None:
    """Say what may go wrong, and what to do about it; exit code 1 where something has."""
    now_ns = system_clock().wall_ns()
    found = list(of_machine.findings(of_machine.this_machine(), now_ns))
    if not here:
        found += _of_cluster(ctx)
    _print(worst_first(found), style)
    if any(one.grade is Grade.ERROR for one in found):
        raise typer.Exit(FAILED)


def _of_cluster(ctx: typer.Context) -> list[Finding]:
    async def work(cluster: Cluster) -> list[Finding]:
        kinds = (
            *(objects_pb2.Node, objects_pb2.Service, objects_pb2.Task),
            *(objects_pb2.Network, objects_pb2.Cluster),
        )
        view = await view_of(cluster, *kinds)
        return list(of_cluster.findings(view, cluster.clock.wall_ns()))

    try:
        return run(ctx, work)
    except NoSocket:
        # What this machine's sockets lack is among its own findings.
        return []
    except ClientError as error:
        return [
            Finding(
                Grade.ERROR, "cluster", str(error), "Look at the other managers, or at this one's daemon."
            )
        ]


def _print(found: list[Finding], style: Format) -> None:
    if style is not Format.TABLE:
        print_records(
            [
                {"Grade": one.grade.name.lower(), "What": one.what, "Text": one.text, "Remedy": one.remedy}
                for one in found
            ],
            style,
        )
        return
    width = max(len(one.what) for one in found) + 2
    for one in found:
        say(f"{GLYPHS[one.grade]} {one.what.ljust(width)}{printable(one.text)}")
        if one.remedy:
            say(f"  {' ' * width}{one.remedy}")


COMMANDS = {"doctor": doctor}
