"""`K`: how the attempts of a service ended, on screen (docs/design/terminal.md 11.19)."""

from swarm_core.api.proto import objects_pb2
from swarm_testkit.cluster_fake import START_NS, FakeCluster, lively_cluster, log_line
from swarm_testkit.dashboard import running
from swarm_testkit.factories import make_task

S = 1_000_000_000
BEFORE = [f"step {number}" for number in range(3)]


def _crashing() -> FakeCluster:
    """ "db" was stopped once in good order; since its image is another, three attempts wrote something else and failed."""
    cluster = lively_cluster()
    service = cluster.get(objects_pb2.Service, "s-db")
    good = make_task(
        "db-good", service=service, slot=1, node_id="n03-w1", state="SHUTDOWN", desired="SHUTDOWN"
    )
    good.spec.container.image = "postgres:16"
    failed = [
        make_task(
            f"db-bad-{number}",
            service=service,
            slot=1,
            node_id="n03-w1",
            state="FAILED",
            desired="SHUTDOWN",
            err="task: non-zero exit (1)",
            status_ns=START_NS - (10 - number) * S,
        )
        for number in range(3)
    ]
    for task in failed:
        task.spec.container.image = "postgres:17"
    for task in (good, *failed):
        cluster.put(task)
        cluster.advance(1)
        for text in [*BEFORE, "ready" if task is good else f"data of version 16, pid {cluster.now_ns}"]:
            cluster.log_lines(log_line(task, text))
    return cluster


async def test_crashes_are_told_on_screen() -> None:
    """How many of how many ended so (one runs still), since what, how many lines were as in the good attempt, and what came then."""
    async with running(_crashing()) as run:
        await run.type(":crashes svc/db")
        await run.press("enter")
        await run.shows("same 3 lines as the last good attempt, then:")
        assert "data of version 16, pid" in run.text
        assert "3 of 4 since image 16 → 17" in run.text


async def test_a_description_tells_them_too() -> None:
    """The description of the service, and that of an attempt that failed, count the failures and say since what."""
    async with running(_crashing(), (132, 60)) as run:
        for what in ("svc/db", "task/db-bad-2"):
            await run.type(f":describe {what}")
            await run.press("enter")
            await run.shows("3 of 4 since image 16 → 17")
            await run.press("escape")


async def test_nothing_failed() -> None:
    """Of a service of which nothing failed a sentence says so."""
    async with running(lively_cluster()) as run:
        await run.type(":crashes svc/web")
        await run.press("enter")
        await run.shows("No attempt of web that the cluster still has failed.")
