"""`swarm-tui status`: how the cluster stands, in a few lines; exit code 1 when nobody answers."""

import typer
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client import sockets
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.output import Format, FormatOption, print_records
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.resources import cluster as resource
from swarm_tui.resources import services
from swarm_tui.resources.problems import ProblemBoard


def status(ctx: typer.Context, style: FormatOption = Format.TABLE) -> None:
    """Say how the cluster stands."""

    async def work(cluster: Cluster) -> None:
        kinds = (objects_pb2.Cluster, objects_pb2.Node, objects_pb2.Service, objects_pb2.Task)
        view = await view_of(cluster, *kinds)
        record = summary(view, cluster.target)
        if own := _own_trouble(cluster.target):
            record["This node"] = own
        board = ProblemBoard(view)
        board.rebuild(cluster.clock.wall_ns())
        problems = board.all()
        if style is not Format.TABLE:
            record["Problems"] = [f"{p.name}: {p.summary}: {p.cause}" for p in problems]
            print_records([record], style)
            return
        width = max(len(label) for label in record) + 2
        for label, value in record.items():
            say(f"{(label + ':').ljust(width)}{value}")
        for problem in problems:
            say(f"{problem.health.glyph} {problem.name}  {problem.summary}  {problem.cause}")

    run(ctx, work)


def _own_trouble(target: str) -> str:
    """What is wrong with this user's own node, where another cluster is looked at; empty when nothing is."""
    socket = sockets.own_socket(sockets.state_directory())
    return sockets.why_silent(socket) if target != str(socket) and sockets.problem_of(socket) else ""


def summary(view: Snapshot, target: str) -> dict[str, object]:
    """Counts of what there is and of what is well."""
    nodes, goals = view.objects(objects_pb2.Node), view.objects(objects_pb2.Service)
    ready = sum(node.status.state == types_pb2.NodeStatus.READY for node in nodes)
    met = sum(services.running(service, view) >= services.wanted(service, view) for service in goals)
    running = sum(services.running(service, view) for service in goals)
    return {
        "Socket": target,
        "Managers": resource.quorum_text(resource.quorum(view)),
        "Nodes": f"{ready} of {len(nodes)} ready",
        "Services": f"{met} of {len(goals)} at their goal",
        "Tasks": f"{running} running",
    }


COMMANDS = {"status": status}
