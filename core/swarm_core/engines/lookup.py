"""From what a person types to a record: ids, names, names with their engine in front, and prefixes of ids.

Rules
1. The first rule that finds something decides; several findings of that rule are told as such. Of several containers those on engines that live count.
2. `ENGINE/NAME` means that engine; ENGINE is its name, its id or its key.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, TypeVar

from swarm_core.engines.errors import Ambiguous, NotFound
from swarm_core.engines.records import (
    Container,
    EngineKey,
    EngineRecord,
    Image,
    Network,
    Volume,
)
from swarm_core.engines.tables import R, Table, Tables

SHORT: Final = 12
SWARM_ID_LABEL: Final = "com.docker.swarm.id"
T = TypeVar("T")
_PREFIX_MIN: Final = 3
_DIGEST: Final = "sha256:"
_LATEST: Final = ":latest"
_NAMED_MAX: Final = 5
_CLUSTER_SCOPES: Final = ("swarm", "global")


class Lookup:
    """Look-ups in the tables of a cluster."""

    def __init__(self, tables: Tables, engines: Callable[[], Collection[EngineRecord]]) -> None:
        self._tables, self._engines = tables, engines

    def engine(self, text: str) -> EngineRecord:
        """The engine of this name, key, id, address, or with this beginning of its id. Raises NotFound, Ambiguous."""
        engines = self._engines()
        for found in (
            [one for one in engines if text in (one.key, one.entry.url)],
            [one for one in engines if text in (one.name, one.id)],
            [one for one in engines if len(text) >= _PREFIX_MIN and one.id.startswith(text)],
        ):
            if found:
                return _only(f"engine {text!r}", found, lambda one: one.entry.url)
        raise NotFound(f"No such engine: {text}")

    def container(self, text: str, engine: EngineKey | None = None) -> Container:
        """The container that `text` means, on `engine` where it is given. Raises NotFound, Ambiguous."""
        table, text = self._tables.containers, text.removeprefix("/")
        rules: tuple[Callable[[], Iterable[Container]], ...] = (
            lambda: self._with_id(table, text),
            lambda: [one for one in table if one.labels.get(SWARM_ID_LABEL) == text],
            lambda: table.named(text),
            lambda: self._on_engine(table, text),
            lambda: self._with_prefix(table, text),
        )
        for found in rules:
            records = [one for one in found() if engine is None or one.engine == engine]
            if records:
                return _only(f"container {text!r}", self._live(records) or records, self._full_name)
        raise NotFound(f"No such container: {text}")

    def images(self, text: str, engine: EngineKey | None = None) -> Sequence[Image]:
        """The image that `text` means, once for each engine that has it. Raises NotFound, Ambiguous."""
        table = self._tables.images
        short = text.rpartition("/")[2]
        name = text if ":" in short or "@" in short else text + _LATEST

        def on_engine(records: Iterable[Image]) -> list[Image]:
            return [one for one in records if engine is None or one.engine == engine]

        # A name may mean another image on each engine; an id, or the beginning of one, may not.
        if found := on_engine(table.named(name)):
            return found
        for id_ in (text, _DIGEST + text):
            least = len(_DIGEST) + _PREFIX_MIN if id_.startswith(_DIGEST) else _PREFIX_MIN
            if found := on_engine(table.with_id(id_) or self._with_prefix(table, id_, least)):
                ids = sorted({one.id for one in found})
                if len(ids) > 1:
                    raise _ambiguous(f"image {text!r}", ids)
                return found
        raise NotFound(f"No such image: {text}")

    def volume(self, text: str, engine: EngineKey | None = None) -> Volume:
        """The volume that `text` means. Of several the one that is not local to its engine counts. Raises NotFound, Ambiguous."""
        table = self._tables.volumes
        records = [one for one in table.named(text) if engine is None or one.engine == engine]
        records = records or [one for one in self._on_engine(table, text) if engine in (None, one.engine)]
        if not records:
            raise NotFound(f"No such volume: {text}")
        shared = [one for one in records if one.scope in _CLUSTER_SCOPES]
        return _only(f"volume {text!r}", shared[:1] or records, self._full_name)

    def network(self, text: str, engine: EngineKey | None = None) -> Network:
        """The network that `text` means; one of the whole cluster is one, on however many engines. Raises NotFound, Ambiguous."""
        table = self._tables.networks
        rules: tuple[Callable[[], Iterable[Network]], ...] = (
            lambda: self._with_id(table, text),
            lambda: table.named(text),
            lambda: self._on_engine(table, text),
            lambda: self._with_prefix(table, text),
        )
        for found in rules:
            records = [one for one in found() if engine is None or one.engine == engine]
            if records:
                once = {
                    one.id if one.scope in _CLUSTER_SCOPES else (one.engine, one.id): one for one in records
                }
                return _only(f"network {text!r}", list(once.values()), self._full_name)
        raise NotFound(f"No such network: {text}")

    def _live(self, records: Sequence[Container]) -> Sequence[Container]:
        """Those on engines that live: what an engine had that is away may have been made anew elsewhere, under its name."""
        if len(records) < 2:
            return records
        live = {one.key for one in self._engines() if one.state.is_live}
        return [one for one in records if one.engine in live]

    def _with_id(self, table: Table[R], text: str) -> Sequence[R]:
        if found := table.with_id(text):
            return found
        return self._with_prefix(table, text) if len(text) == SHORT else []

    def _with_prefix(self, table: Table[R], text: str, least: int = 1) -> Sequence[R]:
        if len(text) < least:
            return []
        return [one for id_ in table.ids() if id_.startswith(text) for one in table.with_id(id_)]

    def _on_engine(self, table: Table[R], text: str) -> Sequence[R]:
        engine, slash, name = text.rpartition("/")
        if not slash:
            return []
        keys = {one.key for one in self._engines() if engine in (one.key, one.name, one.id)}
        return [one for one in table.named(name) if one.engine in keys]

    def _full_name(self, record: Container | Image | Volume | Network) -> str:
        name = record.id if isinstance(record, Image) else record.name
        names = {one.key: one.name for one in self._engines()}
        return f"{names.get(record.engine, record.engine)}/{name}"


def _only(what: str, records: Sequence[T], name: Callable[[T], str]) -> T:
    if len(records) > 1:
        raise _ambiguous(what, [name(one) for one in records])
    return records[0]


def _ambiguous(what: str, names: Sequence[str]) -> Ambiguous:
    shown = ", ".join(sorted(names)[:_NAMED_MAX])
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return Ambiguous(f"{len(names)} are meant by {what}: {shown}{more}", names)
