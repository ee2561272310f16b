"""The tree in its border: filter, marks and folding."""

from typing import Final

from textual.app import ComposeResult

from swarm_tui.clusters import filters
from swarm_tui.clusters.changes import Changes, Phase
from swarm_tui.clusters.session import Session
from swarm_tui.resources import format as fmt
from swarm_tui.resources import registry, tree
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.views.lists.rows_pane import RowsPane
from swarm_tui.views.tree.rows import TreeRows, trail_of, way_of
from swarm_tui.views.view import Verdict, View
from swarm_tui.widgets.table import ObjectTable

MIXED: Final = "marks of several kinds: verbs need one"


class TreePane(RowsPane):
    """See the module's text."""

    find_label = "filter"
    find_hint = "name  /regex/  state:failed  node:w3  age<5m  !term"

    def __init__(self, session: Session) -> None:
        super().__init__(id="tree-pane", classes="holder")
        self._session = session
        self._rows = TreeRows(session)
        self._table = ObjectTable(self._rows, empty="connecting …")
        self._table.add_class("pane")
        self._label = ""
        self._is_behind = False

    def compose(self) -> ComposeResult:
        yield self._table

    def on_mount(self) -> None:
        self.describe_border()

    # -- asked by the view and by verbs ------------------------------------------------------------

    @property
    def root(self) -> str:
        """The noun of what the tree begins with."""
        return self._rows.root

    @property
    def selected(self) -> tuple[ObjectRef, ...]:
        """The objects whose lines are marked, each once, or else the one under the cursor."""
        return tuple(dict.fromkeys(self._rows.ref_of(row_id) for row_id in self._table.selected_ids))

    @property
    def selected_kind(self) -> str:
        """Their kind; verbs work on nothing where they are of several."""
        kinds = {ref.kind for ref in self.selected}
        return kinds.pop() if len(kinds) == 1 else ""

    @property
    def find_topic(self) -> str:
        return "tree"

    @property
    def found_text(self) -> str:
        return self._rows.filter.text if self._rows.filter else ""

    @property
    def fields(self) -> tuple[str, ...]:
        """What the filter may ask of: each object answers to what its kind has."""
        return tuple(
            dict.fromkeys(field for noun in self._rows.nouns for field in registry.by_noun(noun).fields)
        )

    def find(self, text: str) -> Verdict:
        try:
            parsed = filters.parse(text, self.fields) if text.strip() else None
        except filters.FilterError as error:
            return Verdict(f"✖ {error}", "error")
        self._rows.set_filter(parsed)
        self._replaced()
        if self._rows.filter_problem:
            return Verdict(f"✖ {self._rows.filter_problem}", "error")
        return Verdict(f"{self._rows.shown_roots} of {self._rows.roots}")

    def complete(self, text: str) -> tuple[str, str]:
        return filters.completed(text, self.fields)

    @property
    def is_problems_only(self) -> bool:
        return self._rows.is_problems_only

    def set_problems_only(self, wanted: bool) -> None:
        self._rows.set_problems_only(wanted)
        self._replaced()

    def mark_all(self) -> None:
        """Mark every line of the kind under the cursor: verbs work on one kind."""
        if self._table.cursor_id is not None:
            self._table.mark_those(lambda row_id: row_id.kind == self._table.cursor_id.kind)  # type: ignore[union-attr]
        self.marks_changed()

    def begin_with(self, root: str, only: tuple[str, ...], label: str) -> None:
        """Show the tree of these roots, or of all of a kind; `label` says which they are."""
        self._label = label
        self._rows.begin_with(root, only)
        self._table.show(self._rows, empty=self._empty_text())
        self.describe_border()

    def go_to(self, ref: ObjectRef) -> None:
        """Put the cursor on a line that was left, or on the first line of an object."""
        if self._table.move_to(ref):
            return
        found = self._rows.reveal(ref)
        if found is not None:
            self._replaced()
            self._table.move_to(found)

    def unfold(self) -> None:
        """Show what hangs on the line under the cursor; where it is shown already, go to its first."""
        at = self._table.cursor_id
        if at is None or not self._rows.has_branches(at):
            return
        if self._rows.is_unfolded(at):
            self._table.action_move(1)
            return
        self._rows.unfold(at.id)
        self._replaced()

    def fold(self) -> None:
        """Hide what hangs on the line under the cursor; where nothing of it is shown, go to what it hangs on."""
        at = self._table.cursor_id
        if at is None:
            return
        if self._rows.is_unfolded(at):
            self._rows.fold(at.id)
            self._replaced()
            if not self._rows.is_unfolded(at):
                return
        above = trail_of(at.id)[:-1]
        if above:
            self._table.move_to(ObjectRef(at.cluster, above[-1][0], way_of(above)))

    def unfold_below(self) -> None:
        """Show all that hangs on the line under the cursor."""
        if self._table.cursor_id is not None:
            self._rows.unfold_below(self._table.cursor_id.id)
            self._replaced()

    def fold_all(self) -> None:
        """Show the roots alone, with the cursor on the one that it was below."""
        at = self._table.cursor_id
        self._rows.fold_all()
        self._replaced()
        if at is not None:
            root = trail_of(at.id)[:1]
            self._table.move_to(ObjectRef(at.cluster, root[0][0], way_of(root)))

    # -- told by the view --------------------------------------------------------------------------

    def apply(self, changes: Changes) -> None:
        if not self.is_shown:
            self._is_behind = True
            return
        is_moved = self._rows.apply(changes)
        self._table.set_empty(self._empty_text())
        if is_moved:
            self._table.order_changed()
            self.describe_border()
            self.post_message(View.KeysChanged())
        self._table.rows_changed(self._table.visible_ids())

    def catch_up(self) -> None:
        """Come on screen: take in what was told meanwhile."""
        if self._is_behind:
            self._is_behind = False
            self._rows.rebuild()
            self._replaced()

    @property
    def is_shown(self) -> bool:
        """Whether the pane and all it stands in are displayed."""
        return all(node.display for node in self.ancestors_with_self)

    def tick(self) -> None:
        if not self.is_shown:
            return
        if self._rows.filter is not None and self._rows.filter.is_timed:
            self._rows.rebuild()
            self._replaced()
        else:
            self._table.time_passed()

    def set_stale(self, is_stale: bool) -> None:
        self._table.set_dimmed(is_stale)
        self._table.set_empty(self._empty_text())

    # -- inside ------------------------------------------------------------------------------------

    def _replaced(self) -> None:
        self._table.set_empty(self._empty_text())
        self._table.order_changed()
        self._table.rows_changed(self._table.visible_ids())
        self.describe_border()
        self.post_message(View.KeysChanged())

    def _empty_text(self) -> str:
        if self._session.mirror.stream.phase is Phase.CONNECTING:
            return self._session.mirror.stream.waiting_text
        if self.found_text or self.is_problems_only:
            return f"{self._rows.filter_problem.rstrip('.') or 'nothing matches'} · esc shows all"
        return f"no {registry.by_noun(self.root).title.lower()}"

    def describe_border(self) -> None:
        rows, noun = self._rows, self._rows.root
        narrowed = self.found_text or self.is_problems_only
        count = f"{rows.shown_roots} of {rows.roots}" if narrowed else fmt.plural(rows.roots, tree.word(noun))
        parts = [count]
        if self.is_problems_only:
            parts.append("! problems only")
        if self.found_text:
            parts.append(f"/{self.found_text}")
        if marks := len(self._table.marks):
            parts.append(f"{marks} marked" if self.selected_kind else MIXED)
        self._table.label(f"Tree · {self._label}", " · ".join(parts))

    def on_object_table_shown(self, event: ObjectTable.Shown) -> None:
        event.stop()
        self.catch_up()
