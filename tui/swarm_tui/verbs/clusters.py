"""Another cluster."""

from swarm_tui.dialogs.choose import Choose
from swarm_tui.resources.model import Realm
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


async def choose(ports: Ports) -> None:
    """Ask which, and go there."""
    try:
        clusters = ports.desk.clusters()
    except ValueError as error:
        ports.desk.say(str(error))
        return
    if not clusters:
        ports.desk.say("No cluster has a name yet: 'swarm-tui context add' gives one.")
        return
    width = max(len(name) for name, _ in clusters) + 3
    options = [(name, f"{name.ljust(width)}{way}") for name, way in clusters]
    name = await ports.desk.ask(Choose("Go to cluster", options, ports.desk.cluster_name))
    if name is not None and name != ports.desk.cluster_name:
        ports.desk.go_to_cluster(name)


VERB = Verb(
    "global.clusters",
    ("at",),
    "clusters",
    "go to another cluster, of those that have names",
    Context.GLOBAL,
    choose,
    realm=Realm.CLUSTER,
)
