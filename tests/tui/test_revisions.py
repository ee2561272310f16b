"""The revisions in a service's description (docs/design/control-api.md 4.9)."""

from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse
from swarm_core.client.control import Control
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import running
from swarm_testkit.factories import make_cluster, make_node, make_service

Service = objects_pb2.Service
OURS = GetRaftStatusResponse(term=1)


async def _changed(cluster: FakeCluster, image: str) -> None:
    def edit(spec: objects_pb2.Service) -> None:
        spec.task.container.image = image  # type: ignore[attr-defined]

    await Control(cluster).change(Service, "s-web", edit)


async def test_each_with_what_it_changed() -> None:
    """Newest first, with its number, and what is different from the one before; a change that comes while one reads joins them."""
    web = make_service("s-web", name="web")
    web.spec.task.container.image = "web:1"
    cluster = FakeCluster([make_cluster("c"), make_node("n", hostname="w1"), web])
    cluster.raft = OURS
    await _changed(cluster, "web:2")
    async with running(cluster) as run:
        await run.press("3", "d")
        await run.shows("Revisions, newest first")
        assert "2 (now)" in run.text
        assert "image 1 → 2" in run.text
        assert "Since the spec before" not in run.text
        await _changed(cluster, "web:3")
        await run.shows("3 (now)")
        assert run.text.index("image 2 → 3") < run.text.index("image 1 → 2")


async def test_a_docker_leader_tells_one_step() -> None:
    """It keeps one earlier spec, which the service itself tells."""
    web = make_service("s-web", name="web")
    web.spec.task.container.image = "web:1"
    cluster = FakeCluster([make_cluster("c"), make_node("n", hostname="w1"), web])
    await _changed(cluster, "web:2")
    async with running(cluster) as run:
        await run.press("3", "d")
        await run.shows("Since the spec before")
        assert "Revisions" not in run.text


async def test_nothing_of_a_description_is_cut() -> None:
    """A long value goes on below where it began; YAML keeps its lines."""
    web = make_service("s-web", name="web", labels={"reason": " ".join(f"word-{n}" for n in range(20))})
    cluster = FakeCluster([make_cluster("c"), make_node("n", hostname="w1"), web])
    async with running(cluster, (60, 24)) as run:
        await run.press("3", "d")
        await run.shows("word-19")
        line = next(one for one in run.text.splitlines() if "word-19" in one)
        assert line.startswith("│" + " " * 19 + "word-")
        await run.press("escape", "y")
        await run.shows("web · yaml")
        assert "word-19" not in run.text
