"""`z` takes back what was changed last (docs/design/plans.md 13.3)."""

import asyncio

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.dashboard import running

Config, Service = objects_pb2.Config, objects_pb2.Service
DB = ("3", "g", "down", "down", "down")
POLL_S = 0.01


@pytest.fixture
async def late(cluster, monkeypatch):
    """The dashboard, which hears of what is changed only while something in it waits for that."""
    async with running(cluster) as run:
        await run.burst(*DB)
        mirror, loop = run.screen.session.mirror, asyncio.get_running_loop()
        listen, flush = mirror.listen, mirror.flush

        def listening(listener):
            end, is_over = listen(listener), False

            def poll():
                if not is_over:
                    flush()
                    loop.call_later(POLL_S, poll)

            def over():
                nonlocal is_over
                is_over = True
                end()

            poll()
            return over

        monkeypatch.setattr(mirror, "listen", listening)
        monkeypatch.setattr(mirror, "flush", lambda: None)
        yield run


def scaling(number):
    return ("s", "equals_sign", number, "enter", "y")


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


async def test_what_is_asked_for_right_behind_a_change_is_planned_of_it(cluster, late):
    """13.2.5: a service that was scaled a moment ago is scaled back, and not found to be so already."""
    await late.burst(*scaling("5"), *scaling("3"), *scaling("1"))
    await late.until(lambda: replicas(cluster) == 1)
    assert [one.spec.replicated.replicas for one in late.called("Control.UpdateService")] == [5, 3, 1]


async def test_changes_in_one_go_are_taken_back_in_one_go(cluster, late):
    """13.3.2: all of it typed before the dashboard has heard of the first."""
    await late.burst(*scaling("3"), *scaling("5"), "z", "y", "z", "y")
    await late.until(lambda: replicas(cluster) == 1)
    assert [one.spec.replicated.replicas for one in late.called("Control.UpdateService")] == [3, 5, 3, 1]


async def test_what_was_made_a_moment_ago_goes_again(cluster, late):
    """13.3.2: its plan asks for the name, which is typed at once too."""
    await late.burst("7", "7", "n", *"motd", "tab", "tab", *"hello", "ctrl+g", "y", "z", *"motd", "enter")
    await late.until(lambda: late.called("Control.RemoveConfig"))
    assert "motd" not in [one.spec.annotations.name for one in cluster.all(Config)]
