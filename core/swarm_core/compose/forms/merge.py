"""Several files as one: a later file is laid over an earlier one (docs/design/stacks.md 12.4).

Both are in normal form. Mappings are merged deep; a scalar is replaced; lists are joined, entries with the same key replaced;
commands and health tests are replaced as a whole. `!reset` takes away, `!override` replaces. Where docker's own merge comes to
something else, a note says so.
"""

from collections.abc import Callable
from typing import Any, Final

from swarm_core.compose.reading.notes import Notes
from swarm_core.compose.reading.values import Map, Mark, Reset, Seq, plain

Path = tuple[str, ...]
_REPLACED: Final = frozenset(
    {"command", "entrypoint", "healthcheck.test", "x-process.command", "x-process.args"}
)
_KEYED: Final[dict[str, Callable[[Map], Any]]] = {
    "ports": lambda port: (port.get("target"), port.get("published", 0), port.get("protocol", "tcp")),
    "volumes": lambda mount: mount.get("target"),
    "secrets": lambda secret: secret.get("source"),
    "configs": lambda config: config.get("source"),
}
_SORTED: Final = {"volumes": "target", "secrets": "source", "configs": "source"}
_TOP: Final = ("networks", "volumes", "secrets", "configs")


def merged(base: Map, over: Map, notes: Notes) -> Map:
    """Both files as one."""
    return _Merge(notes).maps(base, over, ())


def merged_service(base: Map, over: Map, notes: Notes) -> Map:
    """A service laid over another one."""
    return _Merge(notes).maps(base, over, ("services", "*"))


def without_resets(value: Any) -> Any:
    """The content without what only took away from an earlier file."""
    if isinstance(value, Map):
        kept = value.like()
        for key, entry in value.items():
            if not isinstance(entry, Reset):
                kept[key] = without_resets(entry)
        return kept
    if isinstance(value, Seq):
        items = value.like()
        for item, at in value.marked():
            if not isinstance(item, Reset):
                items.add(without_resets(item), at)
        return items
    return value


class _Merge:
    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def maps(self, base: Map, over: Map, path: Path) -> Map:
        """One mapping laid over another."""
        found = base.like()
        found.marks = {**base.marks, **over.marks}
        found.update(base)
        for key, value in over.items():
            if isinstance(value, Reset):
                found.pop(key, None)
            elif key in base and not isinstance(base[key], Reset):
                found[key] = self._value(base[key], value, (*path, key), over.at(key))
            else:
                found[key] = value
        return found

    def _value(self, base: Any, over: Any, path: Path, mark: Mark) -> Any:
        if isinstance(over, Map | Seq) and over.is_override:
            return over
        if isinstance(base, Map) and isinstance(over, Map):
            self._note_map(base, over, path, mark)
            if path[2:] == ("logging",) and self._is_other_driver(base, over):
                return over
            if len(path) == 4 and path[2] == "ulimits":
                return over
            return self.maps(base, over, path)
        if isinstance(base, Seq) and isinstance(over, Seq):
            return self._lists(base, over, path, mark)
        if over is None and isinstance(base, Map | Seq):
            return base
        if over is False and base is True and path[:1] == ("services",) and path[2:3] != ("init",):
            self._notes.different(f"docker keeps {'.'.join(path)}: true, as false counts for nothing", mark)
        return over

    @staticmethod
    def _is_other_driver(base: Map, over: Map) -> bool:
        drivers = {one["driver"] for one in (base, over) if one.get("driver")}
        return len(drivers) > 1

    def _note_map(self, base: Map, over: Map, path: Path, mark: Mark) -> None:
        if len(path) == 2 and path[0] in _TOP and any(key not in over for key in base):
            self._notes.different(
                f"docker replaces {'.'.join(path)} as a whole and loses what the earlier file says", mark
            )

    def _lists(self, base: Seq, over: Seq, path: Path, mark: Mark) -> Seq:
        within = path[2:] if path[:1] == ("services",) else path
        if ".".join(within) in _REPLACED:
            return over if over else base
        key_of = _KEYED.get(within[0]) if len(within) == 1 else None
        if key_of is None:
            if within[-1] == "aliases":
                self._notes.different("docker replaces the aliases of the earlier file", mark)
            return _joined(base, over, self._notes)
        if within == ("ports",):
            self._note_ports(base, over, mark)
        return _keyed(base, over, key_of, _SORTED.get(within[0], ""))

    def _note_ports(self, base: Seq, over: Seq, mark: Mark) -> None:
        def taken(ports: Seq) -> dict[Any, Any]:
            return {port.get("published", 0): plain(port) for port in ports if isinstance(port, Map)}

        later = taken(over)
        if any(later.get(number, port) != port for number, port in taken(base).items()):
            self._notes.different(
                "docker keeps one port for each published number, and one of those without a number", mark
            )


def _joined(base: Seq, over: Seq, notes: Notes) -> Seq:
    """One list after the other; a text that is there already is not said twice, as no file may say it twice."""
    found = base.like()
    for items in (base, over):
        for item, at in items.marked():
            if isinstance(item, Reset):
                continue
            if isinstance(item, str) and item in found:
                notes.different(f"docker keeps {item!r} twice, as both files say it", at)
            else:
                found.add(item, at)
    return found


def _keyed(base: Seq, over: Seq, key_of: Callable[[Map], Any], order: str) -> Seq:
    entries: dict[Any, tuple[Map, Mark]] = {}
    for items in (base, over):
        for item, at in items.marked():
            if isinstance(item, Map):
                entries[key_of(item)] = (item, at)
    found = base.like()
    chosen = (
        sorted(entries.values(), key=lambda entry: str(entry[0].get(order, "")))
        if order
        else entries.values()
    )
    for item, at in chosen:
        found.add(item, at)
    return found
