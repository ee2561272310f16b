"""What one filter says about all the nodes that it refuses, in half a sentence with the numbers (docs/design/scheduling.md 3.12)."""

from collections.abc import Callable, Sequence

from swarm_core.api.words import nodes_words
from swarm_core.rules.placement.filters import (
    FILTERS,
    Question,
    Shortage,
    missing_volumes,
    port_words,
    shortages,
    taken_ports,
    unmet_constraints,
)
from swarm_core.rules.placement.node_info import NodeInfo

_NAMED_MAX = 3
_Infos = Sequence[NodeInfo]


def node_name(info: NodeInfo) -> str:
    """What people call the node."""
    return info.node.description.hostname or info.id


def summary(filter_name: str, question: Question, refusing: _Infos, count: int) -> str:
    """Of the `refusing` ones among `count` nodes."""
    return _SUMMARIES[filter_name](question, refusing, count)


def _of(refusing: _Infos, count: int) -> str:
    """all 3 nodes, 2 of 3 nodes, the only node."""
    if len(refusing) < count:
        return f"{len(refusing)} of {nodes_words(count)}"
    return "the only node" if count == 1 else f"all {nodes_words(count)}"


def _each(question: Question, refusing: _Infos, name: str) -> str:
    """What they lack where all lack the same, else the first nodes by name, each with what it lacks."""
    rule = next(rule for rule in FILTERS if rule.name == name)
    lacks = [rule.shortfall(question, info) for info in refusing]
    if len(lacks) > 1 and len(set(lacks)) == 1:
        return lacks[0]
    shown = [f"{node_name(info)} {lack}" for info, lack in zip(refusing[:_NAMED_MAX], lacks, strict=False)]
    more = [f"{len(refusing) - _NAMED_MAX} more"] if len(refusing) > _NAMED_MAX else []
    return ", ".join(shown + more)


def _ready(question: Question, refusing: _Infos, count: int) -> str:
    verb = "takes" if len(refusing) == 1 else "take"
    shown = [f"{node_name(info)} is {_state(question, info)}" for info in refusing[:_NAMED_MAX]]
    more = [f"{len(refusing) - _NAMED_MAX} more"] if len(refusing) > _NAMED_MAX else []
    return f"{_of(refusing, count)} {verb} no tasks ({', '.join(shown + more)})"


def _state(question: Question, info: NodeInfo) -> str:
    return FILTERS[0].shortfall(question, info)


def _resources(question: Question, refusing: _Infos, count: int) -> str:
    """Of each resource that is short, what is asked and where most of it is free."""
    best: dict[str, tuple[Shortage, NodeInfo]] = {}
    for info in refusing:
        for one in shortages(question.demand, info):
            if one.what not in best or one.free_amount > best[one.what][0].free_amount:
                best[one.what] = (one, info)
    parts = [
        f"{one.asked} asked, {'at most ' if len(refusing) > 1 else ''}{one.free} free ({node_name(info)})"
        for one, info in best.values()
    ]
    where = "" if len(refusing) == count else f" on {_of(refusing, count)}"
    return f"{' and '.join(parts)}{where}"


def _runtime(question: Question, refusing: _Infos, count: int) -> str:
    verb = "does" if len(refusing) == 1 else "do"
    return f"{_of(refusing, count)} {verb} not run this kind of task ({_each(question, refusing, 'runtime')})"


def _plugins(question: Question, refusing: _Infos, count: int) -> str:
    return f"{_of(refusing, count)} without the plugin ({_each(question, refusing, 'plugins')})"


def _constraints(question: Question, refusing: _Infos, count: int) -> str:
    unmet: dict[str, set[str]] = {}
    for info in refusing:
        for one in unmet_constraints(question.task, info):
            unmet.setdefault(str(one), set()).add(one.actual(info.node) or "")
    parts = [f"{text} ({_values(values)})" for text, values in unmet.items()]
    verb = "does" if len(refusing) == 1 else "do"
    return f"{_of(refusing, count)} {verb} not meet {' and '.join(parts)}"


def _values(values: set[str]) -> str:
    """What nodes have in place of the value asked for."""
    shown = sorted(filter(None, values))
    if not shown:
        return "none there"
    return "there: " + ", ".join([*shown[:_NAMED_MAX], *(["…"] if len(shown) > _NAMED_MAX else [])])


def _platform(question: Question, refusing: _Infos, count: int) -> str:
    verb = "is" if len(refusing) == 1 else "are"
    return f"{_of(refusing, count)} {verb} of another platform ({_each(question, refusing, 'platform')})"


def _host_port(question: Question, refusing: _Infos, count: int) -> str:
    shown = [
        f"{port_words(port)} by {owner} on {node_name(info)}"
        for info in refusing[:_NAMED_MAX]
        for port, owner in taken_ports(question, info)
    ]
    more = [f"{len(refusing) - _NAMED_MAX} more"] if len(refusing) > _NAMED_MAX else []
    return f"the port is taken on {_of(refusing, count)} ({', '.join(shown + more)})"


def _max_replicas(question: Question, refusing: _Infos, count: int) -> str:
    limit = question.task.spec.placement.max_replicas
    verb = "has" if len(refusing) == 1 else "have"
    return f"{_of(refusing, count)} {verb} as many tasks of the service as allowed ({limit} per node)"


def _volumes(question: Question, refusing: _Infos, count: int) -> str:
    """Most obstacles are the volume's and the same on every node: each is told once."""
    found = list(dict.fromkeys(each.text for info in refusing for each in missing_volumes(question, info)))
    shown = [*found[:_NAMED_MAX], *(["…"] if len(found) > _NAMED_MAX else [])]
    return f"{_of(refusing, count)} cannot have the volumes ({', '.join(shown)})"


_SUMMARIES: dict[str, Callable[[Question, _Infos, int], str]] = {
    "ready": _ready,
    "resources": _resources,
    "runtime": _runtime,
    "plugins": _plugins,
    "constraints": _constraints,
    "platform": _platform,
    "host port": _host_port,
    "max replicas": _max_replicas,
    "volumes": _volumes,
}
assert set(_SUMMARIES) == {rule.name for rule in FILTERS}
