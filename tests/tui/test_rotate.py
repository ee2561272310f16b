"""Rotation in the dashboard: its form, its plan, how it goes on, and how it is taken back."""

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import running
from swarm_testkit.factories import (
    make_cluster,
    make_config,
    make_node,
    make_secret,
    make_service,
    make_task_spec,
)

Service, Secret = objects_pb2.Service, objects_pb2.Secret


@pytest.fixture
def vault():
    """A secret that two services use, and a config of two lines that none does."""
    reference = types_pb2.SecretReference(secret_id="sec", secret_name="key")
    reference.file.name = "key"
    spec = make_task_spec(secrets=[reference])
    config = make_config("conf", name="page")
    config.spec.data = b"one\ntwo\n"
    services = [make_service(f"s-{name}", name=name, task=spec, replicas=0) for name in ("api", "web")]
    return FakeCluster(
        [make_cluster(), make_node("n1", state="READY"), make_secret("sec", name="key"), config, *services],
        orchestrate=True,
    )


def users(cluster):
    return [
        cluster.get(Service, f"s-{name}").spec.task.container.secrets[0].secret_name
        for name in ("api", "web")
    ]


async def test_a_secret_gets_another_value_and_back(vault):
    """Z, the value twice, the plan with y; every service has the new one then; z points them back. What was typed is shown nowhere."""
    async with running(vault) as run:
        await run.press("7", "Z")
        await run.shows("Rotate secret key · used by api, web")
        await run.press("tab")
        await run.type("hunter2")
        await run.press("tab")
        await run.type("hunter2")
        await run.press("ctrl+g")
        await run.shows("one after the other")
        assert "hunter2" not in run.text
        await run.press("y")
        await run.until(lambda: users(vault) == ["key-2", "key-2"])
        await run.until(
            lambda: any("Rotate secret key is done" in one.message for one in run.app._notifications)
        )
        assert {one.spec.annotations.name for one in vault.all(Secret)} == {"key", "key-2"}
        await run.knows()
        await run.press("z")
        await run.shows("Undo “Rotate secret key”")
        await run.type("key-2")
        await run.press("enter")
        await run.until(lambda: users(vault) == ["key", "key"])
        await run.until(lambda: {one.spec.annotations.name for one in vault.all(Secret)} == {"key"})


async def test_a_config_begins_with_what_it_says(vault):
    """Its lines stand there to be changed; the same again is refused with a sentence."""
    async with running(vault) as run:
        await run.press("7", "7", "Z")
        await run.shows("Rotate config page · used by no service")
        await run.shows("two")
        await run.press("ctrl+g")
        await run.until(
            lambda: any("it has this content already" in one.message for one in run.app._notifications)
        )


async def test_the_content_is_written_in_an_editor(vault, monkeypatch):
    """11.22.5: ctrl+o gives a config's text to the editor, of a secret nothing; a secret of several lines is refused with the way to do it."""
    given = []

    async def edit(text, name, *, is_secret):
        given.append((text, is_secret))
        return answers.pop(0)

    answers = ["hunter2\n", "a\nb\n"]
    async with running(vault) as run:
        monkeypatch.setattr(run.screen.desk, "edit", edit)
        await run.press("7", "Z")
        await run.shows("Rotate secret key")
        await run.press("ctrl+o")
        await run.shows("✓ the same")
        assert "hunter2" not in run.text
        await run.press("ctrl+o")
        await run.shows("The secret has 2 lines")
    assert given == [("", True), ("", True)]
