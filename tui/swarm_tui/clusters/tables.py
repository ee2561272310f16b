"""Rows of one kind of object: which are shown, in which order. What a row says is computed when it is seen.

Rules:
- The order is kept by bisection; a changed object costs its own sort key and at most one move.
- A row's id is the ObjectRef of its object. A cursor belongs to an id; `index_of` says where it is now. Inside, where
  all objects are of one cluster and kind, their own ids serve.
- Cells are computed by `row` alone, so objects out of sight cost no drawing.
- `apply` says what a view must do: draw anew the rows in `touched`, or everything when `is_reordered`.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from sortedcontainers import SortedList
from swarm_core.specs.patterns import one_pass

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.filters import Filter, FilterError, Value, reader
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources.refs import ObjectRef

Row = TypeVar("Row", covariant=True)


class RowKind(Protocol[Row]):
    """What a table needs to know of a kind; `swarm_tui.resources` has one per kind."""

    @property
    def noun(self) -> str: ...
    @property
    def message(self) -> type[Any]: ...
    @property
    def default_sort(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, Callable[[Any, Any, int], Value]]: ...
    @property
    def sort_keys(self) -> Mapping[str, Callable[[Any, Any, int], Any]]: ...
    @property
    def keeps_key(self) -> Callable[[Any, str], bool]: ...
    @property
    def name(self) -> Callable[[Any, Any], str]: ...
    @property
    def has_problem(self) -> Callable[[Any, Any, int], bool]: ...
    @property
    def live_keys(self) -> frozenset[str]: ...
    @property
    def row(self) -> Callable[[Any, Any, int], Row]: ...


@dataclass(frozen=True, slots=True)
class TableChange:
    touched: Set[str] = frozenset()
    """Ids of objects whose rows are shown and may look different."""
    is_reordered: bool = False
    """Rows came, went or moved."""

    def __bool__(self) -> bool:
        return bool(self.touched) or self.is_reordered


class Table(Generic[Row]):
    """The shown rows of `kind`. Filter, sort and scope may be changed at any time; each change lists the rows anew."""

    def __init__(
        self,
        mirror: Mirror,
        kind: RowKind[Row],
        now_ns: int,
        *,
        scope: Callable[[Any], bool] | None = None,
    ) -> None:
        self._mirror = mirror
        self._kind = kind
        self._scope = scope
        self.filter: Filter | None = None
        self.filter_problem = ""
        """Why the filter lets nothing through any more: it took too long. It is not tried again."""
        self.is_problems_only = False
        self.sort = kind.default_sort
        self.is_reversed = False
        self._keys: dict[str, Any] = {}
        self._homes: dict[str, Mirror] = {}
        """Of the rows shown, where several clusters are: a row stays its cluster's while its object goes."""
        self._order: Any = SortedList()
        self.rebuild(now_ns)

    # -- reading --------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._order)

    @property
    def total(self) -> int:
        """Objects of the kind, shown or not."""
        return len(self._mirror.ids(self._kind.message))

    @property
    def is_live(self) -> bool:
        """Whether the order asks for what is told past the store, which changes without an object."""
        return self.sort in self._kind.live_keys

    def ref(self, id_: str) -> ObjectRef:
        """The row of the object with this id, shown or not."""
        return ObjectRef(self._view(id_).cluster, self._kind.noun, id_)

    def id_at(self, index: int) -> ObjectRef:
        """The row shown at `index`, counted from the top."""
        assert 0 <= index < len(self._order)
        position = len(self._order) - 1 - index if self.is_reversed else index
        return self.ref(self._order[position][1])

    def ids(self, start: int, stop: int) -> list[ObjectRef]:
        """The rows shown from `start` to before `stop`."""
        return [self.id_at(index) for index in range(max(start, 0), min(stop, len(self._order)))]

    def index_of(self, ref: ObjectRef) -> int | None:
        """Where a row is shown; None when it is not."""
        if ref.id not in self._keys or ref != self.ref(ref.id):
            return None
        position: int = self._order.index((self._keys[ref.id], ref.id))
        return len(self._order) - 1 - position if self.is_reversed else position

    def item(self, ref: ObjectRef) -> Any:
        """The object behind a row; None when it is gone."""
        return self._item(ref.id)

    def row(self, ref: ObjectRef, now_ns: int) -> Row | None:
        """The cells of a row as they look now; None when the object is gone."""
        item = self.item(ref)
        return None if item is None else self._kind.row(item, self._view(ref.id), now_ns)

    # -- changing what is shown -----------------------------------------------------------------

    def set_filter(self, new: Filter | None, now_ns: int) -> None:
        """Show only what `new` lets through."""
        self.filter = new if new is not None and new.terms else None
        self.filter_problem = ""
        self.rebuild(now_ns)

    def set_problems_only(self, wanted: bool, now_ns: int) -> None:
        """Show only objects that have a problem."""
        self.is_problems_only = wanted
        self.rebuild(now_ns)

    def set_scope(self, scope: Callable[[Any], bool] | None, now_ns: int) -> None:
        """Show only objects of a wider thing, such as the tasks of one service."""
        self._scope = scope
        self.rebuild(now_ns)

    def set_sort(self, column: str, now_ns: int, *, is_reversed: bool = False) -> None:
        """Order by a column of the kind's `sort_keys`. Raises KeyError."""
        assert column in self._kind.sort_keys, column
        self.sort, self.is_reversed = column, is_reversed
        self.rebuild(now_ns)

    def rebuild(self, now_ns: int) -> None:
        """List every row anew: after a reset, or as time passes under a timed filter."""
        self._keys = {}
        self._homes = {}
        with one_pass():
            for id_ in self._mirror.ids(self._kind.message):
                item, view = self._item(id_), self._mirror.home(self._kind.message, id_)
                if self._shows(item, view, now_ns):
                    self._keys[id_] = self._kind.sort_keys[self.sort](item, view, now_ns)
                    self._keep(id_, view)
        if self.filter_problem:
            self._keys.clear()
            self._homes.clear()
        self._order = SortedList((key, id_) for id_, key in self._keys.items())

    def apply(self, changes: Changes, now_ns: int) -> TableChange:
        """Take in what a mirror told."""
        if changes.is_reset:
            self.rebuild(now_ns)
            return TableChange(is_reordered=True)
        was_fine = not self.filter_problem
        with one_pass():
            change = self._apply(changes, now_ns)
        if was_fine and self.filter_problem:
            self.rebuild(now_ns)
            return TableChange(is_reordered=True)
        return change

    def _apply(self, changes: Changes, now_ns: int) -> TableChange:
        touched = set()
        is_reordered = False
        item_of, keys = partial(self._mirror.get, self._kind.message), self._keys
        sort, keeps_key = self.sort, self._kind.keeps_key
        key_of, shows = self._kind.sort_keys[sort], self._shows if self._is_narrowed else None
        home = partial(self._mirror.home, self._kind.message)
        for id_ in changes.of(self._kind.message):
            item = item_of(id_)
            view = home(id_)
            old = keys.get(id_)
            if item is None or not (shows is None or shows(item, view, now_ns)):
                if old is not None:
                    self._order.remove((old, id_))
                    del keys[id_]
                    self._homes.pop(id_, None)
                    is_reordered = True
                continue
            self._keep(id_, view)
            touched.add(id_)
            if old is not None and keeps_key(item, sort):
                continue
            new = key_of(item, view, now_ns)
            if old != new:
                if old is not None:
                    self._order.remove((old, id_))
                self._order.add((new, id_))
                keys[id_] = new
                is_reordered = True
        return TableChange(touched, is_reordered)

    def _item(self, id_: str) -> Any:
        return self._mirror.get(self._kind.message, id_)

    def _view(self, id_: str) -> Mirror:
        """The cluster of a row."""
        return self._homes.get(id_) or self._mirror.home(self._kind.message, id_)

    def _keep(self, id_: str, view: Mirror) -> None:
        if view is not self._mirror:
            self._homes[id_] = view

    @property
    def _is_narrowed(self) -> bool:
        return self._scope is not None or self.is_problems_only or self.filter is not None

    def _shows(self, item: Any, view: Mirror, now_ns: int) -> bool:
        if self._scope is not None and not self._scope(item):
            return False
        if self.is_problems_only and not self._kind.has_problem(item, view, now_ns):
            return False
        if self.filter is None:
            return True
        if self.filter_problem:
            return False
        try:
            return self.filter.matches(reader(self._kind, item, view, now_ns))
        except FilterError as error:
            self.filter_problem = str(error)
            return False
