"""The lines of the tree as the rows of an ObjectTable: what is unfolded, what a filter leaves, and in which order.

Rules:
- A line's id is an ObjectRef whose id is the way to it, because one object may stand in several places of the tree; `ref_of` gives the
  object's own.
- The lines below a root are kept until the mirror tells of the root, or of what is below it. Roots that are used by services or containers
  are few, and are all looked at again.
- Under a filter the ways to what is found are shown, unfolded; what is found can be unfolded further.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.specs.patterns import one_pass

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.filters import NAME, Filter, FilterError, Value
from swarm_tui.clusters.session import Session
from swarm_tui.resources import format as fmt
from swarm_tui.resources import registry, tree
from swarm_tui.resources.model import PROBLEMS, Cell, Column
from swarm_tui.resources.refs import ObjectRef

_BETWEEN: Final = "\n"
_OF: Final = " "
_TOLD_WITH_THEIRS: Final = (tree.NODE, tree.SERVICE, tree.STACK, tree.ENGINE)


@dataclass(frozen=True, slots=True)
class _Line:
    trail: tuple[tuple[str, str], ...]
    """Noun and id of each object on the way."""
    is_unfolded: bool

    @property
    def way(self) -> str:
        return way_of(self.trail)


def way_of(trail: Sequence[tuple[str, str]]) -> str:
    """The way as one text."""
    return _BETWEEN.join(f"{noun}{_OF}{id_}" for noun, id_ in trail)


def trail_of(way: str) -> tuple[tuple[str, str], ...]:
    """Nouns and ids along the way."""
    return tuple((noun, id_) for noun, _, id_ in (step.partition(_OF) for step in way.split(_BETWEEN)))


class TreeRows:
    """See the module's text. Implements `widgets.table.RowSource`."""

    columns: Sequence[Column] = tree.COLUMNS
    sorted_by = ("", False)

    def __init__(self, session: Session) -> None:
        self._session = session
        self.root = tree.FIRST[session.mirror.realm]
        self._only: frozenset[str] = frozenset()
        self.filter: Filter | None = None
        self.filter_problem = ""
        """Why the filter lets nothing through any more: it took too long. It is not tried again."""
        self.is_problems_only = False
        self._unfolded: set[str] = set()
        self._keys: dict[str, Any] = {}
        """The sort key of each root, in their order."""
        self._lines_of: dict[str, list[_Line]] = {}
        """The lines of each root."""
        self._lines: list[_Line] = []
        self._index: dict[str, int] = {}

    # -- reading -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._lines)

    def id_at(self, index: int) -> ObjectRef:
        line = self._lines[index]
        return ObjectRef(self._session.mirror.cluster, line.trail[-1][0], line.way)

    def index_of(self, row_id: ObjectRef) -> int | None:
        return self._index.get(row_id.id)

    def cells(self, row_id: ObjectRef) -> tuple[Cell, ...]:
        index = self._index.get(row_id.id)
        trail = self._trail(trail_of(row_id.id))
        if index is None or trail is None:
            return ()
        view = self._session.mirror
        return tree.cells(
            trail,
            view,
            self._session.now_ns,
            is_unfolded=self._lines[index].is_unfolded,
            has_branches=bool(tree.branches(trail, view)),
        )

    def ref_of(self, row_id: ObjectRef) -> ObjectRef:
        """The object that a line is about."""
        return ObjectRef(row_id.cluster, row_id.kind, trail_of(row_id.id)[-1][1])

    @property
    def roots(self) -> int:
        """How many roots there are, shown or not."""
        return len(self._keys)

    @property
    def shown_roots(self) -> int:
        """How many roots are shown."""
        return sum(bool(lines) for lines in self._lines_of.values())

    @property
    def nouns(self) -> tuple[str, ...]:
        """The kinds of objects that may stand in this tree."""
        return tuple(dict.fromkeys((self.root, *tree.nouns_below(self.root))))

    # -- what is shown -----------------------------------------------------------------------------

    def begin_with(self, root: str, only: Collection[str]) -> None:
        """Show the tree of these roots, or of all of the kind."""
        self.root, self._only = root, frozenset(only)
        self.rebuild()

    def set_filter(self, new: Filter | None) -> None:
        """Show only what `new` lets through, and the ways to it."""
        self.filter = new if new is not None and new.terms else None
        self.filter_problem = ""
        self.rebuild()

    def set_problems_only(self, wanted: bool) -> None:
        """Show only what has a problem, and the ways to it."""
        self.is_problems_only = wanted
        self.rebuild()

    def unfold(self, way: str) -> None:
        """Show what hangs on a line."""
        self._unfolded.add(way)
        self._look_at({trail_of(way)[0][1]})

    def unfold_below(self, way: str) -> None:
        """Show all that hangs on a line, down to the places of services."""
        trail = self._trail(trail_of(way))
        if trail is not None:
            self._unfold_all(trail)
            self._look_at({trail[0][1].id})

    def _unfold_all(self, trail: tree.Trail) -> None:
        found = tree.branches(trail, self._session.mirror)
        if found and trail[-1][0] != tree.TASK:
            self._unfolded.add(way_of([(noun, item.id) for noun, item in trail]))
            for one in found:
                self._unfold_all((*trail, one))

    def fold(self, way: str) -> None:
        """Hide what hangs on a line."""
        self._unfolded.discard(way)
        self._look_at({trail_of(way)[0][1]})

    def fold_all(self) -> None:
        """Show the roots alone."""
        self._unfolded.clear()
        self.rebuild()

    def is_unfolded(self, row_id: ObjectRef) -> bool:
        """Whether what hangs on a line is shown."""
        index = self._index.get(row_id.id)
        return index is not None and self._lines[index].is_unfolded

    def has_branches(self, row_id: ObjectRef) -> bool:
        """Whether something hangs on a line."""
        trail = self._trail(trail_of(row_id.id))
        return trail is not None and bool(tree.branches(trail, self._session.mirror))

    def reveal(self, ref: ObjectRef) -> ObjectRef | None:
        """Unfold the way to an object, and it itself; its line, or None where it is not in this tree."""
        view = self._session.mirror
        admits = lambda id_: not self._only or id_ in self._only  # noqa: E731
        found = tree.trail_to(self.root, ref.kind, ref.id, view, admits=admits)
        if found is None:
            return None
        trail = [(noun, item.id) for noun, item in found]
        depth = len(trail) + (trail[-1][0] != tree.TASK)
        self._unfolded |= {way_of(trail[:end]) for end in range(1, depth)}
        self._look_at({trail[0][1]})
        return ObjectRef(view.cluster, ref.kind, way_of(trail))

    # -- told by the pane --------------------------------------------------------------------------

    def apply(self, changes: Changes) -> bool:
        """Take in what the mirror told; whether lines came, went or moved."""
        before = self._lines
        if changes.is_reset or self.root not in _TOLD_WITH_THEIRS:
            self.rebuild()
        elif ids := tree.touched(self.root, changes.ids, self._session.mirror):
            self._look_at(ids)
        return self._lines != before

    def rebuild(self) -> None:
        """Look at every root anew."""
        view = self._session.mirror
        self._keys, self._lines_of = {}, {}
        kind = registry.by_noun(self.root)
        self._look_at(self._only or {item.id for item in view.objects(kind.message)})

    # -- inside ------------------------------------------------------------------------------------

    def _look_at(self, root_ids: Collection[str]) -> None:
        """These roots may be others than they were."""
        was_fine = not self.filter_problem
        with one_pass():
            self._look_over(root_ids)
        if was_fine and self.filter_problem:
            self.rebuild()

    def _look_over(self, root_ids: Collection[str]) -> None:
        view, kind = self._session.mirror, registry.by_noun(self.root)
        is_ordered = True
        for id_ in root_ids:
            item = view.get(kind.message, id_)
            if item is None or (self._only and id_ not in self._only):
                self._lines_of.pop(id_, None)
                is_ordered = self._keys.pop(id_, None) is None and is_ordered
                continue
            key = fmt.natural(kind.name(item, view)), id_
            if self._keys.get(id_) != key:
                self._keys[id_], is_ordered = key, False
            self._lines_of[id_] = self._walk(((self.root, item),))
        if not is_ordered:
            self._keys = dict(sorted(self._keys.items(), key=lambda one: one[1]))
        self._lines = [line for id_ in self._keys for line in self._lines_of[id_]]
        self._index = {line.way: index for index, line in enumerate(self._lines)}

    def _walk(self, trail: tree.Trail, *, is_free: bool = False) -> list[_Line]:
        """The lines of an object and of what hangs on it; none where the filter leaves nothing. Below what is found the filter says
        nothing more: it `is_free`."""
        ids = tuple((noun, item.id) for noun, item in trail)
        is_open = way_of(ids) in self._unfolded
        if is_free or not self._is_narrowed:
            return self._shown(trail, ids, is_open, is_free=is_free)
        is_found = self._is_found(trail)
        if is_found and is_open:
            return self._shown(trail, ids, is_open, is_free=True)
        found = [
            line for one in tree.branches(trail, self._session.mirror) for line in self._walk((*trail, one))
        ]
        return [_Line(ids, bool(found)), *found] if is_found or found else []

    def _shown(
        self, trail: tree.Trail, ids: tuple[tuple[str, str], ...], is_open: bool, *, is_free: bool
    ) -> list[_Line]:
        lines = [_Line(ids, is_open)]
        for one in tree.branches(trail, self._session.mirror) if is_open else ():
            lines += self._walk((*trail, one), is_free=is_free)
        return lines

    @property
    def _is_narrowed(self) -> bool:
        return self.filter is not None or self.is_problems_only

    def _is_found(self, trail: tree.Trail) -> bool:
        view, now_ns = self._session.mirror, self._session.now_ns
        if self.is_problems_only and (
            tree.is_past(trail) or tree.own(trail, view, now_ns)[0] not in PROBLEMS
        ):
            return False
        if self.filter is None:
            return True
        if self.filter_problem:
            return False
        noun, item = trail[-1]
        kind = registry.by_noun(noun)

        def read(field: str) -> Value:
            if field == NAME:
                return kind.name(item, view)
            return kind.fields[field](item, view, now_ns) if field in kind.fields else None

        try:
            return self.filter.matches(read)
        except FilterError as error:
            self.filter_problem = str(error)
            return False

    def _trail(self, ids: Sequence[tuple[str, str]]) -> tree.Trail | None:
        """The objects along the way; None when one of them is gone."""
        view = self._session.mirror
        items = [(noun, view.get(registry.by_noun(noun).message, id_)) for noun, id_ in ids]
        return None if any(item is None for _, item in items) else tuple(items)
