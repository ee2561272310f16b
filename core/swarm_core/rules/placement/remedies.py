"""What would make a node take a task that one filter refuses, and how much of a change that is (docs/design/scheduling.md 3.12).

A remedy completes a list: half a sentence, an order to a person, that names the node and the numbers.
"""

from collections.abc import Callable

from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import NodeStatus
from swarm_core.api.runtimes import CONTAINER, runtime_of
from swarm_core.api.words import enum_word
from swarm_core.rules.placement.filters import (
    FILTERS,
    Question,
    availability_words,
    missing_plugins,
    missing_volumes,
    port_words,
    shortages,
    taken_ports,
    unmet_constraints,
)
from swarm_core.rules.placement.node_info import NodeInfo
from swarm_core.rules.placement.summaries import node_name

_LABEL, _ENGINE_LABEL = "node.labels.", "engine.labels."


def remedy(filter_name: str, question: Question, info: NodeInfo) -> str:
    """What to do so that this filter takes the node."""
    return _REMEDIES[filter_name][1](question, info)


def effort(filter_name: str, question: Question, info: NodeInfo) -> float:
    """How much that is, beside others: below 1 a word on the command line, above 3 another machine."""
    return _REMEDIES[filter_name][0](question, info)


def _ready(question: Question, info: NodeInfo) -> str:
    parts = []
    if info.node.status.state != NodeStatus.READY:
        parts.append(f"bring {node_name(info)} back, it is {_state(info)}")
    if info.node.spec.availability != NodeSpec.Availability.ACTIVE:
        parts.append(f"activate {node_name(info)}, it is {availability_words(info.node)}")
    return " and ".join(parts)


def _state(info: NodeInfo) -> str:
    return enum_word(NodeStatus.State, info.node.status.state, "state")


def _resources(question: Question, info: NodeInfo) -> str:
    short, name = shortages(question.demand, info), node_name(info)
    less = " and ".join(f"{one.free} {one.what}" for one in short)
    free = f"free {' and '.join(one.missing_words for one in short)} on {name}"
    has_some, has_in_all = all(one.free_amount > 0 for one in short), all(one.has_in_all for one in short)
    if has_some:
        text = f"ask for at most {less}, {name} has no more"
        return f"{text}; or {free}" if has_in_all else text
    lacking = " and ".join(one.asked for one in short)
    return free if has_in_all else f"add a node with {lacking}, or ask for less than {name} has"


def _runtime(question: Question, info: NodeInfo) -> str:
    runtime = runtime_of(question.task.spec)
    kind = "containers" if runtime == CONTAINER else f"tasks of kind {runtime!r}"
    return f"let {node_name(info)} run {kind}"


def _plugins(question: Question, info: NodeInfo) -> str:
    lacking = " and ".join(
        f"the {type_.lower()} plugin {name}" for type_, name in missing_plugins(question, info)
    )
    return f"install {lacking} on {node_name(info)}"


def _constraints(question: Question, info: NodeInfo) -> str:
    return " and ".join(
        _constraint(one.key, one.value, one.is_equality, info)
        for one in unmet_constraints(question.task, info)
    )


def _constraint(key: str, value: str, is_equality: bool, info: NodeInfo) -> str:
    name, lowered = node_name(info), key.lower()
    if lowered.startswith(_LABEL):
        label = key[len(_LABEL) :]
        return (
            f"label {name} {label}={value}" if is_equality else f"take the label {label}={value} from {name}"
        )
    drop = f"drop the constraint {key} {'==' if is_equality else '!='} {value}"
    if lowered.startswith(_ENGINE_LABEL) and is_equality:
        return f"start the engine of {name} with the label {key[len(_ENGINE_LABEL) :]}={value}, or {drop}"
    if lowered == "node.role":
        wants_manager = (value.lower() == "manager") == is_equality
        return f"{'promote' if wants_manager else 'demote'} {name}, or {drop}"
    return f"{drop}, which {name} does not meet"


def _platform(question: Question, info: NodeInfo) -> str:
    platform = info.node.description.platform
    return f"use an image for {platform.os or 'its system'}/{platform.architecture or 'unknown'}, which {node_name(info)} is"


def _host_port(question: Question, info: NodeInfo) -> str:
    taken = taken_ports(question, info)
    ports = " and ".join(port_words(port) for port, _ in taken)
    owners = ", ".join(dict.fromkeys(owner for _, owner in taken))
    return f"publish another port than {ports}, or remove what has it on {node_name(info)} ({owners})"


def _max_replicas(question: Question, info: NodeInfo) -> str:
    limit = question.task.spec.placement.max_replicas
    return f"allow more than {limit} replicas per node, or add a node"


def _volumes(question: Question, info: NodeInfo) -> str:
    return " and ".join(dict.fromkeys(obstacle.remedy for obstacle in missing_volumes(question, info)))


def _ready_effort(question: Question, info: NodeInfo) -> float:
    is_inactive = info.node.spec.availability != NodeSpec.Availability.ACTIVE
    return 0.5 * is_inactive + 2.5 * (info.node.status.state != NodeStatus.READY)


def _constraint_effort(question: Question, info: NodeInfo) -> float:
    unmet = unmet_constraints(question.task, info)
    return sum(0.6 if one.key.lower().startswith(_LABEL) else 1.5 for one in unmet)


def _resource_effort(question: Question, info: NodeInfo) -> float:
    return sum(1.0 + min(one.missing, 1.0) for one in shortages(question.demand, info))


Rule = tuple[Callable[[Question, NodeInfo], float], Callable[[Question, NodeInfo], str]]
_REMEDIES: dict[str, Rule] = {
    "ready": (_ready_effort, _ready),
    "resources": (_resource_effort, _resources),
    "runtime": (lambda question, info: 4.0, _runtime),
    "plugins": (lambda question, info: 3.0, _plugins),
    "constraints": (_constraint_effort, _constraints),
    "platform": (lambda question, info: 3.5, _platform),
    "host port": (lambda question, info: 1.0, _host_port),
    "max replicas": (lambda question, info: 0.7, _max_replicas),
    "volumes": (lambda question, info: 1.2, _volumes),
}
assert set(_REMEDIES) == {rule.name for rule in FILTERS}
