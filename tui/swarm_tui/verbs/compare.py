"""Two objects side by side, or one then and now: what differs, line by line of their YAML."""

from collections.abc import Sequence
from difflib import unified_diff
from typing import Any, Final

from swarm_tui.resources import registry
from swarm_tui.resources.documents import as_dict, as_yaml
from swarm_tui.resources.model import ResourceKind
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context
from swarm_tui.widgets.paint import Spans

_AROUND: Final = 3
_ROLES: Final = {"+": "ok", "-": "error", "@": "muted"}
_GONE: Final = "not there"


def differing(old: Any, new: Any) -> list[Spans]:
    """The lines that differ, with some around them; empty when none does."""
    before, after = (_lines(item) for item in (old, new))
    found = list(unified_diff(before, after, n=_AROUND, lineterm=""))[2:]
    return [[(line, _ROLES.get(line[:1], "text"))] for line in found]


def _lines(item: Any) -> Sequence[str]:
    return [] if item is None else as_yaml(as_dict(item)).splitlines()


def _pair(
    ports: Ports, kind: ResourceKind[Any], refs: Sequence[ObjectRef]
) -> tuple[tuple[str, Any], tuple[str, Any]] | None:
    """What is compared with what, each with its name; None where nothing is."""
    cluster, past = ports.operations.cluster, ports.desk.past
    if len(refs) == 2:
        items = [cluster.get(kind.message, ref.id) for ref in refs]
        first, second = ((kind.name(one, cluster), one) for one in items)
        return first, second
    if len(refs) == 1 and past is not None:
        then, now = past.then_and_now(kind.message, refs[0].id)
        return ("then", then), ("now" if past.has_now else "at the end", now)
    return None


def run(ports: Ports) -> None:
    refs = ports.selection.refs
    kind = registry.by_noun(refs[0].kind)
    pair = _pair(ports, kind, refs)
    if pair is None:
        ports.desk.say("Mark two to compare them; of the past one alone is compared with now.")
        return
    (old_name, old), (new_name, new) = pair
    lines = differing(old, new)
    heading: Spans = [
        ("- ", "error"),
        (old_name + ("" if old is not None else f", {_GONE}"), "text"),
        ("   + ", "ok"),
        (new_name + ("" if new is not None else f", {_GONE}"), "text"),
    ]
    ports.desk.read(f"{kind.noun} · what differs", [heading, *(lines or [[("Nothing differs.", "muted")]])])


VERB = Verb(
    "list.compare",
    ("D",),
    "compare",
    "what differs: between two that are marked, or of the past between then and now",
    Context.LIST,
    run,
    lambda ports: not registry.by_noun(ports.selection.kind).is_derived,
    is_on_objects=True,
)
