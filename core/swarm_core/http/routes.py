"""Which handler answers a path (docs/design/engine-api.md E3, E4).

Rules
1. Routes are tried in the order in which they were added; the first that fits in method and path answers.
2. A parameter fits one part of a path; `{name:.*}` fits slashes too.
3. A path with empty parts, `.` or `..` is not matched: its clean form is where the client is sent.
"""

import posixpath
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from aiohttp import web

from swarm_core.http.exchange import Exchange

Handler = Callable[[Exchange], Awaitable[web.StreamResponse]]
_PARAMETER = re.compile(r"\{(\w+)(:\.\*)?\}")
_VERSIONED = re.compile(r"/v([0-9.]+)(/.*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Route:
    """`pattern` is a path such as `/services/{id}/update`; `method` is `*` for any."""

    method: str
    pattern: str
    handler: Handler
    _matcher: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_matcher", _compiled(self.pattern))

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The route's parameters, unescaped, or None when it is another path or method."""
        if self.method not in ("*", method):
            return None
        found = self._matcher.fullmatch(path)
        return None if found is None else {name: unquote(text) for name, text in found.groupdict().items()}


class Routes:
    """Routes in the order of their registration."""

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._routes: list[Route] = []
        # What is found for a path that is a pattern without parameters: most requests ask for such a one.
        self._known: dict[tuple[str, str], tuple[Route, dict[str, str]]] = {}
        self.add(routes)

    def add(self, routes: Iterable[Route]) -> None:
        """Let `routes` be tried after all that are there."""
        for route in routes:
            self._routes.append(route)
            if (found := self._tried(route.method, route.pattern)) is not None and not found[1]:
                self._known.setdefault((route.method, route.pattern), found)

    def __iter__(self) -> Iterator[Route]:
        """In the order in which they are tried."""
        return iter(self._routes)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The first route that fits, and its parameters."""
        return self._known.get((method, path)) or self._tried(method, path)

    def _tried(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        for route in self._routes:
            parameters = route.match(method, path)
            if parameters is not None:
                return route, parameters
        return None


def split_version(path: str) -> tuple[str, str]:
    """The version that `path` begins with, or nothing, and the rest."""
    found = _VERSIONED.fullmatch(path)
    return (found[1], found[2]) if found is not None else ("", path)


def clean_path(path: str) -> str:
    """`path` without empty parts, `.` and `..`; a slash at its end stays."""
    if path.startswith("/") and "//" not in path and "/." not in path:
        return path
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean if clean == "/" or not path.endswith("/") else clean + "/"


def _compiled(pattern: str) -> re.Pattern[str]:
    parts, position = [], 0
    for found in _PARAMETER.finditer(pattern):
        parts.append(re.escape(pattern[position : found.start()]))
        parts.append(f"(?P<{found[1]}>{'.*' if found[2] else '[^/]+'})")
        position = found.end()
    parts.append(re.escape(pattern[position:]))
    return re.compile("".join(parts), re.DOTALL)
