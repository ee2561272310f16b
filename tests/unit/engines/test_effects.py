"""What an event says of the records, and when the engine is asked for the rest (docs/design/engines.md N5)."""

import pytest
from swarm_core.engines.dirty import APART_S, GATHER_S, IDS_MAX, Dirty
from swarm_core.engines.effects import Effects, Need, effects_of
from swarm_core.engines.records import Container, EngineKey, Event, Kind, Port

ONE = EngineKey("one")
SOON, LATER = Effects("a", Need.SOON), Effects("a", Need.LATER)


def container(state: str = "running", status: str = "Up 3 hours (healthy)") -> Container:
    return Container(
        ONE,
        "a",
        "web",
        "busybox",
        "sha256:1",
        "sh",
        1.0,
        state,
        status,
        health="healthy",
        ports=(Port(80, "tcp", 8080),),
    )


def event(action: str, type_: str = "container", **attributes: str) -> Event:
    return Event(ONE, type_, action, "a", attributes, 1)


@pytest.mark.parametrize(
    ("told", "need", "state", "status", "health"),
    [
        (event("start"), Need.LATER, "running", "Up Less than a second", ""),
        (event("die", exitCode="137"), Need.LATER, "exited", "Exited (137) Less than a second ago", ""),
        (event("die", exitCode="odd"), Need.LATER, "exited", "Exited (0) Less than a second ago", ""),
        (event("pause"), Need.NOTHING, "paused", "Up 3 hours (Paused)", "healthy"),
        (event("unpause"), Need.LATER, "running", "Up 3 hours", "healthy"),
        (event("health_status: unhealthy"), Need.NOTHING, "running", "Up 3 hours (unhealthy)", "unhealthy"),
        (
            event("health_status: starting"),
            Need.NOTHING,
            "running",
            "Up 3 hours (health: starting)",
            "starting",
        ),
        (event("kill"), Need.NOTHING, "running", "Up 3 hours (healthy)", "healthy"),
        (event("oom"), Need.NOTHING, "running", "Up 3 hours (healthy)", "healthy"),
        (event("update"), Need.LATER, "running", "Up 3 hours (healthy)", "healthy"),
        (event("exec_create: sh"), Need.NOTHING, "running", "Up 3 hours (healthy)", "healthy"),
        (event("top"), Need.NOTHING, "running", "Up 3 hours (healthy)", "healthy"),
        (event("of tomorrow"), Need.LATER, "running", "Up 3 hours (healthy)", "healthy"),
    ],
)
def test_a_known_container(told: Event, need: Need, state: str, status: str, health: str) -> None:
    """Its record changes as far as the event tells, and the rest is asked for later (N5.1)."""
    effects, after = effects_of(told, container())
    assert after is not None
    assert (effects.need, after.state, after.status, after.health) == (need, state, status, health)
    assert after.ports == (() if state == "exited" else container().ports)


def test_rename() -> None:
    """A new name is taken from the event; an event without one changes nothing (N5.1)."""
    assert effects_of(event("rename", name="/newer", oldName="/web"), container())[1] == Container(
        **{**{field: getattr(container(), field) for field in Container.__slots__}, "name": "newer"}
    )
    assert effects_of(event("rename"), container())[1] == container()


def test_what_is_not_known() -> None:
    """An unknown container is asked for soon, one that is destroyed is gone either way (N5.2)."""
    assert effects_of(event("create"), None) == (SOON, None)
    assert effects_of(event("start"), None) == (SOON, None)
    assert effects_of(event("exec_start: sh"), None) == (Effects(), None)
    assert effects_of(event("destroy"), container()) == (Effects("a", is_gone=True), None)
    assert effects_of(event("destroy"), None) == (Effects("a", is_gone=True), None)


@pytest.mark.parametrize(
    ("told", "effects"),
    [
        (event("pull", "image"), Effects(lists=(Kind.IMAGE,))),
        (event("create", "volume"), Effects(lists=(Kind.VOLUME,))),
        (event("mount", "volume"), Effects()),
        (event("destroy", "network"), Effects(lists=(Kind.NETWORK,))),
        (event("connect", "network", container="c"), Effects("c", Need.LATER)),
        (event("reload", "daemon"), Effects(asks_specs=True)),
        (event("enable", "plugin"), Effects()),
    ],
)
def test_other_kinds(told: Event, effects: Effects) -> None:
    """Images, volumes and networks are listed anew where their number may be another one (N5.3)."""
    assert effects_of(told, None) == (effects, None)


def test_commit_makes_an_image() -> None:
    """The container stays as it is, the images are listed (N5.3)."""
    assert effects_of(event("commit"), container()) == (Effects("a", lists=(Kind.IMAGE,)), container())


def test_what_is_new_is_asked_for_soon_and_not_often() -> None:
    """The first mark waits for others a moment; the next list comes a second later at the earliest (N5.2)."""
    dirty = Dirty()
    assert dirty.mark(SOON, 10.0, 3.0)
    assert dirty.due_s == 10.0 + GATHER_S
    assert not dirty.mark(Effects("b", Need.SOON), 10.01, 3.0)
    assert dirty.take(10.02).containers == {"a", "b"}
    assert dirty.due_s is None
    assert dirty.mark(SOON, 10.03, 3.0)
    assert dirty.due_s == 10.02 + APART_S


def test_details_wait_and_go_along() -> None:
    """Details of known containers have patience; something that is due earlier takes them along (N5.2)."""
    dirty = Dirty()
    assert dirty.mark(LATER, 10.0, 3.0)
    assert dirty.due_s == 13.0
    assert not dirty.mark(LATER, 11.0, 3.0)
    assert dirty.mark(Effects(lists=(Kind.IMAGE,)), 11.0, 3.0)
    assert dirty.due_s == 11.0 + GATHER_S
    taken = dirty.take(11.1)
    assert (taken.containers, taken.lists) == ({"a"}, {Kind.IMAGE})
    assert not dirty.mark(Effects(), 12.0, 3.0)
    assert dirty.due_s is None


def test_what_was_not_answered_is_asked_again() -> None:
    """Nothing that was marked is forgotten (N5.2)."""
    dirty = Dirty()
    dirty.mark(SOON, 10.0, 3.0)
    dirty.mark(Effects(asks_specs=True, lists=(Kind.VOLUME,)), 10.0, 3.0)
    taken = dirty.take(10.02)
    dirty.mark(Effects("b", Need.LATER), 10.1, 3.0)
    dirty.mark_again(taken, 10.5)
    assert dirty.due_s == 10.5 + APART_S
    again = dirty.take(11.5)
    assert (again.containers, again.lists, again.specs) == ({"a", "b"}, {Kind.VOLUME}, True)


def test_many_marks_are_one_whole_list() -> None:
    """More containers than a question takes are asked for as the list of all (N5.2)."""
    dirty = Dirty()
    for number in range(IDS_MAX + 1):
        dirty.mark(Effects(str(number), Need.SOON), 10.0, 3.0)
    assert Kind.CONTAINER in dirty.take(11.0).lists
    dirty.mark_everything(12.0)
    assert dirty.take(13.0).lists == set(Kind) - {Kind.ENGINE}
