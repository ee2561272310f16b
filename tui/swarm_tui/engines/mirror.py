"""The copy of many engines that everything on screen reads: items by kind, sums of each engine, and who uses what.

Rules (docs/design/engine-views.md 18.2)
1. It is a `Mirror` as views know it, of another realm: the same reads, flushes and listeners, with other kinds of objects.
2. A change costs one item and its places in the indexes. An engine's row depends on its containers' sums; rows of images, volumes
   and networks on who uses them; rows of everything on an engine on whether it lives.
3. Events are kept to the last EVENTS_MAX.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.engines.records import (
    Change,
    Container,
    EngineRecord,
    Event,
    Gone,
    Image,
    Kind,
    Network,
    Put,
    Record,
    Resync,
    Volume,
)

from swarm_tui.clusters.changes import Phase, Stream
from swarm_tui.clusters.mirror import Mirror, WallClock
from swarm_tui.resources.engines import containers, engines, images, networks, volumes
from swarm_tui.resources.engines.events import EVENTS_MAX
from swarm_tui.resources.engines.items import (
    ContainerItem,
    EngineItem,
    EventItem,
    ImageItem,
    Item,
    NetworkItem,
    VolumeItem,
    item_id,
)
from swarm_tui.resources.model import Health, NodeSums, Realm
from swarm_tui.resources.refs import ClusterId

_ITEMS: Final[dict[Kind, type[Any]]] = {
    Kind.ENGINE: EngineItem,
    Kind.CONTAINER: ContainerItem,
    Kind.IMAGE: ImageItem,
    Kind.VOLUME: VolumeItem,
    Kind.NETWORK: NetworkItem,
}
_USED: Final[dict[str, type[Any]]] = {
    images.NOUN: ImageItem,
    volumes.NOUN: VolumeItem,
    networks.NOUN: NetworkItem,
}
_Use = tuple[str, str]
"""The noun of what is used, and what its user calls it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came in at once: changes of records, and events, in their order."""

    changes: Sequence[Change] = ()
    events: Sequence[Event] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """Every record there is, in place of what was known."""

    records: Iterable[Record]


class EngineMirror(Mirror):
    """See the module's text."""

    realm = Realm.ENGINES

    def __init__(self, clock: WallClock, *, cluster: ClusterId) -> None:
        self._told: dict[str, EventItem] = {}
        """The events that are kept, the oldest first; a list of everything leaves them."""
        self._told_count = 0
        self.read_waiting: Callable[[], None] | None = None
        """Takes in what was told and is not read yet."""
        super().__init__(clock, cluster=cluster)

    def _clear(self) -> None:
        super()._clear()
        self._objects |= {kind: {} for kind in _ITEMS.values()}
        self._objects[EventItem] = self._told
        self._of_engine: dict[str, dict[type[Any], dict[str, None]]] = {}
        self._engine_sums: defaultdict[str, NodeSums] = defaultdict(NodeSums)
        self.looks: Counter[Health] = Counter()
        """How many engines fare so."""
        self.running = 0
        """Containers that run, on all engines."""
        self._container_users: defaultdict[_Use, set[str]] = defaultdict(set)
        self._network_ids: dict[str, str] = {}
        """By what containers call a network, its item's id."""

    # -- reading --------------------------------------------------------------------------------

    def node_sums(self, node_id: str) -> NodeSums:
        """Of the engine with this key: its containers, and what of it they have reserved as far as they were looked at."""
        return self._engine_sums.get(node_id) or NodeSums()

    def users(self, noun: str, called: Collection[str]) -> Collection[str]:
        """Ids of the containers that use the image, volume or network that is called by any of these."""
        return {id_ for one in called for id_ in self._container_users.get((noun, one), ())}

    def on_engine(self, key: str, kind: type[Any]) -> Collection[str]:
        """Ids of the items of a kind that an engine has."""
        return self._of_engine.get(key, {}).get(kind, {}).keys()

    # -- feeding --------------------------------------------------------------------------------

    def flush(self) -> None:
        if self.read_waiting is not None:
            self.read_waiting()
        super().flush()

    def take(self, update: Told | Listed) -> None:
        """Take in what engines told; listeners hear of it with the next flush."""
        if isinstance(update, Listed):
            self._list(update.records)
            return
        for change in update.changes:
            match change:
                case Put(kind, record):
                    self._put(kind, record)
                case Gone(kind, engine, id_):
                    self._drop(_ITEMS[kind], engine if kind is Kind.ENGINE else item_id(engine, id_))
                case Resync():
                    raise AssertionError("who follows the engines lists anew in place of a resync")
        for event in update.events:
            self._note_event(event)

    def _list(self, records: Iterable[Record]) -> None:
        self._clear()
        for record in records:
            self._put(_kind_of(record), record)
        self._dirty.clear()
        self._is_reset = True
        self._set_stream(Stream(Phase.LIVE, self._clock.wall_ns()))

    def _put(self, kind: Kind, record: Record) -> None:
        item = _item(record)
        message = _ITEMS[kind]
        held = self._objects[message]
        old = held.get(item.id)
        held[item.id] = item
        self._dirty[message].add(item.id)
        if isinstance(item, EngineItem):
            self._count_look(item, old)
            self._engine_changed(item, old)
            return
        if old is None:
            self._of_engine.setdefault(_engine_of(record), {}).setdefault(message, {})[item.id] = None
        if isinstance(item, ContainerItem):
            self._container_changed(item, old)
        elif isinstance(item, NetworkItem):
            self._network_ids[item_id(item.record.engine, item.record.name)] = item.id

    def _drop(self, message: type[Any], id_: str) -> None:
        old = self._objects[message].pop(id_, None)
        if old is None:
            return
        self._dirty[message].add(id_)
        if isinstance(old, EngineItem):
            self._count_look(None, old)
            self._engine_sums.pop(id_, None)
            return
        self._of_engine[old.record.engine][message].pop(id_, None)
        if isinstance(old, ContainerItem):
            self._container_changed(None, old)
        elif isinstance(old, NetworkItem):
            self._network_ids.pop(item_id(old.record.engine, old.record.name), None)

    def _count_look(self, new: EngineItem | None, old: EngineItem | None) -> None:
        if old is not None:
            self.looks[engines.health(old, self, 0)] -= 1
        if new is not None:
            self.looks[engines.health(new, self, 0)] += 1

    def _engine_changed(self, new: EngineItem, old: EngineItem | None) -> None:
        """What is on an engine looks otherwise while it is away, or under another name."""
        if old is not None and (
            old.record.state.is_live == new.record.state.is_live and old.record.name == new.record.name
        ):
            return
        for message, ids in self._of_engine.get(new.id, {}).items():
            self._dirty[message].update(ids)

    # -- sums and users -------------------------------------------------------------------------

    def _container_changed(self, new: ContainerItem | None, old: ContainerItem | None) -> None:
        one = new or old
        assert one is not None
        before, after = _counted(old), _counted(new)
        if before != after:
            sums = self._engine_sums[one.record.engine]
            sums.tasks += after[0] - before[0]
            sums.running += after[1] - before[1]
            self.running += after[1] - before[1]
            sums.nano_cpus += after[2] - before[2]
            sums.memory_bytes += after[3] - before[3]
            self._touch(EngineItem, one.record.engine)
        if old is not None and new is not None and _uses_the_same(old.record, new.record):
            return
        then, now = _uses(old), _uses(new)
        for use in then - now:
            self._container_users[use].discard(one.id)
            if not self._container_users[use]:
                del self._container_users[use]
        for use in now - then:
            self._container_users[use].add(one.id)
        for noun, called in then ^ now:
            self._touch(_USED[noun], self._network_ids.get(called, called))

    # -- events ---------------------------------------------------------------------------------

    def _note_event(self, event: Event) -> None:
        self._told_count += 1
        id_ = f"{self._told_count:010}"
        self._told[id_] = EventItem(id_, event)
        self._dirty[EventItem].add(id_)
        if len(self._told) > EVENTS_MAX:
            oldest = next(iter(self._told))
            del self._told[oldest]
            self._dirty[EventItem].add(oldest)


