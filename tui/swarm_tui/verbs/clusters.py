"""Another cluster, or several as one (docs/design/contexts.md 17.1)."""

from swarm_tui.dialogs.pick import PickOneOrMore
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
    shown = ports.desk.cluster_names
    width = max(len(name) for name, _ in clusters) + 3
    options = [(name, f"{name.ljust(width)}{way}") for name, way in clusters]
    marked = shown if ports.desk.is_of_several else ()
    taken = await ports.desk.ask(PickOneOrMore("Go to cluster", options, marked, shown[0]))
    names = [name for name, _ in clusters if name in (taken or ())]
    if names and names != list(shown):
        ports.desk.go_to_clusters(names)


VERB = Verb(
    "global.clusters",
    ("at",),
    "clusters",
    "go to another cluster, or to several as one, of those that have names",
    Context.GLOBAL,
    choose,
    realm=Realm.CLUSTER,
)
