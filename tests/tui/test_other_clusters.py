"""`@` goes to another cluster, or says why it cannot (docs/design/terminal.md 11.14)."""

from contextlib import asynccontextmanager

from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import Unreachable
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import Running, dashboard_of, until_live
from swarm_tui.shell.other_clusters import Opened


class Named:
    """Two clusters: one that is there, one that is not."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster

    def names(self):
        return [("lab", "/run/lab.sock"), ("prod-eu", "ssh ana@m1 /run/control.sock"), ("us", "tls m1:4242")]

    async def open(self, name):
        if name == "us":
            raise Unreachable("the manager at m1:4242 did not answer within 5 s")
        return Opened(name, Cluster(self.cluster, target=name))


class Broken(Named):
    """A file that cannot be read."""

    def names(self):
        raise ValueError("contexts.toml is no valid TOML: Invalid value (at line 1, column 1).")


@asynccontextmanager
async def among(cluster, clusters):
    """The program with other clusters to go to."""
    app = dashboard_of(cluster, clusters=clusters)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until_live(app, pilot)
        yield Running(app, pilot, cluster)


async def test_another_cluster_is_taken(cluster):
    """The program ends with the opened cluster for who began it."""
    other = FakeCluster()
    async with among(cluster, Named(other)) as run:
        await run.press("at")
        await run.shows("prod-eu   ssh ana@m1 /run/control.sock")
        await run.press("up", "enter")
        await run.until(lambda: run.app.opened)
    assert run.app.opened[0].title == "lab"
    assert run.app.opened[0].cluster.calls is other


async def test_who_cannot_be_reached_changes_nothing(cluster):
    """The cause is told, and the person stays where they are."""
    async with among(cluster, Named(cluster)) as run:
        await run.press("at")
        await run.shows("tls m1:4242")
        await run.press("down", "enter")
        await run.shows("did not answer within 5 s")
        assert run.app.opened == ()
        await run.press("3")
        assert run.pane is not None


async def test_the_present_one_is_no_other(cluster):
    """Taking the cluster that is shown does nothing."""
    async with among(cluster, Named(cluster)) as run:
        await run.press("at")
        await run.shows("tls m1:4242")
        await run.press("enter")
        await run.until(lambda: len(run.app.screen_stack) == 1)
        assert run.app.opened == ()


async def test_without_names_it_says_so(cluster):
    """No file, or one that cannot be read, is a sentence."""
    async with among(cluster, None) as run:
        await run.press("at")
        await run.shows("No cluster has a name yet")
    async with among(FakeCluster(), Broken(cluster)) as run:
        await run.press("at")
        await run.shows("no valid TOML")
