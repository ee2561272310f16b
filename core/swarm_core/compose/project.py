"""One project from several files: read, put variables in, check, write out, include, extend, merge (docs/design/stacks.md 12.1, 12.4).

A project is what `stack config` prints: one document in normal form. What it refers to is read through the `World` of the caller.
"""

import posixpath
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from swarm_core.compose.forms import merge, scalars
from swarm_core.compose.forms.environment import World
from swarm_core.compose.forms.mounts import Places
from swarm_core.compose.forms.normal import forbid, normal, note_keys
from swarm_core.compose.reading import env_file, reader
from swarm_core.compose.reading.errors import ComposeError, Unreadable, Unsound
from swarm_core.compose.reading.interpolate import interpolate
from swarm_core.compose.reading.notes import Notes
from swarm_core.compose.reading.values import NOWHERE, Map, Reset, Seq, plain
from swarm_core.compose.shape.check import check
from swarm_core.compose.shape.files import FILE, version_of
from swarm_core.specs.checks import check_image
from swarm_core.specs.errors import InvalidSpec

SECTIONS: Final = ("services", "networks", "volumes", "secrets", "configs")
_INCLUDES_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was named: its name for messages, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Project:
    """One document in normal form."""

    document: Map
    notes: Notes
    name: str = ""
    """What the files call it; empty where they do not."""

    def section(self, key: str) -> Map:
        """One of the sections; empty where the files have none."""
        found = self.document.get(key)
        return found if isinstance(found, Map) else Map(self.document.mark)

    @property
    def plain(self) -> dict[str, Any]:
        """The document without places."""
        found: dict[str, Any] = plain(self.document)
        return found


@dataclass(frozen=True, slots=True)
class Options:
    folder: str
    """Where relative paths begin."""
    variables: Mapping[str, str]
    read: Callable[[str], bytes]
    """The content of a file that is referred to. Raises OSError."""
    profiles: Collection[str] = ()
    is_interpolated: bool = True


def load(sources: Sequence[Source], options: Options) -> Project:
    """The files as one project. Raises ComposeError."""
    if not sources:
        raise Unreadable("specify a Compose file (with --compose-file)")
    notes = Notes()
    world = World(Places(options.folder, options.variables), options.read, notes)
    loader = _Loader(options, world)
    documents = [loader.document(source) for source in sources]
    whole = documents[0]
    for number, document in enumerate(documents[1:], 1):
        _agree(documents[0], document, sources[number].name)
        whole = merge.merged(whole, document, notes)
    whole = merge.without_resets(whole)
    whole = _active(whole, options.profiles, notes)
    _check_images(whole)
    name = whole.get("name")
    return Project(whole, notes, name if isinstance(name, str) else "")


def _agree(first: Map, other: Map, name: str) -> None:
    versions = version_of(first), version_of(other)
    if versions[0] != versions[1]:
        told = f"version mismatched between two composefiles : 3.{versions[0]} and 3.{versions[1]}"
        raise Unsound(f"{name}: {told}")


def _active(document: Map, profiles: Collection[str], notes: Notes) -> Map:
    """The document without services of profiles that were not asked for."""
    services = document.get("services")
    if not isinstance(services, Map):
        return document
    kept = services.like()
    for name, service in services.items():
        wanted = service.get("profiles") or ()
        if not wanted or "*" in profiles or set(wanted) & set(profiles):
            kept[name] = service
    if len(kept) == len(services):
        return document
    found = document.like()
    found.update(document)
    found["services"] = kept
    return found


def _check_images(document: Map) -> None:
    services = document.get("services")
    for name, service in services.items() if isinstance(services, Map) else ():
        if "x-process" in service:
            continue
        image = service.get("image") or ""
        at = service.at("image")
        if not image:
            raise Unsound(f"invalid image reference for service {name}: no image specified", at)
        try:
            check_image(image)
        except InvalidSpec as error:
            raise Unsound(f"invalid image reference for service {name}: {error}", at) from None


