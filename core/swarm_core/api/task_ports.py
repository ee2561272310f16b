"""Which ports of its node a process task answers on, and how it is told (docs/design/ports.md P.1, P.2).

The node of a task writes the numbers into `status.port_status` before the task is started: an entry for each published port of the
task, with the number on this node as its published port. Everybody reads them there.
"""

from collections.abc import Iterable, Iterator

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import NodeDescription, PortConfig
from swarm_core.api.words import enum_word

GATE_PLUGIN = "Ingress"
"""The type of the engine plugin by which a node of ours tells the number of its gate."""
Key = tuple["PortConfig.Protocol.ValueType", int, "PortConfig.PublishMode.ValueType"]


def port_key(port: PortConfig) -> Key:
    """What tells the ports of one task apart: two that are published from the same target share one number on the node."""
    return port.protocol, port.target_port, port.publish_mode


def published(task: Task) -> Iterator[PortConfig]:
    """The ports that a process task is to answer on, one for each key."""
    seen: set[Key] = set()
    for port in task.endpoint.ports:
        if (key := port_key(port)) not in seen:
            seen.add(key)
            yield port


def local_ports(task: Task) -> list[PortConfig]:
    """The ports of its node that the task was given, in the order of its published ports."""
    return list(task.status.port_status.ports)


def has_all(task: Task) -> bool:
    """Whether the task was given a port of its node for each one that it publishes."""
    given = {port_key(port) for port in local_ports(task)}
    return all(port_key(port) in given for port in published(task))


def ingress_targets(task: Task) -> list[PortConfig]:
    """The ports of the task that the forwarders of all nodes lead to."""
    return [port for port in published(task) if port.publish_mode == PortConfig.INGRESS]


def gate_port(description: NodeDescription) -> int:
    """The port at which the node lets connections to its tasks in; 0 where it has none."""
    for plugin in description.engine.plugins:
        if plugin.type == GATE_PLUGIN and plugin.name.isascii() and plugin.name.isdecimal():
            return int(plugin.name) if int(plugin.name) < 1 << 16 else 0
    return 0


def variables(ports: Iterable[PortConfig]) -> dict[str, str]:
    """`PORT` is the first one; `PORT_<target>` the first of that target; `PORT_<target>_<PROTOCOL>` each."""
    env: dict[str, str] = {}
    for port in ports:
        number, target = str(port.published_port), port.target_port
        env.setdefault("PORT", number)
        env.setdefault(f"PORT_{target}", number)
        env.setdefault(f"PORT_{target}_{_word(port).upper()}", number)
    return env


def by_target(ports: Iterable[PortConfig]) -> dict[str, int]:
    """The numbers by "80" and by "80/tcp", as templates name them."""
    numbers: dict[str, int] = {}
    for port in ports:
        numbers.setdefault(str(port.target_port), port.published_port)
        numbers.setdefault(f"{port.target_port}/{_word(port)}", port.published_port)
    return numbers


def described(port: PortConfig) -> str:
    """ "8080/tcp", by the number on the node."""
    return f"{port.published_port}/{_word(port)}"


def _word(port: PortConfig) -> str:
    return enum_word(PortConfig.Protocol, port.protocol)
