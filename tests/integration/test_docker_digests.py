"""Docker's command and ours write the same digest and platforms for an image of the same registry (docs/design/terminal.md 11.11)."""

from pathlib import Path

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_testkit.engines import Engine
from swarm_testkit.programs import TUI, run
from swarm_testkit.token_registry import TokenRegistry

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(300)]
LIST = (("linux", "amd64"), ("linux", "arm"), ("windows", "amd64"))


async def specs(engine: Engine) -> dict[str, specs_pb2.ServiceSpec]:
    async with await Connection.open(engine.control_socket) as connection:
        found = await Control(connection).find(objects_pb2.Service)
    return {one.spec.annotations.name: one.spec for one in found}


def ours(engine: Engine, *words: str) -> None:
    command = [*engine.enter, *TUI, "--socket", str(engine.control_socket), *words]
    done = run(command, environment={"SWARM_RESOLVE_IMAGE": "always"})
    assert (done.code, done.err) == (0, "")


async def test_the_same_digest_and_platforms(swarm_engine: Engine, tmp_path: Path) -> None:
    """For a list of manifests, a single one, a digest, an update, and a stack."""
    create = ("service", "create", "--detach", "--replicas", "0")
    files = {}
    with TokenRegistry(network=swarm_engine.network_path).serving() as registry:
        images = [f"{registry.host}/a/b:1", f"{registry.host}/a/b:2"]
        digest = registry.add("1", *LIST)
        registry.add("2", ("linux", "arm64"))
        images.append(f"{registry.host}/a/b@{digest}")
        for number, image in enumerate(images):
            swarm_engine.docker(*create, "--name", f"theirs-{number}", image)
            ours(swarm_engine, *create, "--name", f"ours-{number}", image)
        swarm_engine.docker(*create, "--name", "theirs-u", images[0])
        swarm_engine.docker("service", "update", "--detach", "--image", images[1], "theirs-u")
        ours(swarm_engine, *create, "--name", "ours-u", images[0])
        ours(swarm_engine, "service", "update", "--detach", "--image", images[1], "ours-u")
        for name in ("theirs", "ours"):
            files[name] = tmp_path / f"{name}.yml"
            files[name].write_text(
                f"version: '3.8'\nservices: {{s: {{image: '{images[0]}', deploy: {{replicas: 0}}}}}}"
            )
        swarm_engine.docker("stack", "deploy", "--detach=true", "-c", str(files["theirs"]), "theirs")
        ours(swarm_engine, "stack", "deploy", "--detach", "-c", str(files["ours"]), "ours")
    found = await specs(swarm_engine)
    for name in ("-0", "-1", "-2", "-u", "_s"):
        mine, other = found[f"ours{name}"].task, found[f"theirs{name}"].task
        assert mine.container.image == other.container.image, name
        assert "@sha256:" in other.container.image
        assert mine.placement.platforms, name
        assert list(mine.placement.platforms) == list(other.placement.platforms), name
    swarm_engine.docker("stack", "rm", "ours", "theirs")
    swarm_engine.docker("service", "rm", *(name for name in found if "-" in name))
