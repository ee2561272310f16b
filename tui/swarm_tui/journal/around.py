"""What happened around a moment, and what became different since: the two lists beside a view of the past. Pure, but for
the tape that is read.

Rules (docs/design/journal.md 4 and 5)
1. Around a moment are the changes of half a minute before and after. Tasks of one service that became the same at about the
   same time are one line.
2. Since then: each object that tells changes is compared as a whole, then with now, and a service's running tasks as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from swarm_core.api.proto import objects_pb2

from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.journal.tape import Tape
from swarm_tui.journal.told import Told, told
from swarm_tui.resources import registry, services
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.refs import ObjectRef

AROUND_NS: Final = 30 * 1_000_000_000
LOOKED_AT_MAX: Final = 5_000
"""Changes; of a storm those nearest to the beginning are told."""
_TOGETHER_NS: Final = 5 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Difference:
    """One object, and what is different."""

    ref: ObjectRef
    name: str
    text: str


def around(tape: Tape, at_ns: int, *, within_ns: int = AROUND_NS) -> list[Told]:
    """What happened around the moment, in order. Reads the file: for a thread."""
    found: list[Told] = []
    view = Snapshot(())
    walk = tape.walk(max(at_ns - within_ns, 0), at_ns + within_ns)
    for looked, (time_ns, _, old, new, held) in enumerate(walk):
        if looked >= LOOKED_AT_MAX:
            break
        view.share(held)
        item = new if new is not None else old
        found += told(time_ns, type(item), old, new, view)
    return list(_together(found))


def _together(found: list[Told]) -> Iterator[Told]:
    """Tasks of one service that became the same are told once, with their number."""
    lots: dict[tuple[str, str], list[Told]] = {}
    order: list[list[Told]] = []
    for one in found:
        key = (one.owner, one.text.partition(" on ")[0])
        lot = lots.get(key)
        if one.noun != "task" or lot is None or one.at_ns - lot[-1].at_ns > _TOGETHER_NS:
            lot = []
            order.append(lot)
            if one.noun == "task":
                lots[key] = lot
        lot.append(one)
    for lot in order:
        first = lot[0]
        if len(lot) == 1:
            yield first
        else:
            name = first.name.rpartition(".")[0] or first.name
            text = f"{len(lot)} tasks {first.text.partition(' on ')[0]}"
            yield replace(first, name=name, text=text)


def since(then: ClusterView, now: ClusterView) -> list[Difference]:
    """What is different now from then."""
    found = []
    for kind in registry.kinds():
        if kind.changes is None:
            continue
        before = {item.id: item for item in then.objects(kind.message)}
        after = {item.id: item for item in now.objects(kind.message)}
        for id_ in sorted({*before, *after}):
            old, new = before.get(id_), after.get(id_)
            texts = list(kind.changes(old, new, now)) if old != new else []
            if kind.message is objects_pb2.Service and old is not None and new is not None:
                texts += _running(old, new, then, now)
            if texts:
                item = new if new is not None else old
                ref = ObjectRef(then.cluster, kind.noun, id_)
                found.append(Difference(ref, kind.name(item, now), ", ".join(texts)))
    return found


def _running(
    old: objects_pb2.Service, new: objects_pb2.Service, then: ClusterView, now: ClusterView
) -> Iterator[str]:
    was = f"{then.service_sums(old.id).running}/{services.wanted(old, then)}"
    is_now = f"{now.service_sums(new.id).running}/{services.wanted(new, now)}"
    if was != is_now:
        yield f"{was} → {is_now}"
