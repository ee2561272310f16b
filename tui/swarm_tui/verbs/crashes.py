"""How the attempts of a service ended: grouped by their last lines, beside the last good one (docs/design/terminal.md 11.19)."""

from swarm_core.api.proto import objects_pb2

from swarm_tui.resources import format as fmt
from swarm_tui.resources import services
from swarm_tui.resources.fingerprints import TAIL, Fingerprint, compared, fingerprints
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context
from swarm_tui.widgets.paint import Spans


def _service(ports: Ports) -> objects_pb2.Service | None:
    """The service that is selected, or that the selected task belongs to."""
    cluster, id_ = ports.cluster, ports.ids[0]
    task = cluster.get(objects_pb2.Task, id_) if ports.selection.kind == "task" else None
    return cluster.get(objects_pb2.Service, task.service_id if task is not None else id_)


async def run(ports: Ports) -> None:
    service = _service(ports)
    if service is None:
        ports.desk.say("It belongs to no service.")
        return
    now_ns = ports.desk.now_ns
    tasks = list(ports.cluster.tasks_of_service(service.id))
    wanted = compared(tasks, now_ns)
    if not fingerprints(tasks, {}, now_ns):
        ports.desk.say(f"No attempt of {services.name(service)} that the cluster still has failed.")
        return
    lines, missing = await ports.desk.last_lines([task.id for task in wanted], TAIL)
    found = fingerprints(tasks, lines, now_ns)
    page = [spans for one in found for spans in _page(one, now_ns)]
    if missing:
        page.append([(f"Not all lines were read: {missing}", "warning")])
    ports.desk.read(f"{services.name(service)} · how attempts ended", page)


def _page(one: Fingerprint, now_ns: int) -> list[Spans]:
    newest = one.tasks[0]
    ages = f"  the newest {fmt.ago(newest.status.timestamp.seconds * 1_000_000_000, now_ns)}"
    heading: Spans = [
        ("✖ ", "error"),
        (one.cause, "error+bold"),
        (f"  {one.count_words()}", "text"),
        (ages, "muted"),
    ]
    same: list[Spans] = []
    if one.shared and one.differing:
        same = [[(f"  same {fmt.plural(one.shared, 'line')} as the last good attempt, then:", "muted")]]
        same.append([(f"  {one.differing}", "text")])
    ending: list[Spans] = [[(f"  {line}", "muted")] for line in one.ending if line != one.differing]
    return [heading, *same, *ending, [("", "text")]]


VERB = Verb(
    "list.crashes",
    ("K",),
    "crashes",
    "how failed attempts ended, grouped by their last lines, and what differs from the last good one",
    Context.LIST,
    run,
    is_on_objects=True,
)
