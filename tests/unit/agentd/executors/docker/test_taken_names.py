"""A container whose name the engine has taken already (docs/design/docker-executor.md 7.5.3)."""

from pathlib import Path
from typing import Any

import pytest
from swarm_agentd.exec.errors import AlreadyPrepared
from swarm_agentd.exec.private_files import PrivateFiles
from swarm_agentd.exec.progress import ProgressBoard
from swarm_agentd.executors.docker import mapping
from swarm_agentd.executors.docker.controller import DockerController, Host
from swarm_agentd.executors.docker.engine import Conflict, Engine, NotFound
from swarm_core.runtime.clock import SystemClock
from swarm_core.runtime.tasks import Group
from swarm_testkit.conformance.executor import FixedDependencies
from swarm_testkit.factories import make_task
from swarm_testkit.manual_clock import ManualClock, settle

NAME = "web.1.t1"
TAKEN = f'Conflict. The container name "/{NAME}" is already in use.'


class Making(Engine):
    """An engine that is making the container of that name; `there` says whose it is once it shows it."""

    def __init__(self) -> None:
        super().__init__("unix:///nowhere", SystemClock(), "label")
        self.there: str | None = None
        self.looks = 0

    async def call(self, work: Any) -> Any:
        return work(self)

    @property
    def api_version(self) -> str:
        return "1.41"

    def inspect_container(self, name: str) -> Any:
        self.looks += 1
        if self.there is None:
            raise NotFound(f"No such container: {name}")
        return {"Id": "c", "Config": {"Labels": {mapping.TASK_LABEL: self.there}}}

    def create_container_from_config(self, body: object, name: str) -> Any:
        raise Conflict(TAKEN)


class Nothing:
    """Images and networks that are there."""

    async def provide(self, *what: object) -> None: ...


def controller(engine: Engine, clock: ManualClock, tmp_path: Path) -> DockerController:
    task = make_task("t1", service_id="s1", slot=1, node_id="n1")
    task.service_annotations.name = "web"
    host = Host(engine, Nothing(), Nothing(), PrivateFiles(tmp_path), clock, ProgressBoard(), {})  # type: ignore[arg-type]
    return DockerController(task, FixedDependencies(), host)


@pytest.mark.parametrize("is_told", [True, False])
async def test_one_that_is_being_made_for_the_task_is_waited_for(tmp_path: Path, is_told: bool) -> None:
    """A task that changes while its container is made is prepared again; with or without an event of the engine it goes on."""
    engine, clock = Making(), ManualClock()
    async with Group() as group:
        preparing = group.spawn(_outcome(controller(engine, clock, tmp_path)), name="prepare")
        await settle()
        assert not preparing.done()
        engine.there = "t1"
        if is_told:
            engine._take(NAME, "create")
        else:
            await clock.advance(1)
        await settle()
        assert isinstance(preparing.result(), AlreadyPrepared)


async def test_one_of_somebody_else_refuses_the_task_at_once(tmp_path: Path) -> None:
    """It is left alone."""
    engine, clock = Making(), ManualClock()
    engine.there = "another"
    assert str(await _outcome(controller(engine, clock, tmp_path))) == TAKEN
    assert engine.looks == 2


async def test_a_name_that_stays_taken_refuses_the_task(tmp_path: Path) -> None:
    """An engine may keep a name for good after a crash; the service's next task has another."""
    engine, clock = Making(), ManualClock()
    async with Group() as group:
        preparing = group.spawn(_outcome(controller(engine, clock, tmp_path)), name="prepare")
        await clock.advance(29)
        assert not preparing.done()
        await clock.advance(2)
        assert str(preparing.result()) == TAKEN


async def _outcome(one: DockerController) -> Exception:
    """What preparing ends with."""
    with pytest.raises((AlreadyPrepared, Conflict)) as ended:
        await one.prepare()
    return ended.value
