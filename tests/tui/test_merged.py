"""Several clusters as one: their lists, their streams, and what is done to each (docs/design/contexts.md)."""

from contextlib import asynccontextmanager

from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import Unreachable
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import Running, dashboard_of, dashboard_of_several, until_live
from swarm_testkit.factories import make_cluster, make_node, make_service, make_task
from swarm_tui.clusters.changes import Phase
from swarm_tui.resources.refs import ClusterId, ObjectRef
from swarm_tui.shell.other_clusters import Opened

Service = objects_pb2.Service


def other_cluster() -> FakeCluster:
    """One manager, two workers, and a service of the same name as one of the lively cluster's."""
    fake = FakeCluster(orchestrate=True)
    fake.put(
        make_cluster("cluster-2"),
        make_node("us-n1", hostname="u1", role="MANAGER"),
        make_node("us-n2", hostname="u2"),
    )
    for name, replicas in (("api", 2), ("site", 1)):
        service = make_service(f"us-{name}", name=name, replicas=replicas)
        fake.put(service)
        for slot in range(1, replicas + 1):
            fake.put(
                make_task(f"us-{name}-{slot}", service=service, slot=slot, node_id="us-n2", state="RUNNING")
            )
    return fake


@asynccontextmanager
async def both(eu, us, others=None, size=(140, 40)):
    """The program on both."""
    app = dashboard_of_several({"eu": eu, "us": us}, others=others)
    async with app.run_test(size=size, notifications=True) as pilot:
        run = Running(app, pilot, eu)
        await run.until(
            lambda: all(part.stream.phase is Phase.LIVE for part in run.screen.session.mirror.parts)
        )
        await until_live(app, pilot)
        yield run


async def test_lists_hold_the_objects_of_both(cluster):
    """The cluster stands in front and in the filter; the header sums them up; a change of either is there at once."""
    us = other_cluster()
    async with both(cluster, us) as run:
        await run.shows("14 nodes  10 services")
        assert "2 clusters · each has its quorum" in run.text
        assert "eu/mailer" in run.text
        await run.press("3")
        await run.shows("CLUSTER")
        await run.press("slash")
        await run.type("cluster:us")
        await run.press("enter")
        await run.shows("2 of 10")
        us.update(Service, "us-site", lambda service: setattr(service.spec.replicated, "replicas", 7))
        await run.shows("1/7")
        await run.press("5")
        await run.shows("Stacks")
        assert {ref.cluster for ref in run.pane.table.visible_ids()} == {"eu"}


async def test_one_that_is_lost_goes_grey(cluster):
    """The other stays live; what is known of the lost one stands still, with how old it is; and it comes back."""
    us = other_cluster()
    async with both(cluster, us) as run:
        await run.press("3")
        us.unreachable = "connection refused"
        us.cut()
        await run.shows("◌ us STALE 0s  ● live 1 of 2")
        cluster.advance(70)
        us.advance(70)
        await run.shows("◌ 1m us")
        cluster.update(Service, "s-web", lambda service: setattr(service.spec.replicated, "replicas", 13))
        await run.shows("12/13")
        us.unreachable = None
        await run.until(lambda: "STALE" not in run.text and "◌" not in run.text)


async def test_a_verb_works_on_the_cluster_of_what_is_selected(cluster):
    """The plan names it, and the other is told nothing."""
    us = other_cluster()
    async with both(cluster, us) as run:
        await go_to(run, "us", "us-api")
        await run.press("s")
        await run.shows("Scale api")
        await run.type("+3")
        await run.press("enter")
        await run.shows("Scale api in us")
        assert "land on u" in run.text
        await run.press("y")
        await run.until(lambda: us.get(Service, "us-api").spec.replicated.replicas == 5)
        assert cluster.get(Service, "s-api").spec.replicated.replicas == 9
        await run.shows("us: api scaled to 5")
        _, mirror = run.screen.session.mirror.parts
        await run.until(lambda: mirror.version >= us.version)
        await run.press("z")
        await run.shows("Undo “Scale api” in us")
        await run.press("y")
        await run.until(lambda: us.get(Service, "us-api").spec.replicated.replicas == 2)
        await run.press("colon")
        await run.type("scale svc/api +1")
        await run.shows("in eu and in us: write eu/api or us/api")


