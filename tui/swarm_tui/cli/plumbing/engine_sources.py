"""Where the engines of a command come from: the person's list, or what `--engines` names in its place (docs/design/engine-commands.md 16.1).

Rules
1. A word of `--engines` is an address, which may have a range; a file, of engines (`.toml`) or of addresses; `swarm`, the nodes that are labelled; or one of
   docker's contexts.
2. An address with `{addr}`, there or in a list, stands for the engines of all nodes of the swarm: of each its address.
3. A command asks once. Who serves follows: files as they are written, nodes as they come and go.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from swarm_core.api.typed_paths import path_of

from swarm_tui.cli.plumbing.session import USAGE, Failure, Globals

if TYPE_CHECKING:
    # Loaded when engines are reached: help and usage errors must not wait for it.
    from swarm_core.engines.discovery import Found, Source
    from swarm_core.engines.opening import Opened
    from swarm_core.engines.records import EngineEntry, EngineKey

SWARM: Final = "swarm"
_ADDRESS: Final = "{addr}"


@dataclass(frozen=True, slots=True)
class Known:
    """The engines that there are, before any is asked."""

    entries: "Sequence[EngineEntry]"
    in_maintenance: "frozenset[EngineKey]"
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """Engines from one place. `read` gives those that are written down; `nodes`: they are the swarm's, by the pattern where there is one."""

    name: str
    read: "Callable[[], Found] | None" = None
    path: Path | None = None
    nodes: "EngineEntry | None" = None


async def known_engines(text: str | None, given: Globals) -> Known:
    """The engines that `--engines` names, or those of the person's list; `given` says which swarm. Raises Failure, LookupError or ValueError."""
    from swarm_core.engines.discovery import Found

    found: list[Found] = []
    for part in _parts(text):
        if part.nodes is not None:
            found.append(await _nodes_now(part.nodes, given))
            continue
        assert part.read is not None
        listed = part.read()
        found.append(replace(listed, entries=tuple(one for one in listed.entries if _ADDRESS not in one.url)))
        for pattern in (one for one in listed.entries if _ADDRESS in one.url):
            found.append(await _nodes_now(pattern, given))
    entries = [entry for one in found for entry in one.entries]
    problems = [problem for one in found for problem in one.problems]
    if not entries:
        _refuse_none(text, problems)
    keys = [entry.key for entry in entries]
    if doubled := sorted({key for key in keys if keys.count(key) > 1}):
        raise Failure(f"{'--engines' if text else 'Your list'} names {doubled[0]} twice.", USAGE)
    return Known(entries, frozenset(key for one in found for key in one.in_maintenance), problems)


def _refuse_none(text: str | None, problems: Sequence[str]) -> None:
    if problems:
        raise Failure(f"{'. '.join(problems)}.")
    if text is None:
        raise Failure(
            "No engines are known. Add one with 'swarm-tui engine add NAME URL', or name them with --engines."
        )
    if SWARM in text or _ADDRESS in text:
        raise Failure(
            "The swarm's nodes name no engine. Label one: "
            "swarm-tui node update --label-add swarmtui.engine=tcp://HOST:2376 NODE."
        )
    raise Failure(f"--engines names no engine: {text!r}.", USAGE)


def sources_of(text: str | None, given: Globals, opened: "Opened") -> "list[Source]":
    """The same for who follows them. Raises Failure, LookupError or ValueError."""
    from swarm_core.engines.discovery import Watched

    found = list[Any]()
    for part in _parts(text):
        if part.nodes is not None:
            found.append(_Nodes(part.nodes, given))
            continue
        assert part.read is not None
        patterns = [one for one in part.read().entries if _ADDRESS in one.url]
        found += [_Nodes(one, given) for one in patterns]
        found.append(Watched(part.name, _without_patterns(part.read), _paths(part), opened.clock))
    return found


def _paths(part: _Part) -> Callable[[], list[Path]]:
    return lambda: [part.path] if part.path is not None else []


def _without_patterns(read: "Callable[[], Found]") -> "Callable[[], Found]":
    def kept() -> "Found":
        found = read()
        return replace(found, entries=tuple(one for one in found.entries if _ADDRESS not in one.url))

    return kept


def _parts(text: str | None) -> list[_Part]:
    from swarm_core.engines.listed import engines_file

    if text is None:
        return [_of_list(engines_file())]
    return [_part(word) for piece in text.split(",") if (word := piece.strip())]


def _part(word: str) -> _Part:
    from swarm_core.engines.addresses import entries_of, read_list
    from swarm_core.engines.discovery import Found
    from swarm_core.engines.docker_contexts import context_named
    from swarm_core.engines.records import EngineEntry

    if word == SWARM:
        return _Part("the swarm's nodes", nodes=EngineEntry(""))
    if "://" in word:
        try:
            entries = tuple(entries_of([word], "--engines"))
        except ValueError as error:
            raise Failure(f"{error}.", USAGE) from None
        if _ADDRESS in word:
            return _Part("the swarm's nodes", nodes=entries[0])
        return _Part(word, lambda: Found(entries))
    if "/" in word or word.endswith(".toml"):
        path = path_of(word)
        if not path.exists():
            raise Failure(f"--engines: {path} does not exist.", USAGE)
        if path.suffix == ".toml":
            return _of_list(path)
        return _Part(str(path), lambda: Found(tuple(read_list(path))), path)
    return _Part(word, lambda: Found((context_named(word),)))


def _of_list(path: Path) -> _Part:
    from swarm_core.engines.discovery import Found
    from swarm_core.engines.listed import read_listed

    def read() -> Found:
        listed = read_listed(path)
        return Found(listed.entries, (), listed.in_maintenance)

    return _Part(str(path), read, path)


async def _nodes_now(pattern: "EngineEntry", given: Globals) -> "Found":
    """The engines of the nodes, asked once. Raises what reaching the cluster raises."""
    from swarm_core.api.proto.objects_pb2 import Node

    cluster = await given.open()
    try:
        return _of_nodes(await cluster.control.find(Node), pattern)
    finally:
        await cluster.close()


def _of_nodes(nodes: Sequence[Any], pattern: "EngineEntry") -> "Found":
    from swarm_core.engines.discovery import Found
    from swarm_core.engines.swarm_nodes import entries_of_nodes

    entries, problems = entries_of_nodes(nodes, pattern if pattern.url else None)
    return Found(tuple(entries), tuple(problems))


class _Nodes:
    """The engines of the swarm's nodes, as these come and go."""

    def __init__(self, pattern: "EngineEntry", given: Globals) -> None:
        self.name = "the swarm's nodes" + (f" at {pattern.url}" if pattern.url else "")
        self._pattern, self._given = pattern, given

    async def lists(self) -> "AsyncIterator[Found]":
        """See `Source`. A cluster that is away changes nothing."""
        from swarm_core.api.proto.objects_pb2 import Node
        from swarm_core.client.watch import Action, Changed, Listed

        cluster = await self._given.open()
        nodes: dict[str, Any] = {}
        try:
            async with aclosing(cluster.watch((Node,)).updates()) as updates:
                async for update in updates:
                    match update:
                        case Listed(objects=objects):
                            nodes = {one.id: one for one in objects}
                        case Changed(changes=changes):
                            for change in changes:
                                if change.action is Action.REMOVED:
                                    nodes.pop(change.object.id, None)
                                else:
                                    nodes[change.object.id] = change.object
                        case _:
                            continue
                    yield _of_nodes(list(nodes.values()), self._pattern)
        finally:
            await cluster.close()
