"""A shell inside a task that runs: of the selected task, or of one of the service's."""

from collections.abc import Sequence

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.runtimes import is_ours

from swarm_tui.clusters.allowance import Level
from swarm_tui.dialogs.choose import Choose
from swarm_tui.resources import tasks
from swarm_tui.resources.engines.items import ContainerItem
from swarm_tui.resources.model import Realm
from swarm_tui.resources.services import KIND as SERVICES
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

_SHELL = ("sh",)


async def run(ports: Ports) -> None:
    refused = ports.operations.allowance.refusal(Level.IMPACT)
    if refused:
        ports.desk.tell_failure(f"Could not open a shell: {refused}.")
        return
    running = running_tasks(ports)
    if not running:
        ports.desk.tell_failure("Nothing of it runs: a shell needs a task that does.")
        return
    cluster = ports.cluster
    foreign = [one for one in running if _is_foreign(cluster.get(objects_pb2.Node, one.node_id))]
    if foreign == running:
        ports.desk.tell_failure(
            f"No shell: {tasks.node_name(running[0], cluster)} is a Docker Engine, and lets nobody in through its swarm. "
            "On that machine use: docker exec"
        )
        return
    running = [one for one in running if one not in foreign]
    id_ = await chosen(ports, "Shell in", running)
    if id_ is not None:
        name = next(tasks.name(one, ports.cluster) for one in running if one.id == id_)
        await ports.desk.run_inside(id_, name, _SHELL)


async def chosen(ports: Ports, heading: str, running: Sequence[objects_pb2.Task]) -> str | None:
    """The id of the one task, or of the one that the person takes; None when they leave."""
    if len(running) == 1:
        return running[0].id
    cluster = ports.cluster
    options = [(one.id, f"{tasks.name(one, cluster)}  {tasks.node_name(one, cluster)}") for one in running]
    return await ports.desk.ask(Choose(heading, options))


async def in_container(ports: Ports) -> None:
    """A shell inside a container of an engine."""
    refused = ports.operations.allowance.refusal(Level.IMPACT)
    item = ports.operations.cluster.get(ContainerItem, ports.ids[0])
    if refused:
        ports.desk.tell_failure(f"Could not open a shell: {refused}.")
    elif item is None or item.record.state != "running":
        ports.desk.tell_failure("It does not run: a shell needs a container that does.")
    else:
        await ports.desk.run_inside(item.id, item.record.name, _SHELL)


def _is_foreign(node: objects_pb2.Node | None) -> bool:
    """Whether it is known to be a Docker Engine."""
    return node is not None and node.description.HasField("engine") and not is_ours(node)


def running_tasks(ports: Ports) -> list[objects_pb2.Task]:
    """What runs of the selection, in the order of slots."""
    cluster, id_ = ports.cluster, ports.ids[0]
    if ports.selection.kind == SERVICES.noun:
        found = list(cluster.tasks_of_service(id_))
    else:
        task = cluster.get(objects_pb2.Task, id_)
        found = [task] if task is not None else []
    runs = [one for one in found if one.status.state == types_pb2.RUNNING == one.desired_state]
    return sorted(runs, key=lambda one: (one.slot, one.id))


VERB = Verb(
    "list.shell",
    ("x",),
    "shell",
    "a shell inside a task that runs, on a node of ours",
    Context.LIST,
    run,
    is_on_objects=True,
    in_realm={Realm.ENGINES: in_container},
)