def _engine_of(record: Record) -> str:
    """The key of the engine that it is of."""
    return record.key if isinstance(record, EngineRecord) else record.engine


def _kind_of(record: Record) -> Kind:
    match record:
        case EngineRecord():
            return Kind.ENGINE
        case Container():
            return Kind.CONTAINER
        case Image():
            return Kind.IMAGE
        case Volume():
            return Kind.VOLUME
        case Network():
            return Kind.NETWORK


def _item(record: Record) -> Item:
    match record:
        case EngineRecord():
            return EngineItem(record.key, record)
        case Container():
            return ContainerItem(item_id(record.engine, record.id), record)
        case Image():
            return ImageItem(item_id(record.engine, record.id), record)
        case Volume():
            return VolumeItem(item_id(record.engine, record.id), record)
        case Network():
            return NetworkItem(item_id(record.engine, record.id), record)


def _counted(item: ContainerItem | None) -> tuple[int, int, int, int]:
    """Its part in its engine's sums: itself, whether it runs, and the processors and memory that it reserves, running
    or not, as placement counts them."""
    if item is None:
        return 0, 0, 0, 0
    one = item.record
    held = one.reserved
    cpus, memory = (held.nano_cpus, held.memory_bytes) if held is not None else (0, 0)
    return 1, int(one.is_running), cpus, memory


def _uses_the_same(old: Container, new: Container) -> bool:
    """What most changes leave as it is."""
    return (old.image_id, old.volumes, old.networks) == (new.image_id, new.volumes, new.networks)


def _uses(item: ContainerItem | None) -> frozenset[_Use]:
    if item is None:
        return frozenset()
    return frozenset(
        (noun, called)
        for noun in (images.NOUN, volumes.NOUN, networks.NOUN)
        for called in containers.KIND.owners[noun](item)
    )
