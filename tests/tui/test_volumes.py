"""Cluster volumes in the dashboard (docs/design/volumes.md 12.9): a list like any other, with what keeps a volume from its node."""

from swarm_core.api.proto import objects_pb2
from swarm_testkit.dashboard import running
from swarm_testkit.factories import make_volume
from swarm_tui.resources.model import Link


async def test_the_list_of_volumes(cluster):
    """Volumes have a list that follows them, a text behind d, and their removal asks for their name."""
    moving = make_volume("v1", name="data", group="fast", published={"n04-w1": "PENDING_PUBLISH"})
    moving.publish_status[0].message = "the cable is out"
    cluster.put(moving, make_volume("v2", name="spare", availability="DRAIN", is_created=False))
    async with running(cluster) as run:
        await run.screen.navigator.go(Link("volumes"))
        await run.shows("in use (1 node)")
        await run.shows("pending creation")
        made = objects_pb2.Volume()
        made.CopyFrom(make_volume("v3", name="third"))
        cluster.put(made)
        await run.shows("third")
        await run.press("d")
        await run.shows("pending publish: the cable is out")
        await run.press("escape", "down", "d")
        await run.shows("on no node")
        await run.shows("drain")
        await run.press("escape", "up", "ctrl+d")
        await run.shows("Remove volume data")
        await run.shows("published on 1 node, so the manager will refuse")
