"""The volumes of a service in their short form `[source:]target[:options]`, and where a bind mount's source is
(docs/design/stacks.md 12.5)."""

import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from swarm_core.compose.reading.errors import WrongShape
from swarm_core.compose.reading.notes import Notes
from swarm_core.compose.reading.values import Map, Mark, Reset, Seq

_PROPAGATIONS: Final = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
_WINDOWS: Final = re.compile(r"[A-Za-z]:[\\/]|\\\\")


@dataclass(frozen=True, slots=True)
class Places:
    """Where relative paths begin, and the home directory."""

    folder: str
    variables: Mapping[str, str]

    def absolute(self, path: str) -> str:
        """The path, absolute; `~` is the home directory. Paths of Windows stay."""
        if path.startswith("~") and "HOME" in self.variables:
            path = self.variables["HOME"] + path[1:]
        if path.startswith("/") or _WINDOWS.match(path):
            return path
        return posixpath.normpath(posixpath.join(self.folder, path))


def mounts(value: Seq, places: Places, declared: Collection[str], notes: Notes) -> Seq:
    """All entries in their long form. Raises WrongShape."""
    found = value.like()
    for item, at in value.marked():
        if isinstance(item, Reset):
            found.add(item, at)
            continue
        entry = item if isinstance(item, Map) else _short(item, declared, notes, at)
        found.add(_placed(entry, places), at)
    return found


def _placed(entry: Map, places: Places) -> Map:
    if entry.get("type") != "bind":
        return entry
    if not entry.get("source"):
        raise WrongShape('invalid mount config for type "bind": field Source must not be empty', entry.mark)
    placed = entry.like()
    placed.update(entry)
    placed["source"] = places.absolute(entry["source"])
    return placed


def _short(text: str, declared: Collection[str], notes: Notes, mark: Mark) -> Map:
    if not text:
        raise WrongShape("invalid empty volume spec", mark)
    sections = [text] if len(text) <= 2 else _sections(text, declared, notes, mark)
    if not all(sections):
        raise WrongShape(f"invalid spec: {text}: empty section between colons", mark)
    if len(sections) > 3:
        raise WrongShape(f"invalid spec: {text}: too many colons", mark)
    entry = Map(mark)
    source = sections[0] if len(sections) > 1 else ""
    entry.put("type", "bind" if _is_path(source) else "volume")
    if source:
        entry.put("source", source)
    entry.put("target", sections[1] if source else sections[0])
    for option in sections[2].split(",") if len(sections) == 3 else ():
        _option(entry, option, text, notes, mark)
    return entry


def _option(entry: Map, option: str, text: str, notes: Notes, mark: Mark) -> None:
    if option == "ro":
        entry.put("read_only", True)
    elif option == "rw":
        entry.pop("read_only", None)
    elif option == "nocopy":
        options = Map(mark)
        options.put("nocopy", True)
        entry.put("volume", options)
    elif option in _PROPAGATIONS:
        options = Map(mark)
        options.put("propagation", option)
        entry.put("bind", options)
    else:
        notes.ignored(f"the option {option!r} of {text} means nothing to a swarm", mark)


def _sections(text: str, declared: Collection[str], notes: Notes, mark: Mark) -> list[str]:
    """What stands between the colons. A letter before a colon is a drive of Windows, unless a volume is called so."""
    sections = [""]
    for letter in text:
        if letter != ":":
            sections[-1] += letter
        elif len(sections[-1]) == 1 and sections[-1].isalpha():
            if len(sections) == 1 and sections[-1] in declared:
                notes.different(f"docker takes {sections[-1]}: in {text} for a drive of Windows", mark)
                sections.append("")
            else:
                sections[-1] += letter
        else:
            sections.append("")
    return sections


def _is_path(source: str) -> bool:
    return source.startswith((".", "/", "~", "\\\\")) or (source[:1].isalpha() and source[1:2] == ":")
