"""`z` takes back what was changed last (docs/design/plans.md 13.3)."""

from swarm_core.api.proto import objects_pb2
from swarm_testkit.dashboard import running

Service = objects_pb2.Service


def replicas(cluster, service_id="s-db"):
    return cluster.get(Service, service_id).spec.replicated.replicas


async def scaled(run, typed):
    await run.press("3", "g", "down", "down", "down", "s")
    await run.shows("Scale db")
    await run.type(typed)
    await run.shows("✓")
    await run.press("enter")
    await run.shows("y go on")
    await run.press("y")
    await run.shows("db scaled to")


async def test_the_last_changes_are_taken_back_one_by_one(cluster):
    """13.3.1: the inverse plan is shown, y carries it out, and the next z takes back the one before."""
    async with running(cluster) as run:
        await scaled(run, "=3")
        await run.until(lambda: replicas(cluster) == 3)
        await scaled(run, "=5")
        await run.until(lambda: replicas(cluster) == 5)
        for count, change in ((3, "scaled 5 → 3"), (1, "scaled 3 → 1")):
            await run.until(
                lambda: (
                    run.screen.session.mirror.get(Service, "s-db").spec.replicated.replicas
                    == replicas(cluster)
                )
            )
            await run.press("z")
            await run.shows("Undo “Scale db”")
            await run.shows(change)
            await run.press("y")
            await run.until(lambda wanted=count: replicas(cluster) == wanted)
            await run.shows("db is as it was before")
        await run.press("z")
        await run.shows("Nothing was changed from here that could be undone.")


async def test_nothing_that_somebody_did_is_lost(cluster):
    """13.3.2: what somebody else changed since is left as it is, with a sentence."""
    async with running(cluster) as run:
        await scaled(run, "=3")
        cluster.update(Service, "s-db", lambda one: setattr(one.spec.replicated, "replicas", 9))
        mirror = run.screen.session.mirror
        await run.until(lambda: mirror.get(Service, "s-db").spec.replicated.replicas == 9)
        await run.press("z")
        await run.shows("somebody changed it since")
        assert replicas(cluster) == 9
