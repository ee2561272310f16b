"""Secrets and configs in containers of a real, private Docker Engine (docs/design/docker-executor.md 7.6)."""

from pathlib import Path

import pytest
from swarm_agentd.agent.dependencies import DependencyStore
from swarm_agentd.exec.volumes import PublishedVolume
from swarm_agentd.executors.docker.executor import DockerExecutor
from swarm_core.api.proto.logbroker_pb2 import LogSubscriptionOptions
from swarm_core.api.proto.objects_pb2 import Config, Secret, Task
from swarm_core.api.proto.types_pb2 import NodeDescription
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.conformance.executor import running
from swarm_testkit.engines import IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]
SHOW = "cat /etc/app.conf; echo; stat -c '%a %u %g' /etc/app.conf; stat -f -c %T /etc/app.conf"


async def _no_volume(volume_id: str) -> PublishedVolume:
    raise AssertionError(f"the task names no volume, and asks for {volume_id}")


async def test_templated_payloads_are_files_in_memory(engine: Engine, tmp_path: Path) -> None:
    """Payloads are expanded for the task, with what it names; owner and mode are those asked for; no disk holds them."""
    store = DependencyStore(_no_volume)
    secret, config = Secret(id="s1"), Config(id="c1")
    secret.spec.data = b"hush"
    config.spec.data = b'{{.Service.Name}}.{{.Task.Slot}} {{secret "pw"}} {{env "MODE"}}'
    config.spec.templating.name = "golang"
    store.secrets["s1"], store.configs["c1"] = secret, config
    task = Task(id="templated", service_id="service-id", slot=1, node_id="node-id")
    task.service_annotations.name = "web"
    spec = task.spec.container
    spec.image = IMAGE
    spec.command.extend(["sh", "-c", SHOW])
    spec.env.append("MODE=fast")
    spec.secrets.add(secret_id="s1", secret_name="pw").file.name = "pw"
    target = spec.configs.add(config_id="c1", config_name="app").file
    target.name, target.uid, target.gid, target.mode = "etc/app.conf", "7", "8", 0o440
    async with running(DockerExecutor(engine.url, tmp_path, SystemClock())) as executor:
        controller = executor.controller(task, store.restricted(task, NodeDescription))
        await controller.prepare()
        await controller.start()
        await controller.wait()
        lines = [
            message.data.decode().rstrip() async for message in controller.logs(LogSubscriptionOptions())
        ]
        assert lines == ["web.1 hush fast", "440 7 8", "tmpfs"]
        await controller.remove()
