"""The mirror of many engines: what a change of one record touches (docs/design/engine-views.md 18.2)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from swarm_core.engines.records import (
    Change,
    EngineKey,
    EngineState,
    Event,
    Gone,
    Kind,
    Put,
    Reservation,
    Trouble,
)
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.engine_records import (
    few_engines,
    make_container,
    make_engine,
    make_event,
    make_image,
    make_network,
    make_volume,
)
from swarm_tui.clusters.changes import Changes, Phase
from swarm_tui.engines.mirror import EngineMirror, Listed, Told
from swarm_tui.resources.engines import containers, engines, events, networks
from swarm_tui.resources.engines.items import (
    ContainerItem,
    EngineItem,
    EventItem,
    ImageItem,
    NetworkItem,
    VolumeItem,
)
from swarm_tui.resources.model import Health
from swarm_tui.resources.refs import ClusterId


class Watched:
    """A mirror, and what it told last."""

    def __init__(self, records: Sequence[Any] = ()) -> None:
        self.mirror = EngineMirror(FakeCluster(), cluster=ClusterId("engines"))
        self.told = Changes()
        self.mirror.listen(self._hear)
        self.mirror.take(Listed(records))
        self.mirror.flush()

    def _hear(self, changes: Changes) -> None:
        self.told = changes

    def take(self, *changes: Change, events: Sequence[Event] = ()) -> Changes:
        """Take this in, flush, and give what was told."""
        self.told = Changes()
        self.mirror.take(Told(changes, events))
        self.mirror.flush()
        return self.told


def put(record: Any) -> Put:
    kinds = {
        "EngineRecord": Kind.ENGINE,
        "Container": Kind.CONTAINER,
        "Image": Kind.IMAGE,
        "Volume": Kind.VOLUME,
        "Network": Kind.NETWORK,
    }
    return Put(kinds[type(record).__name__], record)


def test_a_first_list_is_a_reset_that_is_live() -> None:
    """Everything stands there at once, and the stream is live."""
    watched = Watched(few_engines())
    assert watched.told.is_reset
    assert watched.mirror.stream.phase is Phase.LIVE
    assert len(watched.mirror.objects(EngineItem)) == 3
    assert {item.id for item in watched.mirror.objects(ContainerItem)} >= {"n1/c-web", "n2/c-web-2"}


def test_a_container_touches_its_engine_and_what_it_uses_and_nothing_else() -> None:
    """Rows of other engines and of what it does not use are left alone."""
    watched = Watched([make_engine("n1"), make_engine("n2"), make_image(), make_volume(), make_network()])
    told = watched.take(put(make_container(volumes=("data",))))
    assert told.of(EngineItem) == {"n1"}
    assert told.of(ContainerItem) == {"n1/c-web"}
    assert told.of(ImageItem) == {"n1/sha256:i1"}
    assert told.of(VolumeItem) == {"n1/data"}
    assert told.of(NetworkItem) == {"n1/net-bridge"}
    told = watched.take(put(make_container(volumes=("data",), status="Up an hour")))
    assert dict(told.ids) == {ContainerItem: {"n1/c-web"}}


def test_sums_follow_what_comes_changes_and_goes() -> None:
    """Of each engine: how many there are, how many run, and what is reserved, of stopped ones too."""
    watched = Watched([make_engine("n1")])
    held = Reservation(500_000_000, 1 << 20)
    watched.take(put(make_container(reserved=held)), put(make_container("db")))
    sums = watched.mirror.node_sums("n1")
    assert (sums.tasks, sums.running, sums.nano_cpus, sums.memory_bytes) == (2, 2, 500_000_000, 1 << 20)
    watched.take(put(make_container(reserved=held, state="exited")))
    assert (sums.tasks, sums.running, sums.nano_cpus) == (2, 1, 500_000_000)
    watched.take(Gone(Kind.CONTAINER, EngineKey("n1"), "c-web"))
    sums = watched.mirror.node_sums("n1")
    assert (sums.tasks, sums.running, sums.nano_cpus) == (1, 1, 0)


def test_the_header_is_told_sums_that_were_not_counted_for_it() -> None:
    """How many engines fare how, and how many containers run on all, follow every change as if they were counted anew."""
    watched = Watched(few_engines())
    mirror = watched.mirror

    def counted() -> tuple[dict[Health, int], int]:
        looks = Counter(engines.health(one, mirror, 0) for one in mirror.objects(EngineItem))
        return dict(looks), sum(one.record.is_running for one in mirror.objects(ContainerItem))

    def told() -> tuple[dict[Health, int], int]:
        return {look: count for look, count in mirror.looks.items() if count}, mirror.running

    assert told() == counted()
    watched.take(put(make_engine("n1", state=EngineState.UNHEALTHY)), put(make_container(state="exited")))
    assert told() == counted()
    watched.take(Gone(Kind.CONTAINER, EngineKey("n1"), "c-db"), Gone(Kind.ENGINE, EngineKey("n3"), ""))
    assert told() == counted()
    mirror.take(Listed(few_engines()))
    assert told() == counted()


def test_users_are_known_by_what_containers_call_what_they_use() -> None:
    """Networks by name on the same engine; a container that goes uses nothing any more."""
    watched = Watched([make_engine("n1"), make_network(), make_container(), make_container("db", "n2")])
    item = watched.mirror.get(NetworkItem, "n1/net-bridge")
    assert item is not None
    assert set(watched.mirror.users(networks.NOUN, networks.called(item))) == {"n1/c-web"}
    assert networks.users(item, watched.mirror) == ["web"]
    watched.take(Gone(Kind.CONTAINER, EngineKey("n1"), "c-web"))
    assert networks.state(item, watched.mirror) == "built in"


def test_an_engine_that_is_away_changes_the_rows_of_what_it_has() -> None:
    """They are what was last seen; a change that is none of that leaves them alone."""
    watched = Watched([make_engine("n1"), make_container(), make_image()])
    told = watched.take(put(make_engine("n1", answer_s=1.0)))
    assert dict(told.ids) == {EngineItem: {"n1"}}
    told = watched.take(put(make_engine("n1", state=EngineState.UNHEALTHY, trouble=Trouble.AWAY)))
    assert told.of(ContainerItem) == {"n1/c-web"}
    assert told.of(ImageItem) == {"n1/sha256:i1"}
    item = watched.mirror.get(ContainerItem, "n1/c-web")
    assert item is not None
    assert containers.health(item, watched.mirror, 0).name == "STALE"


def test_an_engine_that_is_removed_leaves_nothing() -> None:
    """The cluster of engines tells each of its objects as gone."""
    watched = Watched([make_engine("n1"), make_container()])
    told = watched.take(
        Gone(Kind.CONTAINER, EngineKey("n1"), "c-web"), Gone(Kind.ENGINE, EngineKey("n1"), "")
    )
    assert told.of(EngineItem) == {"n1"}
    assert not watched.mirror.objects(EngineItem)
    assert watched.mirror.node_sums("n1").tasks == 0


def test_events_are_kept_to_a_number_and_survive_a_new_list() -> None:
    """The newest are kept; their ids grow."""
    watched = Watched([make_engine("n1")])
    told = watched.take(events=[make_event()] * (events.EVENTS_MAX + 3))
    held = list(watched.mirror.objects(EventItem))
    assert len(held) == events.EVENTS_MAX
    assert [int(item.id) for item in held[:2]] == [4, 5]
    assert len(told.of(EventItem)) == events.EVENTS_MAX + 3
    watched.mirror.take(Listed(few_engines()))
    assert len(watched.mirror.objects(EventItem)) == events.EVENTS_MAX
