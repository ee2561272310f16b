"""`swarm-tui cluster …`."""

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.output import Format, InspectFormatOption, print_objects
from swarm_tui.cli.plumbing.session import run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.resources import cluster as resource

noun = Noun("The cluster itself: begin, join and leave one, its tokens, keys and settings, backups.")
for _name, _module, _summary in (
    ("init", "membership", "Begin a cluster with this machine as its first manager."),
    ("join", "membership", "Join this machine to a cluster."),
    ("leave", "membership", "Leave the cluster."),
    ("unlock", "membership", "Start this machine's locked manager."),
    ("join-token", "trust", "Show or rotate the join token of workers or managers."),
    ("unlock-key", "trust", "Show or rotate the key that unlocks managers."),
    ("ca", "trust", "Show or rotate the root CA."),
    ("update", "settings", "Change the cluster's settings."),
    ("backup", "backup", "Write the whole cluster with its keys into one file."),
    ("restore", "backup", "Bring a cluster back from a backup."),
):
    noun.elsewhere(_name, _module, _summary)


@noun.command()
def inspect(ctx: typer.Context, style: InspectFormatOption = Format.TABLE) -> None:
    """Show the cluster's settings, managers and join tokens."""

    async def work(cluster: Cluster) -> None:
        found = await cluster.control.cluster()
        view = await view_of(cluster, *([objects_pb2.Node] if style is Format.TABLE else []), objects=[found])
        print_objects(resource.KIND, [found], view, cluster.clock.wall_ns(), style)

    run(ctx, work)
