"""Several runtimes as one executor."""

import random
from typing import Any

import pytest
from swarm_agentd.exec import errors
from swarm_agentd.executors.runtimes import Runtimes
from swarm_agentd.executors.simulated.executor import (
    Behaviour,
    Machine,
    SimulatedController,
    SimulatedExecutor,
)
from swarm_core.api.proto.types_pb2 import GenericResource, NodeDescription
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.conformance.executor import FixedDependencies
from swarm_testkit.factories import make_resources, make_task, make_task_spec


class Engine(SimulatedExecutor):
    """A simulated executor that describes itself as it is told, or is away."""

    def __init__(self, description: NodeDescription | None) -> None:
        super().__init__(Machine(Behaviour(), SystemClock(), random.Random(1)))
        self.description = description
        self.calls: list[Any] = []

    async def describe(self) -> NodeDescription:
        if self.description is None:
            raise errors.Temporary("engine away")
        return self.description

    async def retain(self, task_ids: Any) -> None:
        self.calls.append(set(task_ids))


def description(hostname: str, runtime: str, **labels: str) -> NodeDescription:
    made = NodeDescription(hostname=hostname)
    made.engine.engine_version = f"{hostname}-1"
    made.engine.labels.update(labels)
    made.engine.plugins.add(type="Runtime", name=runtime)
    return made


async def test_tasks_go_to_their_runtime() -> None:
    """The runtime of the spec picks the executor, in any case; one that is not offered is refused."""
    runtimes = Runtimes({"process": Engine(description("a", "process"))})
    process = make_task("t", spec=make_task_spec(command=["true"]))
    assert isinstance(runtimes.controller(process, FixedDependencies()), SimulatedController)
    process.spec.generic.kind = "Process"
    assert isinstance(runtimes.controller(process, FixedDependencies()), SimulatedController)
    with pytest.raises(errors.UnsupportedRuntime, match="runtime container"):
        runtimes.controller(make_task("c"), FixedDependencies())


async def test_descriptions_are_united() -> None:
    """The first names the machine, plugins and labels of all are there, the operator's resources count."""
    first, second = (
        Engine(description("a", "container", zone="x", a="1")),
        Engine(description("b", "process", zone="y", b="2")),
    )
    generic: list[GenericResource] = list(make_resources(generic={"gpu": 2}).generic)
    made = await Runtimes({"container": first, "process": second}, generic).describe()
    assert made.hostname == "a" and made.engine.engine_version == "a-1"
    assert dict(made.engine.labels) == {"zone": "x", "a": "1", "b": "2"}
    assert [(plugin.type, plugin.name) for plugin in made.engine.plugins] == [
        ("Runtime", "container"),
        ("Runtime", "process"),
    ]
    assert made.resources.generic[0].discrete_resource_spec.value == 2


async def test_a_runtime_that_is_away_is_left_out() -> None:
    """An engine that does not answer takes nothing from the others; when none answers, that is said."""
    away, here = Engine(None), Engine(description("b", "process"))
    made = await Runtimes({"container": away, "process": here}).describe()
    assert [plugin.name for plugin in made.engine.plugins] == ["process"]
    with pytest.raises(errors.Temporary):
        await Runtimes({"container": away}).describe()


async def test_retain_reaches_each_executor_once() -> None:
    """An executor that offers two runtimes is asked once."""
    both = Engine(description("a", "process"))
    await Runtimes({"container": both, "process": both}).retain(["t"])
    assert both.calls == [{"t"}]
