"""The order of services (docs/design/stacks.md 12.8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.compose.changes.waves import waves
from swarm_core.compose.convert.stack import Dependency
from swarm_core.compose.reading.errors import Unsound
from swarm_core.compose.reading.values import Mark


def edges(**on: str) -> dict[str, tuple[Dependency, ...]]:
    mark = Mark("f", 1, 1)
    return {
        name: tuple(Dependency(one, "service_started", False, mark) for one in text.split())
        for name, text in on.items()
    }


def test_order() -> None:
    """A service comes after all it depends on, as early as that allows."""
    assert waves(edges(web="api cache", api="db", db="", cache="", job="db")) == (
        ("cache", "db"),
        ("api", "job"),
        ("web",),
    )


@pytest.mark.parametrize(
    ("on", "circle"),
    [
        ({"a": "a"}, "a → a"),
        ({"a": "b", "b": "c", "c": "a", "d": ""}, "a → b → c → a"),
        ({"x": "a", "a": "b", "b": "a"}, "a → b → a"),
    ],
)
def test_a_circle_is_named(on: dict[str, str], circle: str) -> None:
    """Services that wait for one another are named in their order."""
    with pytest.raises(Unsound, match=circle):
        waves(edges(**on))


@given(st.integers(1, 12).flatmap(lambda n: st.lists(st.sets(st.integers(0, n - 1)), min_size=n, max_size=n)))
def test_every_service_once_and_after_what_it_needs(wanted: list[set[int]]) -> None:
    """Whatever the graph, no service comes before what it depends on, and none is lost."""
    graph = edges(
        **{
            f"s{number}": " ".join(f"s{one}" for one in on if one < number)
            for number, on in enumerate(wanted)
        }
    )
    place = {name: number for number, wave in enumerate(waves(graph)) for name in wave}
    assert place.keys() == graph.keys()
    assert all(place[one.on] < place[name] for name, needed in graph.items() for one in needed)
