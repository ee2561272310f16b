"""The environment of a service: its files, then its own entries, and the caller's value where one was left open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from swarm_core.compose.forms import scalars
from swarm_core.compose.forms.mounts import Places
from swarm_core.compose.reading import env_file
from swarm_core.compose.reading.errors import Unreadable, WrongShape
from swarm_core.compose.reading.notes import Notes
from swarm_core.compose.reading.values import Map, Mark, Reset

Read = Callable[[str], bytes]
"""The content of the file of that path. Raises OSError."""


@dataclass(frozen=True, slots=True)
class World:
    """What a file can refer to outside of itself."""

    places: Places
    read: Read
    notes: Notes

    @property
    def variables(self) -> Mapping[str, str]:
        """The caller's environment."""
        return self.places.variables


def environment(service: Map, world: World) -> Map:
    """All variables of a service; null is a name without a value. Raises ComposeError."""
    found = Map(service.at("environment"))
    for path, options, at in _files(service.get("env_file"), service.at("env_file")):
        for name, value in _read(path, options, at, world).items():
            found.put(name, value, at)
    own = service.get("environment")
    if isinstance(own, Reset):
        return found
    if own is not None:
        entries = scalars.pairs(own, world.notes, is_null_kept=True)
        found.is_override = entries.is_override
        for name, value in entries.items():
            found.put(name, value, entries.at(name))
    for name, value in found.items():
        if (value is None or value == "") and name in world.variables:
            found[name] = world.variables[name]
    return found


def _files(given: Any, mark: Mark) -> list[tuple[str, Mapping[str, Any], Mark]]:
    if given is None or isinstance(given, Reset):
        return []
    found: list[tuple[str, Mapping[str, Any], Mark]] = []
    for item, at in scalars.texts(given, mark).marked():
        if isinstance(item, Map):
            if "path" not in item:
                raise WrongShape("an env_file needs a path", at)
            found.append((item["path"], item, at))
        else:
            found.append((item, {}, at))
    return found


def _read(path: str, options: Mapping[str, Any], at: Mark, world: World) -> dict[str, str]:
    whole = world.places.absolute(path)
    form = options.get("format", "raw")
    if form not in ("raw", "dotenv"):
        raise WrongShape(f"the format of an env_file is raw or dotenv, not {form}", at)
    try:
        data = world.read(whole)
    except FileNotFoundError:
        if options.get("required", True):
            raise Unreadable(f"open {whole}: no such file or directory", at) from None
        return {}
    except OSError as error:
        raise Unreadable(f"{whole} cannot be read: {error.strerror}", at) from None
    return env_file.parse(data, whole, world.variables, is_dotenv=form == "dotenv")
