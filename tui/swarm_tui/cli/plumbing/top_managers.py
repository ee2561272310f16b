"""`swarm-tui top managers`: how each manager does, looked at again and again."""

import sys
from typing import Any, Final

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import ClientError

from swarm_tui.cli.plumbing.output import Format, print_records, print_table
from swarm_tui.cli.plumbing.plain_wish import is_drawn_over
from swarm_tui.cli.plumbing.say import clear_screen, say
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.cli.plumbing.streams import ending_with_the_reader
from swarm_tui.resources import format as fmt
from swarm_tui.resources import usage
from swarm_tui.resources.manager_figures import Looks, ManagerRow

_EVERY_S: Final = 2.0
_FIRST_S: Final = 1.0
"""So long after the first look the second is taken: rates need two."""
_UNTOLD: Final = (
    "This cluster does not tell: the manager that was asked is a Docker Engine, or older than this program."
)
_UNMEASURED: Final = "Syncs and calls are told by managers that run with --metrics-addr."
_HEADINGS: Final = ["MANAGER", "LEADER", "TERM", "COMMITTED", "APPLIED", "FSYNC P99", "CALLS/S", "CPU", "MEM"]
_TITLES: Final = (
    "Manager",
    "Address",
    "Leader",
    "Term",
    "Committed",
    "Applied",
    "FsyncP99",
    "CallsPerSecond",
    "CPU",
    "Memory",
    "Trouble",
)


async def show(cluster: Cluster, style: Format, *, is_once: bool) -> None:
    """Print what managers tell, again and again or once. Raises Failure where they do not."""
    looks, is_terminal = Looks(), style is Format.TABLE and is_drawn_over(sys.stdout)
    await _look(cluster, looks)
    with ending_with_the_reader():
        pause_s = _FIRST_S
        while True:
            await cluster.clock.sleep(pause_s)
            await _look(cluster, looks)
            names = await _names(cluster)
            if is_terminal and not is_once:
                clear_screen()
            _print(looks.rows(), names, style)
            if is_once:
                return
            if style is Format.TABLE and not is_terminal:
                say("")
            pause_s = _EVERY_S


async def _look(cluster: Cluster, looks: Looks) -> None:
    told = await cluster.control.manager_figures()
    if told is None:
        raise Failure(_UNTOLD)
    looks.take(told)


async def _names(cluster: Cluster) -> dict[str, str]:
    """Host names by node id; none while nobody leads, when managers are looked at most."""
    try:
        return await _asked_names(cluster)
    except ClientError:
        return {}


async def _asked_names(cluster: Cluster) -> dict[str, str]:
    found = await cluster.control.find(objects_pb2.Node, roles=[types_pb2.MANAGER])
    return {node.id: node.description.hostname for node in found if node.description.hostname}


def _print(rows: list[ManagerRow], names: dict[str, str], style: Format) -> None:
    if style is not Format.TABLE:
        print_records([dict(zip(_TITLES, _values(row, names), strict=True)) for row in rows], style)
        return
    print_table(_HEADINGS, [_texts(row, names) for row in rows])
    for row in rows:
        if row.trouble:
            say(f"{names.get(row.node_id, row.node_id)} at {row.address}: {row.trouble}.")
    if any(row.p99_s is None and not row.trouble for row in rows):
        say(_UNMEASURED)


def _values(row: ManagerRow, names: dict[str, str]) -> tuple[Any, ...]:
    return (
        names.get(row.node_id, row.node_id), row.address, row.is_leader, row.term, row.commit, row.applied,
        row.p99_s, row.calls_per_s, row.cpus, row.memory_bytes, row.trouble,
    )  # fmt: skip


def _texts(row: ManagerRow, names: dict[str, str]) -> list[str]:
    def text(value: Any, shown: Any = str) -> str:
        return "–" if value is None else str(shown(value))

    return [
        names.get(row.node_id, row.node_id),
        "yes" if row.is_leader else "",
        text(row.term),
        text(row.commit),
        text(row.applied),
        text(row.p99_s, lambda seconds: f"{seconds * 1000:.1f} ms"),
        text(row.calls_per_s, lambda rate: f"{rate:.1f}"),
        text(row.cpus, usage.cpus_text),
        text(row.memory_bytes, fmt.size),
    ]
