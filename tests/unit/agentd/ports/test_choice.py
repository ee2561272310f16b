"""Which ports of its node a task gets."""

import random

from swarm_agentd.ports.choice import LocalPorts
from swarm_agentd.ports.limits import LOCAL_FIRST, LOCAL_LAST
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.task_ports import by_target, has_all, local_ports, variables
from swarm_testkit.port_nodes import process_task, tcp, udp


def ports_of(task: Task) -> list[int]:
    return [port.published_port for port in local_ports(task)]


def chooser(*taken: int, seed: int = 1) -> LocalPorts:
    return LocalPorts(random.Random(seed), is_free=lambda _, number: number not in taken)


def test_numbers_are_picked_or_taken_over() -> None:
    """A host port with a number keeps it; a host port without one and an ingress port get one of the range that nobody else has."""
    task = process_task("t", tcp(80, 8080, "HOST"), tcp(81, 0, "HOST"), tcp(82, 30000))
    chooser().give(task)
    given, first, second = ports_of(task)
    assert given == 8080 and first != second
    assert all(LOCAL_FIRST <= number <= LOCAL_LAST for number in (first, second))
    assert has_all(task)


def test_one_target_has_one_number() -> None:
    """TCP and UDP of one target share a picked number, and two published ports of one target share the task's port."""
    task = process_task("t", tcp(53, 30053), udp(53, 30053), tcp(53, 30054))
    chooser().give(task)
    assert len(ports_of(task)) == 2 and len(set(ports_of(task))) == 1


def test_tasks_of_a_node_differ() -> None:
    """A thousand tasks of one service on one node have a thousand numbers; a task that is gone gives its own back."""
    numbers = chooser()
    tasks = [process_task(f"t{index}", tcp(80, 30080)) for index in range(1000)]
    for task in tasks:
        numbers.give(task)
    assert len({number for task in tasks for number in ports_of(task)}) == 1000
    everything = LOCAL_LAST - LOCAL_FIRST + 1
    for index in range(everything - 1000):
        numbers.give(process_task(f"u{index}", tcp(80, 30080)))
    refused = process_task("late", tcp(80, 30080))
    numbers.give(refused)
    assert not has_all(refused) and not local_ports(refused)
    numbers.release("t0")
    numbers.give(refused)
    assert ports_of(refused) == ports_of(tasks[0])


def test_ports_of_strangers_are_left() -> None:
    """A number on which somebody listens is not picked."""
    free = LOCAL_FIRST + 7
    numbers = LocalPorts(random.Random(1), is_free=lambda _, number: number == free)
    task = process_task("t", tcp(80, 30080))
    numbers.give(task)
    assert ports_of(task) == [free]


def test_numbers_are_kept() -> None:
    """A task that has its numbers, from before a restart, keeps them; no other task gets them."""
    task = process_task("t", tcp(80, 30080))
    chooser(seed=3).give(task)
    kept = ports_of(task)
    later = chooser(seed=3)
    later.adopt(task)
    later.give(task)
    other = process_task("u", tcp(80, 30080))
    later.give(other)
    assert ports_of(task) == kept and ports_of(other) != kept


def test_what_the_process_is_told() -> None:
    """$PORT is the first port, $PORT_<target> the first of that target, with the protocol each; templates have the same."""
    task = process_task("t", tcp(80, 8080, "HOST"), udp(53, 30053), tcp(53, 30053))
    chooser().give(task)
    dns = ports_of(task)[1]
    assert variables(local_ports(task)) == {
        "PORT": "8080",
        "PORT_80": "8080",
        "PORT_80_TCP": "8080",
        "PORT_53": str(dns),
        "PORT_53_UDP": str(dns),
        "PORT_53_TCP": str(dns),
    }
    assert by_target(local_ports(task))["53/udp"] == dns and by_target(local_ports(task))["80"] == 8080
