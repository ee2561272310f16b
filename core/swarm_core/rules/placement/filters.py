"""What a node must have for a task: the filters of placement, in their order (docs/design/scheduling.md 3.5).

A filter looks at a task once and gives a check on nodes, or nothing when the task does not need it.
`Pipeline` holds the checks of one task. `first_failure` stops at the first filter that refuses, as the
scheduler counts; `verdicts` asks all of them, for people who want to know everything that is wrong.

Volumes of kind CLUSTER are no filter here yet: the control API refuses specs that ask for one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import Mount, NodeStatus, Platform, PortConfig
from swarm_core.api.runtimes import ATTACHMENT, CONTAINER, PROCESS, RUNTIME_PLUGIN, runtime_of
from swarm_core.api.words import enum_word
from swarm_core.rules.placement import constraint
from swarm_core.rules.placement.node_info import Demand, NodeInfo

Check = Callable[[NodeInfo], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """One rule. `is_fixed`: placing tasks on a node cannot change what the check says about it.

    `prepare` gives None when the task does not need the rule; `shortfall` says what a refused node lacks.
    """

    name: str
    is_fixed: bool
    prepare: Callable[[Task, Demand], Check | None]
    shortfall: Callable[[Task, Demand, NodeInfo], str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one filter says about one node; `shortfall` is empty when it passes."""

    filter: str
    passed: bool
    shortfall: str


def _ready(task: Task, demand: Demand) -> Check:
    return lambda info: info.is_ready


def _why_not_ready(task: Task, demand: Demand, info: NodeInfo) -> str:
    state = enum_word(NodeStatus.State, info.node.status.state)
    return f"status {state}, availability {enum_word(NodeSpec.Availability, info.node.spec.availability)}"


def _resources(task: Task, demand: Demand) -> Check | None:
    cpus, memory, generic = demand.nano_cpus, demand.memory_bytes, demand.generic
    if cpus <= 0 and memory <= 0 and not generic:
        return None
    return lambda info: (
        cpus <= info.cpus_free and memory <= info.memory_free and (not generic or info.generic.has(generic))
    )


def _missing_resources(task: Task, demand: Demand, info: NodeInfo) -> str:
    rows = [
        ("CPUs", demand.nano_cpus / 1e9, info.cpus_free / 1e9),
        ("MiB of memory", demand.memory_bytes / 2**20, info.memory_free / 2**20),
        *((kind, count, info.generic.free(kind)) for kind, count in demand.generic),
    ]
    return ", ".join(f"needs {want:g} {what}, {free:g} free" for what, want, free in rows if want > free)


def _required_plugins(task: Task) -> list[tuple[str, str]]:
    required = [
        ("Volume", mount.volume_options.driver_config.name)
        for mount in task.spec.container.mounts
        if mount.type == Mount.VOLUME and mount.volume_options.driver_config.name not in ("", "local")
    ]
    required += [
        ("Network", attachment.network.driver_state.name)
        for attachment in task.networks
        if attachment.network.driver_state.name
    ]
    if task.spec.log_driver.name not in ("", "none"):
        required.append(("Log", task.spec.log_driver.name))
    return required


def _lacking_plugins(required: list[tuple[str, str]], info: NodeInfo) -> list[tuple[str, str]]:
    if not info.node.description.HasField("engine"):
        return []
    offered = {(plugin.type, plugin.name) for plugin in info.node.description.engine.plugins}
    reports_logs = any(type_ == "Log" for type_, _ in offered)
    return [
        (type_, name)
        for type_, name in required
        if (type_, name) not in offered
        and (type_, f"{name}:latest") not in offered
        and (type_ != "Log" or reports_logs)
    ]


def _plugins(task: Task, demand: Demand) -> Check | None:
    required = _required_plugins(task)
    return (lambda info: not _lacking_plugins(required, info)) if required else None


def _missing_plugins(task: Task, demand: Demand, info: NodeInfo) -> str:
    lacking = _lacking_plugins(_required_plugins(task), info)
    return "no " + ", ".join(f"{type_.lower()} plugin {name!r}" for type_, name in lacking)


def _needed_runtime(task: Task) -> str:
    """The runtime a node must offer; empty where every node may be asked."""
    runtime = runtime_of(task.spec)
    return "" if runtime == ATTACHMENT else runtime


def _offers(info: NodeInfo, runtime: str) -> bool:
    """Nodes of ours list what they run as plugins of type Runtime. Docker Engines list none and run containers;
    a node that has not described its engine may run anything."""
    description = info.node.description
    if not description.HasField("engine"):
        return True
    offered = [plugin.name for plugin in description.engine.plugins if plugin.type == RUNTIME_PLUGIN]
    return runtime in offered if offered else runtime != PROCESS


