"""Tasks: which ones a list call means (docs/design/control-api.md 4.2)."""

import pytest
from swarm_core.api.proto import control_pb2
from swarm_core.manager.control_api.tasks import TasksApi
from swarm_core.rpc.caller import Caller
from swarm_core.store.memory import MemoryStore
from swarm_testkit.factories import make_task

CALLER = Caller("operator", frozenset({"swarm-manager"}), "org", "127.0.0.1:1", is_local=True)


@pytest.fixture
def api(store: MemoryStore) -> TasksApi:
    return TasksApi(store)


async def test_task_filters(api: TasksApi, store: MemoryStore) -> None:
    """Tasks are selected by service, node, desired state and id prefix."""
    first, second = (
        make_task("aa", service_id="s1", node_id="n1"),
        make_task("ab", service_id="s1", node_id="n2"),
    )
    for task in (first, second):
        await store.update(lambda tx, task=task: tx.create(task))  # type: ignore[misc]
    for field, value, want in (
        ("service_ids", "s1", ["aa", "ab"]),
        ("node_ids", "n2", ["ab"]),
        ("id_prefixes", "aa", ["aa"]),
        ("desired_states", first.desired_state, ["aa", "ab"]),
        ("runtimes", "Container", ["aa", "ab"]),
        ("service_ids", "none", []),
    ):
        request = control_pb2.ListTasksRequest()
        getattr(request.filters, field).append(value)
        found = (await api.list_tasks(request, CALLER)).tasks
        assert [task.id for task in found] == want, field
