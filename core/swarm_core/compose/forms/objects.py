"""Networks, volumes, secrets and configs of a file in their normal form."""

from collections.abc import Callable
from typing import Any

from swarm_core.compose.forms import scalars
from swarm_core.compose.forms.environment import World
from swarm_core.compose.reading.errors import WrongShape
from swarm_core.compose.reading.values import Map, Reset

_PAIRS = ("labels", "driver_opts")


def network(name: str, given: Map, world: World, minor: int) -> Map:
    """A network. Raises WrongShape."""
    return _external("network", name, _with_pairs(given, world), world, minor >= 5)


def volume(name: str, given: Map, world: World, minor: int) -> Map:
    """A volume. Raises WrongShape."""
    found = _with_pairs(given, world)
    if found.get("external"):
        for key in ("driver", "driver_opts", "labels"):
            if found.get(key):
                told = f'conflicting parameters "external" and "{key}" specified for volume "{name}"'
                raise WrongShape(told, found.at(key))
    return _external("volume", name, found, world, minor >= 4)


def secret(name: str, given: Map, world: World, minor: int) -> Map:
    """A secret; its file's path becomes absolute. Raises WrongShape."""
    return _payload("secret", name, given, world, minor)


def config(name: str, given: Map, world: World, minor: int) -> Map:
    """A config; its file's path becomes absolute. Raises WrongShape."""
    return _payload("config", name, given, world, minor)


def _payload(noun: str, name: str, given: Map, world: World, minor: int) -> Map:
    found = _external(noun, name, _with_pairs(given, world), world, minor >= 5)
    if found.get("external"):
        return found
    sources = [
        key for key in ("file", "driver", "content", "environment") if found.get(key) not in (None, "")
    ]
    if len(sources) > 1:
        one, other = sources[:2]
        told = f"{noun} {name}: {noun}.{other} and {noun}.{one} conflict; only use {noun}.{other}"
        raise WrongShape(told, found.at(one))
    if "file" in found and isinstance(found["file"], str):
        found["file"] = world.places.absolute(found["file"])
    return found


def _with_pairs(given: Map, world: World) -> Map:
    found = given.like()
    for key, value in given.items():
        is_pairs = key in _PAIRS and value is not None and not isinstance(value, Reset)
        found[key] = scalars.pairs(value, world.notes) if is_pairs else value
    return found


def _external(noun: str, name: str, found: Map, world: World, is_old_form: bool) -> Map:
    """`external` as true, with the name that the object has."""
    external = found.get("external")
    if isinstance(external, Map):
        inner = external.get("name")
        if inner and found.get("name"):
            told = f"{noun} {name}: {noun}.external.name and {noun}.name conflict; only use {noun}.name"
            raise WrongShape(told, external.at("name"))
        if inner and is_old_form:
            world.notes.warning(
                f"{noun} {name}: {noun}.external.name is deprecated in favor of {noun}.name",
                external.at("name"),
            )
        found["external"] = True
        if inner:
            found.put("name", inner, external.at("name"))
    if found.get("external") is True and not found.get("name"):
        found.put("name", name, found.mark)
    return found


Form = Callable[[str, Map, World, int], Map]
FORMS: dict[str, Form] = {"networks": network, "volumes": volume, "secrets": secret, "configs": config}


def normal(kind: str, section: Any, world: World, minor: int) -> Map:
    """One of the sections; a definition that is empty is an empty mapping."""
    found: Map = section.like()
    for name, given in section.items():
        if isinstance(given, Reset):
            found[name] = given
            continue
        definition = given if given is not None else Map(section.at(name))
        found[name] = FORMS[kind](name, definition, world, minor)
    return found
