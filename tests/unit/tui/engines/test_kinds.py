"""Kinds of objects of many engines: words, health, and where each leads."""

from typing import Any

import pytest
from swarm_core.engines.records import EngineState, Trouble
from swarm_testkit.cluster_fake import START_NS, FakeCluster
from swarm_testkit.engine_records import few_engines, make_container, make_engine, make_event
from swarm_tui.clusters import filters
from swarm_tui.engines.mirror import EngineMirror, Listed, Told
from swarm_tui.resources import registry
from swarm_tui.resources.documents import as_dict
from swarm_tui.resources.engines import containers, engines, events, images
from swarm_tui.resources.engines.items import ContainerItem, EngineItem, EventItem
from swarm_tui.resources.model import Health, Link, Realm, ResourceKind
from swarm_tui.resources.refs import ClusterId


def mirror_of(*records: Any) -> EngineMirror:
    mirror = EngineMirror(FakeCluster(), cluster=ClusterId("engines"))
    mirror.take(Listed(records or few_engines()))
    mirror.take(Told(events=[make_event("die", exitCode="1")]))
    return mirror


@pytest.mark.parametrize("kind", registry.kinds(Realm.ENGINES), ids=lambda kind: kind.noun)
def test_every_kind_answers_everything_of_every_object(kind: ResourceKind[Any]) -> None:
    """Rows fit their columns; fields, keys of order, descriptions and documents are there; it leads to a list that knows it."""
    mirror = mirror_of()
    items = list(mirror.objects(kind.message))
    assert items
    lists = {other.plural: other for other in registry.kinds(Realm.ENGINES)}
    for item in items:
        assert len(kind.row(item, mirror, START_NS)) == len(kind.columns)
        for key in kind.sort_keys.values():
            key(item, mirror, START_NS)
        for field in kind.fields.values():
            field(item, mirror, START_NS)
        assert kind.describe(item, mirror, START_NS)
        assert isinstance(as_dict(item), dict)
        link = kind.drill_in(item, mirror)
        assert link == Link("text", kind.noun, item.id, "describe") or link.kind in lists[link.view].owners
    assert set(kind.sort_keys) <= {column.id for column in kind.columns}


def test_words_of_another_realm_are_free() -> None:
    """`volumes` is another kind in each realm, and a noun is one kind over all."""
    here = registry.by_word("volumes", Realm.ENGINES)
    there = registry.by_word("volumes")
    assert here is not None and there is not None
    assert (here.noun, there.noun) == ("engine-volume", "volume")
    assert registry.by_noun("engine-volume") is here
    assert registry.by_word("containers") is None


@pytest.mark.parametrize(
    ("more", "word", "look"),
    [
        ({}, "healthy", Health.OK),
        ({"in_maintenance": True}, "maintenance", Health.OK),
        ({"state": EngineState.PENDING}, "pending", Health.MOTION),
        ({"state": EngineState.PENDING, "trouble": Trouble.VERSION}, "incompatible", Health.FAILED),
        ({"state": EngineState.UNHEALTHY, "trouble": Trouble.AWAY}, "unhealthy", Health.FAILED),
        ({"state": EngineState.DUPLICATE, "trouble": Trouble.DUPLICATE}, "duplicate", Health.FAILED),
        ({"trouble": Trouble.CLOCK, "skew_s": 3600.0}, "skewed", Health.WARNING),
        ({"state": EngineState.SLOW}, "slow", Health.WARNING),
    ],
)
def test_an_engine_has_one_plain_word(more: dict[str, Any], word: str, look: Health) -> None:
    """What is wrong is a word that needs no explanation, and what needs a person is a problem."""
    mirror = mirror_of(make_engine("n1", **more))
    item = mirror.get(EngineItem, "n1")
    assert item is not None
    assert item.record.word == word
    assert engines.health(item, mirror, 0) is look
    assert bool(engines.problems(item, mirror, START_NS)) == (look in (Health.WARNING, Health.FAILED))


@pytest.mark.parametrize(
    ("more", "word", "look", "is_problem"),
    [
        ({}, "running", Health.OK, False),
        ({"health": "starting"}, "starting", Health.MOTION, False),
        ({"health": "unhealthy"}, "unhealthy", Health.FAILED, True),
        ({"state": "restarting"}, "restarting", Health.WARNING, True),
        ({"state": "exited", "exit_code": 0}, "exited", Health.DONE, False),
        ({"state": "exited", "exit_code": 137}, "exited 137", Health.DONE, False),
        ({"state": "exited", "exit_code": 1}, "exited 1", Health.FAILED, False),
        ({"state": "dead"}, "dead", Health.FAILED, True),
        ({"state": "frozen"}, "frozen", Health.IDLE, False),
    ],
)
def test_a_container_fares_as_its_state_and_health_say(
    more: dict[str, Any], word: str, look: Health, is_problem: bool
) -> None:
    """What ended is history: it stands in the cut to problems and is none of the board's."""
    mirror = mirror_of(make_engine("n1"), make_container(**more))
    item = mirror.get(ContainerItem, "n1/c-web")
    assert item is not None
    assert containers.word(item.record) == word
    assert containers.health(item, mirror, 0) is look
    assert bool(containers.problems(item, mirror, START_NS)) is is_problem


def test_what_an_engine_has_that_is_away_is_no_problem_of_its_own() -> None:
    """The engine's is told, once."""
    lost = make_engine("n1", state=EngineState.UNHEALTHY, trouble=Trouble.AWAY)
    mirror = mirror_of(lost, make_container(health="unhealthy"))
    item = mirror.get(ContainerItem, "n1/c-web")
    assert item is not None
    assert containers.health(item, mirror, 0) is Health.STALE
    assert not containers.problems(item, mirror, START_NS)


def test_containers_are_filtered_by_engine_state_and_age() -> None:
    """The filter line of every list."""
    mirror = mirror_of()
    kind = containers.KIND

    def found(text: str) -> set[str]:
        parsed = filters.parse(text, kind.fields)
        return {
            item.id
            for item in mirror.objects(ContainerItem)
            if parsed.matches(filters.reader(kind, item, mirror, START_NS))
        }

    assert found("web state:running engine:n2 age<2h") == {"n2/c-web-2"}
    assert found("web state:unhealthy age<5m") == set()
    assert found("state:down") == {"n3/c-cache"}
    assert found("port:8080") == {"n1/c-web"}
    assert found("stack:shop -l com.docker.compose.project=shop") == {"n1/c-web", "n1/c-db"}


def test_images_say_whether_somebody_needs_them() -> None:
    """Used, unused, or unused and nameless."""
    mirror = mirror_of()
    states = {item.id: images.state(item, mirror) for item in mirror.objects(images.KIND.message)}
    assert states == {"n1/sha256:i1": "used", "n1/sha256:i2": "unused", "n2/sha256:i3": "dangling"}


def test_a_death_tells_its_code() -> None:
    """Bad news is set off."""
    mirror = mirror_of()
    (item,) = mirror.objects(EventItem)
    assert events.text(item.record) == "die (1)"
    assert events.health(item, mirror, 0) is Health.FAILED
