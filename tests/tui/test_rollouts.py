"""Updating, restarting and rolling back services from the dashboard (docs/design/terminal.md 11.8)."""

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.runtimes import process_spec, set_process
from swarm_core.client.control import Control
from swarm_testkit.dashboard import running
from swarm_tui.dialogs.confirm import Confirm
from swarm_tui.dialogs.service_update import ServiceUpdate
from textual.widgets import Input

Service = objects_pb2.Service


def spec(cluster, service_id="s-db"):
    return cluster.get(Service, service_id).spec


async def test_update(cluster):
    """11.8.1: u shows what a service runs; each key tells what it would come to; what was edited is changed, and nothing else."""
    cluster.update(Service, "s-db", lambda one: one.spec.task.container.env.append("A=1"))
    before = spec(cluster)
    async with running(cluster) as run:
        await run.press("3", "down", "down", "down", "u")
        await run.shows("Update db")
        await run.shows("Nothing is changed yet.")
        field = run.app.screen.query_one("#image", Input)
        field.value = before.task.container.image + "1"
        await run.shows("1 of 1 task restarts, one at a time.")
        await run.shows("A new task that fails within 5s pauses it.")
        await run.press("enter")
        await run.shows("Same as: docker service update --image")
        await run.press("y")
        await run.until(lambda: spec(cluster).task.container.image == before.task.container.image + "1")
        await run.shows("service db updated")
    after = spec(cluster)
    after.task.container.image = before.task.container.image
    assert after == before


async def test_update_refuses_nonsense(cluster):
    """11.8.1: a field that is wrong is marked, and nothing is sent."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "down", "u")
        await run.shows("Update db")
        run.app.screen.query_one("#env", Input).value = "'open"
        await run.shows("✖ a quote is open")
        await run.press("enter")
        assert isinstance(run.app.screen, ServiceUpdate)
        await run.press("escape")
        assert not run.called("Control.UpdateService")


async def test_update_of_a_process(cluster):
    """11.8.1: a process has a command line in place of image and arguments."""

    def change(one):
        set_process(one.spec.task, ProcessSpec(command=["sleep"], args=["1"]))

    cluster.update(Service, "s-db", change)
    async with running(cluster) as run:
        await run.press("3", "down", "down", "down", "u")
        await run.shows("sleep 1")
        run.app.screen.query_one("#command", Input).value = "sleep 'a b'"
        await run.shows("Changes: sleep 1 → sleep a b.")
        await run.press("enter")
        await run.shows("y go on")
        await run.press("y")
        await run.until(lambda: list(process_spec(spec(cluster).task).args) == ["a b"])


async def test_restart(cluster):
    """11.8.2: R restarts what is marked, after a look at how; nothing of the spec changes but the count of restarts."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "space", "space", "R")
        await run.shows("Restart 2 services")
        await run.shows("~ cache: restarted")
        await run.press("y")
        await run.until(lambda: spec(cluster).task.force_update == 1)
        assert spec(cluster, "s-cache").task.force_update == 1


async def test_rollback(cluster):
    """11.8.3: b goes back to the spec before, after a look at what that changes; escape leaves everything as it is."""

    def change(one):
        one.previous_spec.CopyFrom(one.spec)
        one.previous_spec.replicated.replicas = 7

    cluster.update(Service, "s-db", change)
    async with running(cluster) as run:
        await run.press("3", "down", "down", "down", "b")
        await run.shows("Roll back db")
        await run.shows("Changes: scaled 1 → 7.")
        await run.shows("No task restarts.")
        await run.press("escape")
        assert not run.called("Control.UpdateService")
        await run.press("b")
        await run.until(lambda: isinstance(run.app.screen, Confirm))
        await run.press("y")
        await run.until(lambda: spec(cluster).replicated.replicas == 7)
        await run.shows("service db rolled back")


async def test_rollback_to_a_revision(cluster):
    """11.8.3: where there are several earlier specs b shows them with what is different, and takes the one that is chosen."""
    control = Control(cluster)
    for number in (2, 3):
        await control.change(
            Service, "s-db", lambda one, tag=number: setattr(one.task.container, "image", f"db:{tag}")
        )
    async with running(cluster) as run:
        await run.press("3", "down", "down", "down", "b")
        await run.shows("Roll back db to")
        await run.shows("image 3 → 2")
        await run.press("down", "enter")
        await run.shows("Same as: docker service update --image")
        await run.press("y")
        await run.shows("service db rolled back to revision 1")
        await run.press(":")
        await run.type("rollback svc/db 9")
        await run.press("enter")
        await run.shows("no revision 9")


async def test_no_way_back(cluster):
    """11.8.3: without a spec before it the reason is told, and nothing is asked."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "down", "b")
        await run.shows("Could not roll back db: it has no spec before this one.")
        assert not run.called("Control.UpdateService")


@pytest.mark.parametrize("key", ["u", "R", "b"])
async def test_only_services(cluster, key):
    """11.8: nodes are not updated: the keys do nothing there."""
    async with running(cluster) as run:
        await run.press("2", key)
        assert not isinstance(run.app.screen, Confirm | ServiceUpdate)
