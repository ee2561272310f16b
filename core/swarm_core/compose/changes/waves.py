"""The order of services: a wave begins when what it depends on is as it asked for (docs/design/stacks.md 12.8)."""

from collections.abc import Mapping, Sequence

from swarm_core.compose.convert.stack import Dependency
from swarm_core.compose.reading.errors import Unsound


def waves(dependencies: Mapping[str, Sequence[Dependency]]) -> tuple[tuple[str, ...], ...]:
    """The services, those without dependencies first; within a wave by name. Raises Unsound for a circle, which it names."""
    left = {name: {one.on for one in wanted} for name, wanted in dependencies.items()}
    found: list[tuple[str, ...]] = []
    while left:
        ready = tuple(sorted(name for name, wanted in left.items() if not wanted & left.keys()))
        if not ready:
            raise _circle(left, dependencies)
        found.append(ready)
        for name in ready:
            del left[name]
    return tuple(found)


def _circle(left: Mapping[str, set[str]], dependencies: Mapping[str, Sequence[Dependency]]) -> Unsound:
    """Everything that is left waits for something that is left: following it comes back to itself."""
    path = [min(left)]
    while path[-1] not in path[:-1]:
        path.append(min(left[path[-1]] & left.keys()))
    circle = path[path.index(path[-1]) :]
    mark = next(one.mark for one in dependencies[circle[0]] if one.on == circle[1])
    return Unsound(f"depends_on goes in a circle: {' → '.join(circle)}", mark)
