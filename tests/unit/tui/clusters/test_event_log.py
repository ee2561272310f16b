"""Events: what is told, once, and how much of it is kept."""

from swarm_core.api.names import STACK_LABEL
from swarm_core.client.watch import Action, Change, Changed, Listed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_node, make_service, make_task
from swarm_tui.clusters.event_log import SAME_NS
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import events, registry
from swarm_tui.resources.events import EVENTS_MAX, Event


def mirror_with(*items) -> Mirror:
    mirror = Mirror(FakeCluster())
    mirror.apply(Listed(tuple(items), 1))
    mirror.flush()
    return mirror


def change(mirror: Mirror, *items, action: Action = Action.UPDATED) -> None:
    mirror.apply(Changed(tuple(Change(action, item) for item in items), mirror.version + 1))
    mirror.flush()


def failed(id_: str, err: str, slot: int = 1):
    return make_task(id_, service_id="s1", slot=slot, state="FAILED", err=err)


def test_what_is_there_at_first_is_no_news() -> None:
    """Only what changes afterwards is told, and what was not seen to change is told after a gap."""
    service = make_service("s1", name="web", replicas=2)
    mirror = mirror_with(service, failed("t0", "exit 1"))
    assert not mirror.events
    scaled = make_service("s1", name="web", replicas=3)
    mirror.apply(Listed((scaled,), 2))
    mirror.flush()
    assert [(one.name, one.text) for one in mirror.events] == [("web", "scaled 2 → 3")]


def test_a_node_that_joins_is_told_by_its_name() -> None:
    """It is there before it says how it is called; what was told of it before is told by its name as soon as that is known."""
    mirror = mirror_with(make_service("s1", name="web"))
    joining = make_node("n1", state="UNKNOWN")
    joining.ClearField("description")
    change(mirror, joining, action=Action.CREATED)
    assert [(one.name, one.text) for one in mirror.events] == [("n1", "joined")]
    change(mirror, make_node("n1", hostname="edge"))
    assert [(one.name, one.text) for one in mirror.events] == [("edge", "joined"), ("edge", "ready")]


def test_failures_with_one_cause_are_one_event() -> None:
    """Within a minute they are counted; another cause, and a later one, are events of their own."""
    mirror = mirror_with(make_service("s1", name="web"))
    change(mirror, failed("t1", "exit 1"), failed("t2", "exit 1"), action=Action.CREATED)
    change(mirror, failed("t3", "exit 1"), failed("t4", "no such image"), action=Action.CREATED)
    assert [(one.count, one.text) for one in mirror.events] == [
        (3, "task failed: exit 1"),
        (1, "task failed: no such image"),
    ]
    change(mirror, failed("t3", "exit 1"))
    assert next(iter(mirror.events)).count == 3
    mirror._clock.now_ns += SAME_NS
    change(mirror, failed("t5", "exit 1"), action=Action.CREATED)
    assert [one.count for one in mirror.events] == [3, 1, 1]
    assert all(one.is_failure and one.ref.id == "s1" for one in mirror.events)


def test_a_stack_has_the_events_of_its_objects() -> None:
    """What happens to its services and networks, and that their tasks fail; of other stacks' objects nothing."""
    labels = {STACK_LABEL: "shop"}
    mirror = mirror_with(
        make_service("s1", name="shop_web", labels=labels, replicas=1),
        make_service("s2", name="web", replicas=1),
    )
    change(mirror, failed("t1", "exit 1"), action=Action.CREATED)
    scaled = make_service("s1", name="shop_web", labels=labels, replicas=2)
    change(mirror, scaled, make_service("s2", name="web", replicas=3))
    change(mirror, scaled, action=Action.REMOVED)
    mine = [one.text for one in mirror.events if events.KIND.belongs_to(one, "stack", "shop")]
    assert mine[:2] == ["task failed: exit 1", "scaled 1 → 2"]
    assert len(mine) == 3
    assert not [one for one in mirror.events if events.KIND.belongs_to(one, "stack", "other")]


def test_each_kind_with_a_timeline_owns_events() -> None:
    """The key leads to the events of the object, so these must know their owner."""
    asked = {kind.noun for kind in registry.kinds() if "timeline" in kind.verbs}
    assert "stack" in asked
    assert asked <= set(events.KIND.owners)


def test_the_oldest_are_forgotten() -> None:
    """However much fails, no more than the limit is kept, and listeners are told of what is gone."""
    mirror = mirror_with(make_service("s1", name="web"))
    change(mirror, *(failed(f"t{n}", f"cause {n}") for n in range(EVENTS_MAX)), action=Action.CREATED)
    oldest = next(iter(mirror.events)).id
    told = []
    mirror.listen(told.append)
    change(mirror, failed("more", "another"), action=Action.CREATED)
    assert len(mirror.events) == EVENTS_MAX
    assert oldest in told[0].of(Event) and mirror.get(Event, oldest) is None
    assert len(mirror._events._failing) == len(mirror._events._causes) == EVENTS_MAX