async def test_marks_across_clusters_are_one_plan_in_parts(cluster):
    """Each part is foretold by its own nodes and carried out by its own managers; one that cannot be reached leaves the other its part."""
    us = other_cluster()
    async with both(cluster, us) as run:
        await go_to(run, "us", "us-api")
        await run.press("space")
        await go_to(run, "eu", "s-web")
        await run.press("space", "s")
        await run.type("+1")
        await run.press("enter")
        await run.shows("Scale api in us; Scale web in eu")
        assert "us: New tasks land on u" in run.text
        assert "~ us/api: scaled 2 → 3" in run.text
        us.fail_next("Control.UpdateService", Unreachable("connection refused"), times=9)
        await run.press("y")
        await run.until(lambda: cluster.get(Service, "s-web").spec.replicated.replicas == 13)
        await run.shows("us: Could not scale api")
        assert us.get(Service, "us-api").spec.replicated.replicas == 2


async def test_one_is_entered_and_left(cluster):
    """What is about one object is on its cluster's own screen; escape leads back to all, where one was."""
    us = other_cluster()
    async with both(cluster, us) as run:
        await go_to(run, "us", "us-api")
        await run.press("enter")
        await run.shows("◆ us ")
        await run.shows("Tasks · service api")
        await run.press("escape")
        await run.shows("2 clusters")
        assert run.pane.table.cursor_id.id == "us-api"
        await run.press("d")
        await run.shows("◆ us ")
        await run.shows("service api · describe")
        await run.press("1")
        await run.shows("In motion")
        await run.press("q")
        await run.shows("2 clusters")


async def test_what_is_made_is_made_in_one(cluster):
    """`n` asks which, and its form judges by that one alone; what needs one cluster says so."""
    us = other_cluster()
    async with both(cluster, us) as run:
        await run.press("3", "n")
        await run.shows("In which cluster")
        await run.press("down", "enter")
        await run.shows("New service")
        await run.type("mailer")
        await run.shows("✓ free")
        await run.press("escape")
        await run.shows("2 clusters")
        await run.press("ctrl+t")
        await run.shows("is of one cluster, and several are shown")


class Named:
    """Three names for two clusters."""

    def __init__(self, eu, us):
        self.known = {"eu": eu, "eu2": eu, "us": us}
        self.closed = []

    def names(self):
        return [(name, f"/run/{name}.sock") for name in self.known]

    async def open(self, name):
        return Opened(name, Cluster(self.known[name], target=name))


async def test_several_are_taken_with_the_space_bar(cluster):
    """They are opened before the person leaves; a cluster and its copy are refused as one."""
    us = other_cluster()
    app = dashboard_of(cluster, title="eu", clusters=Named(FakeCluster([make_cluster("cluster-1")]), us))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until_live(app, pilot)
        run = Running(app, pilot, cluster)
        await run.press("at")
        await run.shows("space several as one")
        await run.press("space", "down", "space", "enter")
        await run.shows("eu and eu2 are the same cluster")
        assert app.opened == ()
    app = dashboard_of(cluster, title="eu", clusters=Named(FakeCluster([make_cluster("cluster-1")]), us))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until_live(app, pilot)
        run = Running(app, pilot, cluster)
        await run.press("at")
        await run.shows("space several as one")
        await run.press("space", "down", "down", "space", "enter")
        await run.until(lambda: app.opened)
    assert [one.title for one in app.opened] == ["eu", "us"]


async def go_to(run, cluster, id_):
    """The cursor on a service of one of them."""
    await run.press("3")
    await run.until(lambda: run.pane is not None and len(run.pane.table.rows) > 0)
    assert run.pane.table.move_to(ObjectRef(ClusterId(cluster), "service", id_))
    await run.pilot.pause()
