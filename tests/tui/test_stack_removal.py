"""Stacks are removed in the dashboard (docs/design/stacks.md 12.7.10)."""

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.errors import CallFailed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import running
from swarm_testkit.factories import (
    make_cluster,
    make_config,
    make_network,
    make_node,
    make_secret,
    make_service,
    make_task,
    make_task_spec,
)

LABEL = "com.docker.stack.namespace"
Config, Network, Secret, Service, Task = (
    objects_pb2.Config,
    objects_pb2.Network,
    objects_pb2.Secret,
    objects_pb2.Service,
    objects_pb2.Task,
)


@pytest.fixture
def fake():
    """The stack shop with one object of each kind, whose secret a service outside of it uses too; and the stack tools of one service."""
    reference = types_pb2.SecretReference(secret_id="sec", secret_name="shop_key")
    reference.file.name = "key"
    web = make_service(
        "s-web", name="shop_web", task=make_task_spec(secrets=[reference]), labels={LABEL: "shop"}
    )
    other = make_service("s-other", name="other", task=make_task_spec(), replicas=0)
    tools = make_service(
        "s-tools", name="tools_cron", task=make_task_spec(), replicas=0, labels={LABEL: "tools"}
    )
    net, secret, config = (
        make_network("net", name="shop_default"),
        make_secret("sec", name="shop_key"),
        make_config("conf", name="shop_page"),
    )
    for item in (net, secret, config):
        item.spec.annotations.labels[LABEL] = "shop"
    web.spec.task.networks.add(target="net")
    cluster = FakeCluster([make_cluster(), make_node("n1"), net, secret, config, web, other, tools])
    cluster.put(make_task("t-web", service=web, slot=1, node_id="n1", state="RUNNING"))
    return cluster


def left(cluster):
    return sorted(
        one.spec.annotations.name for kind in (Service, Network, Secret, Config) for one in cluster.all(kind)
    )


async def asked_for(run, name):
    """The plan of the stack's removal is read and its name typed."""
    await run.press("5", "slash")
    await run.type(name)
    await run.press("enter", "ctrl+d")
    await run.shows(f"Remove stack {name}")


async def removed(run, name):
    """The plan is read, and wanted."""
    await asked_for(run, name)
    await run.type(name)
    await run.press("enter")


async def test_a_stack_goes_with_all_that_is_of_it(fake):
    """Services, secret and config at once, the network once the last task has ended, which a line tells; nothing of others."""
    async with running(fake) as run:
        await asked_for(run, "shop")
        for text in ("docker stack rm shop", "1 running task will be stopped", "shop_default", "shop_page"):
            await run.shows(text)
        await run.type("shop")
        await run.press("enter")
        await run.shows("◐ remove stack shop · 3 of 4 gone · waiting for 1 task to end")
        assert left(fake) == ["other", "shop_default", "tools_cron"]
        await run.press("ctrl+d")
        await run.shows("The removal of stack shop goes on: 3 of 4 gone")
        fake.remove(Task, "t-web")
        await run.shows("Removed stack shop: 4 objects")
        assert left(fake) == ["other", "tools_cron"]
        await run.until(lambda: "◐ remove" not in run.text)


async def test_what_others_use_is_said_and_stays(fake):
    """The manager keeps it, so the plan says so before, and the failure is told after; the rest goes."""
    reference = types_pb2.SecretReference(secret_id="sec", secret_name="shop_key")
    reference.file.name = "key"
    fake.update(Service, "s-other", lambda one: one.spec.task.container.secrets.append(reference))
    fake.fail_next("Control.RemoveSecret", CallFailed("INVALID_ARGUMENT", "secret is in use by other"))
    fake.remove(Task, "t-web")
    async with running(fake) as run:
        await asked_for(run, "shop")
        await run.shows("Secret shop_key is used by other too")
        await run.type("shop")
        await run.press("enter")
        await run.shows("Of stack shop 1 object could not be removed")
        assert left(fake) == ["other", "shop_key", "tools_cron"]


async def test_several_by_their_number_and_services_alone_come_back(fake):
    """Marked ones go in one plan. Where nothing but services went, `z` makes them again."""
    async with running(fake) as run:
        await removed(run, "tools")
        await run.shows("Removed stack tools: 1 object")
        await run.knows()
        await run.press("z", "y")
        await run.until(lambda: "tools_cron" in left(fake))
        fake.remove(Task, "t-web")
        await run.knows()
        await run.press("escape", "escape", "5", "g", "space", "space", "ctrl+d")
        await run.shows("Remove 2 stacks")
        await run.type("2")
        await run.press("enter")
        await run.shows("Removed stacks shop, tools: 5 objects")
        assert left(fake) == ["other"]


async def test_a_removal_that_the_dashboard_leaves_is_said(fake):
    """It ends with the program: who removes the stack again goes on from there."""
    async with running(fake) as run:
        await removed(run, "shop")
        await run.shows("waiting for 1 task to end")
        app = run.app
    assert "The removal of stack shop ended with the dashboard (3 of 4 gone" in await app.finish()


async def test_it_is_recorded(fake, tmp_path):
    """In a runbook it is one command."""
    book = tmp_path / "book.sh"
    async with running(fake) as run:
        await run.type(f":runbook {book}")
        await run.press("enter")
        await run.shows("● runbook 0 steps")
        await removed(run, "tools")
        await run.shows("Removed stack tools")
        await run.type(":runbook")
        await run.press("enter")
        await run.until(book.exists)
    assert "stack rm tools" in book.read_text()
