"""Templates in payloads, and what a task may see of the node's secrets, configs and volumes."""

from pathlib import Path

import pytest
from swarm_agentd.agent.dependencies import DependencyStore
from swarm_agentd.exec.errors import InvalidTask, Missing, NotAuthorized, Temporary
from swarm_agentd.exec.volumes import PublishedVolume
from swarm_core.api.proto.objects_pb2 import Secret, Task
from swarm_core.api.proto.types_pb2 import ConfigReference, NodeDescription, SecretReference
from swarm_testkit.factories import make_config, make_secret, make_service, make_task, make_task_spec

SECRET = SecretReference(secret_id="x", secret_name="x-name")
SECRET.file.name = "password"
CONFIG = ConfigReference(config_id="y", config_name="y-name")
CONFIG.file.name = "/etc/app.conf"
NODE = NodeDescription(hostname="host-1")
NODE.platform.os, NODE.platform.architecture = "linux", "x86_64"


def task(**spec: object) -> Task:
    service = make_service(
        "s1",
        name="web",
        labels={"a.b": "label"},
        task=make_task_spec(**spec),  # type: ignore[arg-type]
    )
    return make_task("t1", service=service, slot=3, node_id="n1")


# secrets and configs


async def volume_at(volume_id: str) -> PublishedVolume:
    return PublishedVolume(Path("/published") / volume_id)


def store() -> DependencyStore:
    known = DependencyStore(volume_at)
    known.secrets["x"] = make_secret("x", data=b"hush")
    known.configs["y"] = make_config("y", data=b"k=v")
    return known


@pytest.mark.parametrize("command", [None, ["sh"]])
def test_listed_dependencies_are_seen(command: list[str] | None) -> None:
    """A container's and a process's task sees what it lists."""
    one = task(command=command, secrets=[SECRET], configs=[CONFIG])
    seen = store().restricted(one, lambda: NODE)
    assert seen.secret("x").spec.data == b"hush"
    assert seen.config("y").spec.data == b"k=v"


def test_unlisted_dependencies_are_refused() -> None:
    """What the spec does not list is not authorised, even when resource references name it; what is absent is missing,
    or still to come before the first full set."""
    one = task()
    one.spec.resource_references.add(resource_id="x", resource_type=1)
    seen = store().restricted(one, lambda: NODE)
    with pytest.raises(NotAuthorized):
        seen.secret("x")
    with pytest.raises(NotAuthorized):
        seen.config("y")
    known = DependencyStore(volume_at)
    seen = known.restricted(task(secrets=[SECRET], configs=[CONFIG]), lambda: NODE)
    with pytest.raises(Temporary):
        seen.secret("x")
    known.reset()
    with pytest.raises(Missing):
        seen.secret("x")
    with pytest.raises(Missing):
        seen.config("y")


async def test_volumes_that_were_given_are_seen() -> None:
    """A task has the volumes that its manager gave it, and no others."""
    one = task()
    one.volumes.add(id="v1")
    seen = store().restricted(one, lambda: NODE)
    assert (await seen.volume("v1")).path == Path("/published/v1")
    with pytest.raises(NotAuthorized):
        await seen.volume("v2")


def test_own_secret_comes_first() -> None:
    """A secret sent for this task alone is shown under the plain id."""
    known = store()
    known.secrets["x.t1"] = Secret(id="x.t1")
    known.secrets["x.t1"].spec.data = b"mine"
    secret = known.restricted(task(secrets=[SECRET]), lambda: NODE).secret("x")
    assert (secret.id, secret.spec.data) == ("x", b"mine")


def test_payload_templates() -> None:
    """A payload with the golang driver is expanded, with secret, config and env; without a driver it is raw."""
    known = store()
    config = make_config("y")
    config.spec.data = (
        b'{{.Task.ID}} {{secret "password"}} {{env "A"}}{{env "B"}} {{config "/etc/app.conf" | print}}'
    )
    known.configs["y"] = config
    one = task(secrets=[SECRET], configs=[CONFIG])
    one.spec.container.env.append("A=1")
    seen = known.restricted(one, lambda: NODE)
    assert seen.config("y").spec.data == config.spec.data
    config.spec.templating.name = "golang"
    assert seen.config("y").spec.data == b"t1 hush 1 " + config.spec.data
    config.spec.templating.name = "mustache"
    with pytest.raises(InvalidTask):
        seen.config("y")
    config.spec.templating.name = "golang"
    config.spec.data = b'{{secret "other"}}'
    with pytest.raises(InvalidTask):
        seen.config("y")