def _runtime(task: Task, demand: Demand) -> Check | None:
    runtime = _needed_runtime(task)
    return (lambda info: _offers(info, runtime)) if runtime else None


def _other_runtime(task: Task, demand: Demand, info: NodeInfo) -> str:
    runtime = _needed_runtime(task)
    return "no Docker Engine" if runtime == CONTAINER else f"does not run tasks of kind {runtime!r}"


def _constraints(task: Task, demand: Demand) -> Check | None:
    parsed = constraint.parse_or_none(task.spec.placement.constraints)
    return (lambda info: constraint.match(parsed, info.node)) if parsed else None


def _unmet_constraints(task: Task, demand: Demand, info: NodeInfo) -> str:
    unmet = (
        one for one in constraint.parse_or_none(task.spec.placement.constraints) if not one.matches(info.node)
    )
    return ", ".join(f"{one} (is {one.actual(info.node)!r})" for one in unmet)


_PROTOCOL = PortConfig.Protocol
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def _platforms(task: Task, demand: Demand) -> Check | None:
    wanted = [_normal(platform) for platform in task.spec.placement.platforms]
    if not wanted:
        return None

    def fits(info: NodeInfo) -> bool:
        if not info.node.description.HasField("platform"):
            return False
        architecture, os = _normal(info.node.description.platform)
        return any(arch in ("", architecture) and system in ("", os) for arch, system in wanted)

    return fits


def _normal(platform: Platform) -> tuple[str, str]:
    return _ARCHITECTURES.get(platform.architecture, platform.architecture), platform.os


def _other_platform(task: Task, demand: Demand, info: NodeInfo) -> str:
    wanted = " or ".join(
        f"{platform.os or 'any'}/{platform.architecture or 'any'}"
        for platform in task.spec.placement.platforms
    )
    platform = info.node.description.platform
    return f"needs {wanted}, is {platform.os or 'unknown'}/{platform.architecture or 'unknown'}"


def _host_ports(task: Task, demand: Demand) -> Check | None:
    ports = demand.ports
    return (lambda info: not any(port in info.ports for port in ports)) if ports else None


def _taken_ports(task: Task, demand: Demand, info: NodeInfo) -> str:
    taken = sorted(port for port in demand.ports if port in info.ports)
    return "taken: " + ", ".join(f"{number}/{enum_word(_PROTOCOL, protocol)}" for protocol, number in taken)


def _max_replicas(task: Task, demand: Demand) -> Check | None:
    limit, service_id = task.spec.placement.max_replicas, demand.service_id
    return (lambda info: info.active_of.get(service_id, 0) < limit) if limit else None


def _too_many_replicas(task: Task, demand: Demand, info: NodeInfo) -> str:
    return f"has {info.active_of.get(demand.service_id, 0)} of at most {task.spec.placement.max_replicas}"


FILTERS = (
    Filter("ready", True, _ready, _why_not_ready),
    Filter("resources", False, _resources, _missing_resources),
    Filter("runtime", True, _runtime, _other_runtime),
    Filter("plugins", True, _plugins, _missing_plugins),
    Filter("constraints", True, _constraints, _unmet_constraints),
    Filter("platform", True, _platforms, _other_platform),
    Filter("host port", False, _host_ports, _taken_ports),
    Filter("max replicas", False, _max_replicas, _too_many_replicas),
)


class Pipeline:
    """The filters one task needs. Tasks with equal specs share one."""

    __slots__ = ("_active", "_task", "_varying", "demand")

    def __init__(self, task: Task, demand: Demand | None = None) -> None:
        self.demand = demand or Demand.of(task)
        self._task = task
        prepared = ((index, rule, rule.prepare(task, self.demand)) for index, rule in enumerate(FILTERS))
        self._active = [(index, check) for index, _, check in prepared if check is not None]
        self._varying = [check for index, check in self._active if not FILTERS[index].is_fixed]

    def first_failure(self, info: NodeInfo) -> int | None:
        """The place in FILTERS of the first that refuses `info`, or None when it passes them all."""
        for index, check in self._active:
            if not check(info):
                return index
        return None

    def passes(self, info: NodeInfo) -> bool:
        """Whether `info` passes every filter."""
        return all(check(info) for _, check in self._active)

    def still_passes(self, info: NodeInfo) -> bool:
        """As `passes`, for a node that passed before and has only been given tasks since."""
        return not self._varying or all(check(info) for check in self._varying)

    def verdicts(self, info: NodeInfo) -> list[Verdict]:
        """What each filter that the task needs says about `info`."""
        answers = []
        for index, check in self._active:
            rule, passed = FILTERS[index], check(info)
            answers.append(
                Verdict(rule.name, passed, "" if passed else rule.shortfall(self._task, self.demand, info))
            )
        return answers