@dataclass(slots=True)
class _Loader:
    """Files and what they include and extend. A file that is read twice is read once."""

    options: Options
    world: World
    _open: list[str] = field(default_factory=list)
    _held: dict[str, Map] = field(default_factory=dict)

    def document(self, source: Source) -> Map:
        """A file in normal form, with what it includes and extends."""
        notes = self.world.notes
        document = reader.read(source.data, source.name, notes)
        minor = version_of(document)
        forbid(document)
        if self.options.is_interpolated:
            document = interpolate(document, self.world.variables, notes)
        check(document, FILE, minor, notes)
        note_keys(document, notes)
        found = normal(document, self.world, minor)
        services = found.get("services")
        if isinstance(services, Map):
            found["services"] = self._extended(services)
        return self._with_includes(found)

    def _extended(self, services: Map) -> Map:
        found = services.like()
        for name, service in services.items():
            found[name] = service if isinstance(service, Reset) else self._extend(name, services, ())
        return found

    def _extend(self, name: str, services: Map, chain: tuple[str, ...]) -> Map:
        service: Map = services[name]
        wanted = service.get("extends")
        if wanted is None or isinstance(wanted, Reset):
            return service
        at = service.at("extends")
        step = f"{service.mark.file}:{name}"
        if step in chain:
            raise Unsound(f"extends goes in a circle: {' → '.join([*chain, step])}", at)
        base_name = wanted if isinstance(wanted, str) else wanted["service"]
        file = "" if isinstance(wanted, str) else wanted.get("file") or ""
        others = self._services_of(file, at) if file else services
        if not isinstance(others.get(base_name), Map):
            raise Unsound(
                f"service {name} extends {base_name}, which {file or 'this file'} does not have", at
            )
        base = self._extend(base_name, others, (*chain, step))
        own = service.like()
        own.update({key: value for key, value in service.items() if key != "extends"})
        return merge.merged_service(base, own, self.world.notes)

    def _services_of(self, file: str, at: Any) -> Map:
        """The services of another file, which are not extended themselves yet."""
        path = self.world.places.absolute(file)
        if path not in self._held:
            data = self._bytes(path, at)
            inner = _Loader(
                replace(self.options, folder=posixpath.dirname(path)), self._world_in(posixpath.dirname(path))
            )
            notes = self.world.notes
            document = reader.read(data, path, notes)
            minor = version_of(document)
            forbid(document)
            document = interpolate(document, self.world.variables, notes)
            check(document, FILE, minor, notes)
            self._held[path] = normal(document, inner.world, minor)
        services = self._held[path].get("services")
        return services if isinstance(services, Map) else Map(NOWHERE)

    def _bytes(self, path: str, at: Any) -> bytes:
        try:
            return self.world.read(path)
        except OSError as error:
            raise Unreadable(f"{path} cannot be read: {error.strerror or error}", at) from None

    def _world_in(self, folder: str, variables: Mapping[str, str] | None = None) -> World:
        given = self.world.variables if variables is None else variables
        return World(Places(folder, given), self.world.read, self.world.notes)

    def _with_includes(self, document: Map) -> Map:
        includes = document.get("include")
        if not isinstance(includes, Seq):
            return document
        whole = document.like()
        whole.update({key: value for key, value in document.items() if key != "include"})
        for entry, at in includes.marked():
            given = entry if isinstance(entry, Map) else {"path": entry}
            whole = self._with(whole, self._included(given, at), at)
        return whole

    def _included(self, given: Mapping[str, Any], at: Any) -> Map:
        """The files of one entry of `include` as one document, their paths relative to the first one's folder."""
        paths = [self.world.places.absolute(path) for path in scalars.texts(given["path"], at)]
        if set(paths) & set(self._open) or len(self._open) >= _INCLUDES_MAX:
            raise Unsound(f"include goes in a circle: {' → '.join([*self._open, *paths])}", at)
        folder = posixpath.dirname(paths[0])
        if given.get("project_directory"):
            folder = self.world.places.absolute(given["project_directory"])
        variables = dict(self.world.variables)
        for path in scalars.texts(given.get("env_file") or Seq(at), at):
            whole = self.world.places.absolute(path)
            read = env_file.parse(self._bytes(whole, at), whole, self.world.variables, is_dotenv=True)
            variables = {**read, **variables}
        inner = _Loader(self.options, self._world_in(folder, variables), [*self._open, *paths], self._held)
        documents = [inner.document(Source(path, self._bytes(path, at))) for path in paths]
        found = documents[0]
        for document in documents[1:]:
            found = merge.merged(found, document, self.world.notes)
        return found

    def _with(self, document: Map, included: Map, at: Any) -> Map:
        """The document with what it includes, which may not be defined twice."""
        found = document.like()
        found.update(document)
        for key in SECTIONS:
            there = included.get(key)
            if not isinstance(there, Map):
                continue
            here = found.get(key)
            section = here.like() if isinstance(here, Map) else Map(at)
            section.update(here if isinstance(here, Map) else {})
            for name, definition in there.items():
                if name in section and plain(section[name]) != plain(definition):
                    raise ComposeError(
                        f"{key}.{name} is defined here and in {definition.mark.file}, which is included", at
                    )
                section.put(name, definition, there.at(name))
            found[key] = section
        return found
