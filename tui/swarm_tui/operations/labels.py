"""Labels of nodes, services and cluster volumes: several at once, of several objects in one plan."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto import specs_pb2
from swarm_core.specs import lists

from swarm_tui.operations import nodes, update, volumes
from swarm_tui.operations.model import Plan
from swarm_tui.resources.model import ClusterView

HINT: Final = "write key=value to put one, -key to take it away"


@dataclass(frozen=True, slots=True)
class Edit:
    """Removed first, then put."""

    put: Mapping[str, str]
    removed: Sequence[str]


def parse(text: str) -> Edit | None:
    """`zone=a disk= -old`, split as a shell splits; None for anything else."""
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    put, removed = {}, []
    for word in words:
        key, separator, value = word.partition("=")
        if separator and key and not key.startswith("-"):
            put[key] = value
        elif word.startswith("-") and word != "-" and not separator:
            removed.append(word[1:])
        else:
            return None
    return Edit(put, tuple(removed)) if words else None


def _of_nodes(view: ClusterView, ids: Sequence[str], edit: Edit) -> Plan:
    return nodes.plan(view, ids, nodes.Edit(labels_put=edit.put, labels_removed=edit.removed))


def _of_volumes(view: ClusterView, ids: Sequence[str], edit: Edit) -> Plan:
    return volumes.plan(view, ids, volumes.Edit(labels_put=edit.put, labels_removed=edit.removed))


def _of_services(view: ClusterView, ids: Sequence[str], edit: Edit) -> Plan:
    def run(spec: specs_pb2.ServiceSpec) -> None:
        lists.drop_keys(spec.annotations.labels, edit.removed)
        spec.annotations.labels.update(edit.put)

    return update.plan(view, ids, run)


_PLANS: Final[Mapping[str, Callable[[ClusterView, Sequence[str], Edit], Plan]]] = {
    "node": _of_nodes,
    "service": _of_services,
    "volume": _of_volumes,
}


def plan(view: ClusterView, noun: str, ids: Sequence[str], edit: Edit) -> Plan:
    """This edit of the labels of these objects of a kind that has labels to change."""
    return _PLANS[noun](view, ids, edit)
