"""What a node must have for a task: the filters of placement, in their order (docs/design/scheduling.md 3.5).

A filter looks at a task once and gives a check on nodes, or nothing when the task does not need it.
`Pipeline` holds the checks of one task. `first_failure` stops at the first filter that refuses, as the
scheduler counts; `verdicts` asks all of them, for people who want to know everything that is wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass

from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import Mount, NodeStatus, Platform, PortConfig
from swarm_core.api.runtimes import ATTACHMENT, CONTAINER, PROCESS, RUNTIME_PLUGIN, runtime_of
from swarm_core.api.words import cpu_words, enum_word, size_words
from swarm_core.rules.placement import constraint
from swarm_core.rules.placement.node_info import Demand, NodeInfo, Port
from swarm_core.rules.placement.volumes import Obstacle

Check = Callable[[NodeInfo], bool]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of nodes, for whoever says in words what they lack. `task_name` turns a task's id into its name."""

    task: Task
    demand: Demand
    task_name: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class Filter:
    """One rule. `is_fixed`: placing tasks on a node cannot change what the check says about it.

    `prepare` gives None when the task does not need the rule; `shortfall` says what a refused node lacks.
    """

    name: str
    is_fixed: bool
    prepare: Callable[[Task, Demand], Check | None]
    shortfall: Callable[[Question, NodeInfo], str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one filter says about one node; `shortfall` is empty when it passes."""

    filter: str
    passed: bool
    shortfall: str


def _ready(task: Task, demand: Demand) -> Check:
    return lambda info: info.is_ready


def _why_not_ready(question: Question, info: NodeInfo) -> str:
    node, reasons = info.node, []
    if node.status.state != NodeStatus.READY:
        reasons.append(enum_word(NodeStatus.State, node.status.state, "state"))
    if node.spec.availability != NodeSpec.Availability.ACTIVE:
        reasons.append(availability_words(node))
    return " and ".join(reasons)


def availability_words(node: Node) -> str:
    """drained, paused, active."""
    word = enum_word(NodeSpec.Availability, node.spec.availability, "availability")
    return {"drain": "drained", "pause": "paused"}.get(word, word)


def _resources(task: Task, demand: Demand) -> Check | None:
    cpus, memory, generic = demand.nano_cpus, demand.memory_bytes, demand.generic
    if cpus <= 0 and memory <= 0 and not generic:
        return None
    return lambda info: (
        cpus <= info.cpus_free and memory <= info.memory_free and (not generic or info.generic.has(generic))
    )


@dataclass(frozen=True, slots=True)
class Shortage:
    """A resource of which a node has less left than is asked, in words; `missing` is the part of it that is not there, up
    to 1, and more where the node owes already. `has_in_all`: the node would have enough if it were empty."""

    what: str
    asked: str
    free: str
    missing_words: str
    missing: float
    has_in_all: bool
    free_amount: int


def shortages(demand: Demand, info: NodeInfo) -> list[Shortage]:
    """What `info` has too little of for `demand`."""
    described = info.node.description.resources
    rows: list[tuple[str, int, int, int, Callable[[int], str]]] = [
        ("of memory", demand.memory_bytes, info.memory_free, described.memory_bytes, size_words),
        ("CPUs", demand.nano_cpus, info.cpus_free, described.nano_cpus, cpu_words),
        *(
            (kind, count, info.generic.free(kind), info.generic.offered(kind), str)
            for kind, count in demand.generic
        ),
    ]
    return [
        Shortage(
            what,
            f"{words(asked)} {what}",
            words(max(free, 0)),
            f"{words(asked - free)} {what}",
            (asked - free) / asked,
            has >= asked,
            free,
        )
        for what, asked, free, has, words in rows
        if asked > free and asked > 0
    ]


def _missing_resources(question: Question, info: NodeInfo) -> str:
    return ", ".join(f"{one.asked} asked, {one.free} free" for one in shortages(question.demand, info))


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
    return list(dict.fromkeys(required))


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


def missing_plugins(question: Question, info: NodeInfo) -> list[tuple[str, str]]:
    """Type and name of each plugin that the task needs and the node does not list."""
    return _lacking_plugins(_required_plugins(question.task), info)


def _plugins_in_words(question: Question, info: NodeInfo) -> str:
    lacking = missing_plugins(question, info)
    return "no " + ", ".join(f"{type_.lower()} plugin {name!r}" for type_, name in lacking)


def _needed_runtime(task: Task) -> str:
    """The runtime a node must offer; empty where every node may be asked."""
    runtime = runtime_of(task.spec)
    return "" if runtime == ATTACHMENT else runtime


def _offers(info: NodeInfo, runtime: str) -> bool:
    return offers(info.node, runtime)


def offers(node: Node, runtime: str) -> bool:
    """Whether a node runs tasks of this runtime. Nodes of ours list what they run as plugins of type Runtime. Docker Engines list none and
    run containers; a node that has not described its engine may run anything."""
    description = node.description
    if not description.HasField("engine"):
        return True
    offered = [plugin.name for plugin in description.engine.plugins if plugin.type == RUNTIME_PLUGIN]
    return runtime in offered if offered else runtime != PROCESS


def _runtime(task: Task, demand: Demand) -> Check | None:
    runtime = _needed_runtime(task)
    return (lambda info: _offers(info, runtime)) if runtime else None


def _other_runtime(question: Question, info: NodeInfo) -> str:
    runtime = _needed_runtime(question.task)
    return "no Docker Engine" if runtime == CONTAINER else f"does not run tasks of kind {runtime!r}"


def _constraints(task: Task, demand: Demand) -> Check | None:
    parsed = constraint.parse_or_none(task.spec.placement.constraints)
    return (lambda info: constraint.match(parsed, info.node)) if parsed else None


def _unmet_constraints(question: Question, info: NodeInfo) -> str:
    return ", ".join(
        f"{one} ({_has(one.actual(info.node))})" for one in unmet_constraints(question.task, info)
    )


def unmet_constraints(task: Task, info: NodeInfo) -> list[constraint.Constraint]:
    """The constraints of `task` that `info` does not meet."""
    parsed = constraint.parse_or_none(task.spec.placement.constraints)
    return [one for one in parsed if not one.matches(info.node)]


def _has(actual: str | None) -> str:
    return "no node has such a key" if actual is None else f"is {actual!r}" if actual else "has none"


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


def _other_platform(question: Question, info: NodeInfo) -> str:
    wanted = " or ".join(
        f"{platform.os or 'any'}/{platform.architecture or 'any'}"
        for platform in question.task.spec.placement.platforms
    )
    platform = info.node.description.platform
    return f"needs {wanted}, is {platform.os or 'unknown'}/{platform.architecture or 'unknown'}"


def _host_ports(task: Task, demand: Demand) -> Check | None:
    ports = demand.ports
    return (lambda info: not any(port in info.ports for port in ports)) if ports else None


def _taken_ports(question: Question, info: NodeInfo) -> str:
    return ", ".join(f"{port_words(port)} taken by {owner}" for port, owner in taken_ports(question, info))


def port_words(port: Port) -> str:
    """8080/tcp."""
    return f"{port[1]}/{enum_word(_PROTOCOL, port[0])}"


def taken_ports(question: Question, info: NodeInfo) -> list[tuple[Port, str]]:
    """The ports asked for that are taken on `info`, each with the names of the tasks that have it."""
    taken = sorted({port for port in question.demand.ports if port in info.ports})
    return [(port, ", ".join(map(question.task_name, info.holders(port)))) for port in taken]


def _max_replicas(task: Task, demand: Demand) -> Check | None:
    limit, service_id = task.spec.placement.max_replicas, demand.service_id
    return (lambda info: info.active_of.get(service_id, 0) < limit) if limit else None


def _too_many_replicas(question: Question, info: NodeInfo) -> str:
    have = info.active_of.get(question.demand.service_id, 0)
    return f"has {have} of at most {question.task.spec.placement.max_replicas}"


def _volumes(task: Task, demand: Demand) -> Check | None:
    mounts = demand.mounts
    return (lambda info: info.volumes.choose(mounts, info.node) is not None) if mounts else None


def missing_volumes(question: Question, info: NodeInfo) -> list[Obstacle]:
    """What stands between the node and each volume that the task mounts."""
    return list(info.volumes.obstacles(question.demand.mounts, info.node))


def _volumes_in_words(question: Question, info: NodeInfo) -> str:
    return ", ".join(obstacle.text for obstacle in missing_volumes(question, info))


FILTERS = (
    Filter("ready", True, _ready, _why_not_ready),
    Filter("resources", False, _resources, _missing_resources),
    Filter("runtime", True, _runtime, _other_runtime),
    Filter("plugins", True, _plugins, _plugins_in_words),
    Filter("constraints", True, _constraints, _unmet_constraints),
    Filter("platform", True, _platforms, _other_platform),
    Filter("host port", False, _host_ports, _taken_ports),
    Filter("max replicas", False, _max_replicas, _too_many_replicas),
    Filter("volumes", False, _volumes, _volumes_in_words),
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

    def question(self, task_name: Callable[[str], str] = str) -> Question:
        """What this pipeline asks, for words."""
        return Question(self._task, self.demand, task_name)

    @property
    def filters(self) -> tuple[Filter, ...]:
        """The filters that the task needs, in their order."""
        return tuple(FILTERS[index] for index, _ in self._active)

    def verdicts(self, info: NodeInfo, task_name: Callable[[str], str] = str) -> list[Verdict]:
        """What each filter that the task needs says about `info`, in their order."""
        answers, question = [], self.question(task_name)
        for index, check in self._active:
            rule, passed = FILTERS[index], check(info)
            answers.append(Verdict(rule.name, passed, "" if passed else rule.shortfall(question, info)))
        return answers
