"""What may go wrong, in the cluster that is shown and on this machine."""

import asyncio
from collections.abc import Sequence
from typing import Final

from swarm_tui.dialogs.help import Help
from swarm_tui.doctor import cluster as of_cluster
from swarm_tui.doctor import machine as of_machine
from swarm_tui.doctor.model import GLYPHS, ROLES, Finding, worst_first
from swarm_tui.resources.model import Realm
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context
from swarm_tui.widgets.paint import Span, Spans

_WHAT: Final = 14


async def show(ports: Ports) -> None:
    """Look, and show what was found."""
    now_ns = ports.desk.now_ns
    found = list(of_cluster.findings(ports.operations.cluster, now_ns))
    machine = await asyncio.to_thread(of_machine.this_machine)
    lines = [*_lines("the cluster", found), []]
    lines += _lines("this machine", list(of_machine.findings(machine, now_ns)))
    await ports.desk.ask(Help("Doctor", lines, indent=_WHAT + 3))


def _lines(title: str, found: Sequence[Finding]) -> list[Spans]:
    lines: list[Spans] = [[(f" {title}", "text+bold")]]
    for one in worst_first(found):
        mark: Span = (f" {GLYPHS[one.grade]} ", ROLES[one.grade])
        lines.append([mark, (one.what.ljust(_WHAT), "text+bold"), (one.text, "text")])
        if one.remedy:
            lines.append([(" " * (_WHAT + 3), "text"), (one.remedy, "muted")])
    return lines


VERB = Verb(
    "global.doctor",
    (),
    "doctor",
    "what may go wrong, in the cluster and on this machine, and what to do",
    Context.GLOBAL,
    show,
    realm=Realm.CLUSTER,
)
