"""Let a port of this machine lead to a port of a task; and close it again (docs/design/exec.md 15.4)."""

from typing import Final

from swarm_core.api.proto import objects_pb2, types_pb2

from swarm_tui.clusters.allowance import Level
from swarm_tui.clusters.forward import parse_ports
from swarm_tui.dialogs.ask_line import AskLine, Judged
from swarm_tui.dialogs.choose import Choose
from swarm_tui.resources import registry
from swarm_tui.resources.model import Realm
from swarm_tui.resources.services import KIND as SERVICES
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.verbs.shell import running_tasks
from swarm_tui.views.view import Context

_NEW: Final = "new"


async def run(ports: Ports, typed: str = "") -> None:
    """Open one to what is selected; where some are open, they are listed first."""
    if refused := ports.operations.allowance.refusal(Level.IMPACT):
        ports.desk.tell_failure(f"Could not forward a port: {refused}.")
        return
    ref = ports.selection.refs[0]
    kind = registry.by_noun(ref.kind)
    item = ports.cluster.get(kind.message, ref.id)
    if item is None or not running_tasks(ports):
        ports.desk.tell_failure("Nothing of it runs: a port leads to a task that does.")
        return
    name = kind.name(item, ports.cluster)
    if not typed and ports.desk.forwards.lines() and not await _is_new_wanted(ports, name):
        return
    text = typed or await ports.desk.ask(
        AskLine(f"Port of {name}", "[HERE:]THERE", _judged, text=_proposed(ports), hint="8080:80")
    )
    if not text:
        return
    try:
        here, there = parse_ports(text)
        address = await ports.desk.forwards.begin(ref, name, here, there)
    except ValueError as error:
        ports.desk.tell_failure(str(error))
        return
    ports.desk.tell(f"{address} leads to port {there} of {name} until it is closed (F) or the dashboard ends")


async def _is_new_wanted(ports: Ports, name: str) -> bool:
    """Whether another is to be opened; one that is taken from the list is closed."""
    options = [(_NEW, f"another one, to {name}"), *_closing(ports)]
    taken = await ports.desk.ask(Choose("Open ports", options))
    if taken is not None and taken != _NEW:
        _close(ports, taken)
    return taken == _NEW


async def show_open(ports: Ports) -> None:
    """Those that are open, to close one."""
    if not ports.desk.forwards.lines():
        ports.desk.say("No port leads to a task: F on a service or task opens one.")
        return
    taken = await ports.desk.ask(Choose("Open ports", _closing(ports)))
    if taken is not None:
        _close(ports, taken)


def _closing(ports: Ports) -> list[tuple[str, str]]:
    return [(id_, f"close  {line}") for id_, line in ports.desk.forwards.lines()]


def _close(ports: Ports, id_: str) -> None:
    ports.desk.forwards.end(id_)
    ports.desk.tell(f"{id_} is closed")


def _judged(text: str) -> Judged:
    if not text.strip():
        return Judged(
            "the port here, and the task's: 8080:80; 80 is the same here, :80 any free one", is_fine=False
        )
    try:
        here, there = parse_ports(text)
    except ValueError as error:
        return Judged(str(error), is_fine=False)
    return Judged(f"127.0.0.1:{here or '…'} will lead to port {there}")


def _proposed(ports: Ports) -> str:
    """The first port that the service publishes, with any free one here."""
    cluster, ref = ports.cluster, ports.selection.refs[0]
    service = cluster.get(objects_pb2.Service, ref.id)
    if ref.kind != SERVICES.noun and (task := cluster.get(objects_pb2.Task, ref.id)) is not None:
        service = cluster.get(objects_pb2.Service, task.service_id)
    published = service.spec.endpoint.ports if service is not None else ()
    targets = [one.target_port for one in published if one.protocol == types_pb2.PortConfig.TCP]
    return f":{targets[0]}" if targets else ""


VERB = Verb(
    "list.forward",
    ("F",),
    "port-forward",
    "let a port of this machine lead to a port of a task; lists those that are open",
    Context.LIST,
    run,
    is_on_objects=True,
    told=run,
    realm=Realm.CLUSTER,
    aliases=("port-forward",),
)
OPEN = Verb(
    "global.forwards",
    (),
    "open ports",
    "list the ports of this machine that lead to tasks, to close them",
    Context.GLOBAL,
    show_open,
    realm=Realm.CLUSTER,
)
