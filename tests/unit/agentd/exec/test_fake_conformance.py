"""The fake executor keeps the promises of the port, so that what is tested with it holds for the others."""

import pytest
from swarm_agentd.exec.executor import Executor
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import ASSIGNED
from swarm_testkit.conformance.executor import ExecutorConformance, Work
from swarm_testkit.fakes import FakeExecutor, World


class FakeBench:
    def __init__(self) -> None:
        self.world = World()

    def executor(self) -> Executor:
        return FakeExecutor(self.world)

    def task(self, work: Work, task_id: str) -> Task:
        task = Task(id=task_id)
        task.status.state = ASSIGNED
        task.spec.container.image = work.name.lower()
        return task


@pytest.fixture
def bench() -> FakeBench:
    return FakeBench()


class TestFakeExecutor(ExecutorConformance):
    pass
