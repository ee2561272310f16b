"""The cause of a killed container, which the engine may tell after its end."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from swarm_agentd.exec.errors import ExitFailure
from swarm_agentd.exec.private_files import PrivateFiles
from swarm_agentd.exec.progress import ProgressBoard
from swarm_agentd.executors.docker import mapping
from swarm_agentd.executors.docker.controller import DockerController, Host
from swarm_agentd.executors.docker.engine import Engine
from swarm_agentd.executors.docker.images import Images
from swarm_agentd.executors.docker.networks import Networks
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.conformance.executor import FixedDependencies
from swarm_testkit.factories import make_task

NAME = "web.1.t1"


class Telling(Engine):
    """An engine whose container was killed; `inspected` is set once that was seen."""

    def __init__(self, clock: SystemClock) -> None:
        super().__init__("unix:///nowhere", clock, "label")
        self.inspected = asyncio.Event()

    async def call(self, work: Any) -> Any:
        self.inspected.set()
        state = {"Status": "exited", "ExitCode": 137, "Pid": 0, "OOMKilled": False}
        return {"Id": "c", "State": state, "Config": {"Labels": {mapping.TASK_LABEL: "t1"}}}


def controller(engine: Engine, tmp_path: Path, *, limit: int) -> DockerController:
    task = make_task("t1", service_id="s1", slot=1, node_id="n1")
    task.service_annotations.name = "web"
    task.spec.resources.limits.memory_bytes = limit
    clock = SystemClock()
    host = Host(
        engine, Images(engine), Networks(engine, {}), PrivateFiles(tmp_path), clock, ProgressBoard(), {}
    )
    return DockerController(task, FixedDependencies(), host)


async def test_an_event_that_comes_after_the_end_names_the_cause(tmp_path: Path) -> None:
    """The state says nothing of memory; the event that follows does."""
    engine = Telling(SystemClock())
    waiting = asyncio.ensure_future(controller(engine, tmp_path, limit=1 << 24).wait())
    await engine.inspected.wait()
    engine._take("other", "oom")
    engine._take(NAME, "die")
    engine._take(NAME, "oom")
    with pytest.raises(ExitFailure, match="killed for using more memory"):
        await waiting


async def test_a_killed_container_of_which_the_engine_says_nothing(tmp_path: Path) -> None:
    """The engine of a busy machine loses the event. An event of an earlier run does not count; the limit is named as what may be the cause."""
    engine = Telling(SystemClock())
    for action, signal in (("oom", ""), ("kill", "9"), ("start", ""), ("kill", "1")):
        engine._take(NAME, action, signal)
    with pytest.raises(ExitFailure, match="perhaps for using more memory than its limit"):
        await controller(engine, tmp_path, limit=1 << 24).wait()


@pytest.mark.parametrize(("limit", "signal"), [(0, ""), (0, "9"), (1 << 24, "9")])
async def test_a_container_that_somebody_killed_is_not_said_to_be_out_of_memory(
    tmp_path: Path, limit: int, signal: str
) -> None:
    """Without a limit, or when the engine was asked to kill it, the exit code alone is told."""
    engine = Telling(SystemClock())
    engine._take(NAME, "kill", signal)
    with pytest.raises(ExitFailure) as failure:
        await controller(engine, tmp_path, limit=limit).wait()
    assert "memory" not in str(failure.value)
