"""Which slots of a replicated service to fill, keep and give up (docs/design/tasks.md 1.5; docs/design/orchestration.md 2.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import RUNNING
from swarm_core.rules.slots import SlotChanges, by_slot, rank, reconcile
from swarm_testkit.factories import make_task


def live_only(tasks: list[Task]) -> list[Task]:
    return [task for task in tasks if task.desired_state <= RUNNING]


def make_slots(*tasks: tuple[int, str, str]) -> list[Task]:
    return [
        make_task(slot=slot, node_id=node, desired=desired, state="RUNNING") for slot, node, desired in tasks
    ]


def changes(tasks: list[Task], replicas: int) -> SlotChanges:
    return reconcile(by_slot(tasks), replicas, live_only)


def test_more_wanted_fills_the_lowest_free_numbers() -> None:
    """docs/design/tasks.md 1.5.1 and 2.1: new slots take the lowest numbers from 1 that are not live."""
    todo = changes(make_slots((2, "a", "RUNNING"), (5, "a", "RUNNING")), 6)
    assert (todo.create, todo.remove, todo.clear) == ([1, 3, 4, 6], [], [])


def test_refilled_dead_slot_keeps_its_history() -> None:
    """2.1: a dead slot that is filled again is not cleared; the other dead slots are."""
    tasks = make_slots((1, "a", "SHUTDOWN"), (2, "a", "RUNNING"), (7, "a", "SHUTDOWN"))
    todo = changes(tasks, 2)
    assert todo.create == [1]
    assert [task.slot for task in todo.clear] == [7]


def test_as_many_as_wanted_clears_dead_slots() -> None:
    """2.1: with the count right only the dead slots' tasks go."""
    todo = changes(make_slots((1, "a", "RUNNING"), (2, "a", "SHUTDOWN"), (2, "b", "SHUTDOWN")), 1)
    assert (todo.create, todo.remove) == ([], [])
    assert [task.slot for task in todo.clear] == [2, 2]


def test_fewer_wanted_removes_all_tasks_of_surplus_slots() -> None:
    """2.1: every task of a surplus slot is to be removed, its history with it."""
    todo = changes(make_slots((1, "a", "RUNNING"), (2, "b", "RUNNING"), (2, "b", "SHUTDOWN")), 1)
    assert todo.create == []
    assert [task.slot for task in todo.remove] == [2, 2]


def test_tasks_on_their_way_out_make_no_slot() -> None:
    """2.1 (fix): tasks desired REMOVE are neither live nor dead; the reaper has them."""
    todo = changes(make_slots((1, "a", "REMOVE"), (2, "a", "REMOVE")), 1)
    assert (todo.create, todo.remove, todo.clear) == ([1], [], [])


def test_scale_down_balances_nodes() -> None:
    """2.1: the most crowded node loses tasks first, and of equal ones the highest number."""
    tasks = make_slots(*((slot, node, "RUNNING") for slot, node in enumerate("aaabbc", start=1)))
    assert rank(by_slot(tasks)) == [1, 4, 6, 2, 5, 3]


def test_scale_down_prefers_slots_without_a_settled_task() -> None:
    """docs/design/tasks.md 1.5.2 and 2.1: slots with several tasks or without a node go before all others."""
    tasks = make_slots((1, "a", "RUNNING"), (1, "b", "RUNNING"), (2, "", "RUNNING"), (3, "a", "RUNNING"))
    assert rank(by_slot(tasks)) == [3, 1, 2]


def test_scale_down_keeps_running_ones() -> None:
    """2.1: on one node those that run are kept, whatever their number."""
    tasks = make_slots((1, "a", "RUNNING"), (2, "a", "RUNNING"), (3, "a", "RUNNING"))
    tasks[0].status.state = 448
    assert rank(by_slot(tasks)) == [2, 3, 1]


@pytest.mark.parametrize("replicas", [0, 1, 5])
def test_nothing_to_nothing(replicas: int) -> None:
    """2.1: a service without tasks gets exactly its count."""
    assert changes([], replicas).create == list(range(1, replicas + 1))


TASKS = st.tuples(
    st.integers(1, 6), st.sampled_from(["", "a", "b"]), st.sampled_from(["RUNNING", "SHUTDOWN", "REMOVE"])
)


@given(st.lists(TASKS, max_size=14), st.integers(0, 8))
def test_reconcile_reaches_the_count_at_once(shape: list[tuple[int, str, str]], replicas: int) -> None:
    """2.1: applying the changes leaves exactly the wanted live slots and nothing more to do."""
    tasks = make_slots(*shape)
    todo = changes(tasks, replicas)
    gone = {task.id for task in (*todo.remove, *todo.clear)}
    left = [task for task in tasks if task.id not in gone]
    left += [make_task(slot=slot, state="PENDING") for slot in todo.create]
    live = [slot for slot, members in by_slot(left).items() if live_only(members)]
    assert len(live) == replicas
    again = changes(left, replicas)
    assert (again.create, again.remove, again.clear) == ([], [], [])
    assert not any(task.desired_state == 800 for task in (*todo.remove, *todo.clear))
