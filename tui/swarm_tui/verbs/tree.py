"""To the tree of what is listed, and in it: the other way round, and folding."""

from collections.abc import Callable

from swarm_tui.resources import tree
from swarm_tui.resources.model import Link
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.tree.pane import TreePane
from swarm_tui.views.tree.view import NAME
from swarm_tui.views.view import Context


def _listed(ports: Ports) -> str:
    """The kind that is listed."""
    pane = ports.part(ObjectPane)
    return pane.kind.noun if pane is not None else ports.selection.kind


def link_of(ports: Ports) -> tuple[Link, ObjectRef | None]:
    """Where the tree of a list begins: with what is marked, else with what the list is cut down to, else with all; and the object
    that has the cursor."""
    pane, here, refs = ports.part(ObjectPane), ports.navigator.here, ports.selection.refs
    root = tree.root_of(_listed(ports))
    at = refs[0] if refs else None
    if pane is not None and pane.table.marks:
        ids = [tree.root_id(ref.kind, ref.id, ports.operations.cluster) for ref in refs]
        first, *others = dict.fromkeys(id_ for id_ in ids if id_) or [""]
        return Link(NAME, root, first, others=tuple(others)), at
    if here.id and here.kind in tree.ROOTS:
        return Link(NAME, here.kind, here.id), at
    return Link(NAME, root), at


async def run(ports: Ports) -> None:
    pane = ports.part(TreePane)
    if pane is None:
        link, at = link_of(ports)
    else:
        refs = ports.selection.refs
        link, at = Link(NAME, tree.other_way(pane.root)), refs[0] if refs else None
    await ports.navigator.go(link, at)


def _label(ports: Ports) -> str:
    pane = ports.part(TreePane)
    return "tree" if pane is None else f"by {tree.other_way(pane.root)}"


def _applies(ports: Ports) -> bool:
    pane = ports.part(TreePane)
    return bool(tree.root_of(_listed(ports)) if pane is None else tree.other_way(pane.root))


def _folding(work: Callable[[TreePane], None]) -> Callable[[Ports], None]:
    def fold(ports: Ports) -> None:
        pane = ports.part(TreePane)
        if pane is not None:
            work(pane)

    return fold


def _in_tree(ports: Ports) -> bool:
    return ports.part(TreePane) is not None


VERB = Verb(
    "list.tree",
    ("v",),
    "tree",
    "what hangs on what: services, places and attempts; in the tree: by service or by node",
    Context.LIST,
    run,
    _applies,
    rank=11,
    label_now=_label,
)
UNFOLD = Verb(
    "list.unfold",
    ("right",),
    "unfold",
    "in the tree: show what hangs on this; again: go there",
    Context.LIST,
    _folding(TreePane.unfold),
    _in_tree,
    rank=9,
    shown="→",
)
FOLD = Verb(
    "list.fold",
    ("left",),
    "fold",
    "in the tree: hide what hangs on this; again: go to what it hangs on",
    Context.LIST,
    _folding(TreePane.fold),
    _in_tree,
    shown="←",
)
UNFOLD_BELOW = Verb(
    "list.unfold_below",
    ("shift+right",),
    "unfold all",
    "in the tree: show all that hangs on this",
    Context.LIST,
    _folding(TreePane.unfold_below),
    _in_tree,
    shown="shift+→",
)
FOLD_ALL = Verb(
    "list.fold_all",
    ("shift+left",),
    "fold all",
    "in the tree: show only what it begins with",
    Context.LIST,
    _folding(TreePane.fold_all),
    _in_tree,
    shown="shift+←",
)
