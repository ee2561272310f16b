"""Filters of lists, as clients send them: read, put to the managers, and the rest matched here (docs/design/engine-api-json.md 14.10).

A manager's list call selects by names, prefixes, labels and states; `…_filters` fill in its request. What a call cannot say is left to
`…_matches`, which a router applies to what the call found.

Rules
1. Values of one key are alternatives, but all labels must hold. All keys must hold.
2. A value that a client sent as false is absent, and a key without values asks for nothing.
3. Who sends nonsense is refused, in Docker's words.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from swarm_core.api.json_text import json_of
from swarm_core.api.proto import control_pb2, specs_pb2, types_pb2
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.http.errors import BadRequest
from swarm_core.specs.notation import words_of

from swarm_agentd.engine_api.patterns import Pattern, UnusablePattern

SERVICE_KEYS: Final = frozenset({"id", "name", "label", "mode", "runtime"})
NODE_KEYS: Final = frozenset({"id", "name", "label", "node.label", "role", "membership"})
TASK_KEYS: Final = frozenset(
    {"id", "name", "label", "service", "node", "desired-state", "runtime", "_up-to-date"}
)
SECRET_KEYS: Final = frozenset({"id", "name", "names", "label"})
CONFIG_KEYS: Final = frozenset({"id", "name", "label"})
NETWORK_KEYS: Final = frozenset({"id", "name", "label", "driver", "scope", "type", "dangling"})
VOLUME_KEYS: Final = frozenset({"name", "label", "driver", "dangling"})
PREDEFINED_NETWORKS: Final = frozenset({"bridge", "host", "none", "default"})
_VALUES_MAX: Final = 1000
_TRUE, _FALSE = ("1", "true"), ("0", "false")
_ROLES: Final = words_of(types_pb2.NodeRole)
_MEMBERSHIPS: Final = words_of(specs_pb2.NodeSpec.Membership)
_STATES: Final = words_of(types_pb2.TaskState)


@dataclass(frozen=True, slots=True)
class Filters:
    """The values of each key that asks for something, in the order in which they came."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def get(self, key: str) -> tuple[str, ...]:
        """Its values; none when nothing is asked."""
        return self.values.get(key, ())

    def labels(self, key: str = "label") -> list[tuple[str, str]]:
        """Each label with the value it must have; an empty one means any."""
        return [(name, value) for name, _, value in (text.partition("=") for text in self.get(key))]


NOTHING: Final = Filters()


def parse(text: str, accepted: Collection[str] | None) -> Filters:
    """The filters of a query, in either of their two notations. Without `accepted` every key is. Raises BadRequest."""
    if not text:
        return NOTHING
    try:
        sent = json_of(text)
    except ValueError:
        raise BadRequest("invalid filter") from None
    if sent is None:
        return NOTHING
    if not isinstance(sent, dict):
        raise BadRequest("invalid filter")
    read = {str(key): _values(given) for key, given in sent.items()}
    for key in read:
        if accepted is not None and key not in accepted:
            raise BadRequest(f"invalid filter '{key}'")
    if sum(map(len, read.values())) > _VALUES_MAX:
        raise BadRequest(f"invalid filter: more than {_VALUES_MAX} values")
    return Filters({key: values for key, values in read.items() if values})


def _values(given: object) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, dict) and all(isinstance(is_there, bool) for is_there in given.values()):
        return tuple(_text(value) for value, is_there in given.items() if is_there)
    if isinstance(given, list) and all(isinstance(value, str) for value in given):
        return tuple(dict.fromkeys(map(_text, given)))
    raise BadRequest("invalid filter")


def _text(value: str) -> str:
    """Half characters, which no message may hold, are replaced."""
    return value.encode("utf-8", "replace").decode()


def _set_names(request: Any, filters: Filters) -> None:
    request.name_prefixes.extend(filters.get("name"))
    request.id_prefixes.extend(filters.get("id"))
    request.labels.update(filters.labels())


def _chosen(filters: Filters, key: str, known: Mapping[str, int]) -> list[int]:
    """What the words of an enum stand for. An empty word asks for nothing. Raises BadRequest."""
    found = []
    for word in filters.get(key):
        number = known.get(word.lower())
        if number is not None:
            found.append(number)
        elif word:
            raise BadRequest(f"Invalid {key} filter: '{word}'")
    return found


def holds_labels(labels: Mapping[str, str], wanted: Iterable[tuple[str, str]]) -> bool:
    """Whether all are there. Of two values for one label both are wanted, so none has them."""
    return all(name in labels and value in ("", labels[name]) for name, value in wanted)


def service_filters(filters: Filters) -> control_pb2.ListServicesRequest.Filters:
    """For the manager. Without a runtime, services of containers are asked for."""
    request = control_pb2.ListServicesRequest.Filters()
    _set_names(request, filters)
    request.runtimes.extend(filters.get("runtime") or ("container",))
    return request


def service_matches(filters: Filters, service: Service) -> bool:
    """The rest: its mode, and all labels. A mode that there is not is no service's."""
    modes = filters.get("mode")
    mode = (service.spec.WhichOneof("mode") or "").replace("_", "-")
    return (not modes or mode in modes) and holds_labels(service.spec.annotations.labels, filters.labels())


def node_filters(filters: Filters) -> control_pb2.ListNodesRequest.Filters:
    """For the manager. Raises BadRequest."""
    request = control_pb2.ListNodesRequest.Filters()
    _set_names(request, filters)
    request.node_labels.update(filters.labels("node.label"))
    request.roles.extend(_chosen(filters, "role", _ROLES))  # type: ignore[arg-type]
    request.memberships.extend(_chosen(filters, "membership", _MEMBERSHIPS))  # type: ignore[arg-type]
    return request


def node_matches(filters: Filters, node: Node) -> bool:
    """The rest: all labels, of its engine and of its spec."""
    return holds_labels(node.description.engine.labels, filters.labels()) and holds_labels(
        node.spec.annotations.labels, filters.labels("node.label")
    )


def task_filters(
    filters: Filters, services: Iterable[str] = (), nodes: Iterable[str] = ()
) -> control_pb2.ListTasksRequest.Filters:
    """For the manager. `services` and `nodes` are the ids that those keys were found to mean. Raises BadRequest."""
    request = control_pb2.ListTasksRequest.Filters()
    _set_names(request, filters)
    request.service_ids.extend(services)
    request.node_ids.extend(nodes)
    request.desired_states.extend(_chosen(filters, "desired-state", _STATES))  # type: ignore[arg-type]
    request.runtimes.extend(filters.get("runtime") or ("container", ""))
    request.up_to_date = bool(filters.get("_up-to-date"))
    return request


def task_matches(filters: Filters, task: Task) -> bool:
    """The rest: all labels of its service."""
    return holds_labels(task.service_annotations.labels, filters.labels())


def secret_filters(filters: Filters) -> control_pb2.ListSecretsRequest.Filters:
    """For the manager."""
    request = control_pb2.ListSecretsRequest.Filters()
    _set_names(request, filters)
    request.names.extend(filters.get("names"))
    return request


def config_filters(filters: Filters) -> control_pb2.ListConfigsRequest.Filters:
    """For the manager."""
    request = control_pb2.ListConfigsRequest.Filters()
    _set_names(request, filters)
    return request


class _HasSpec(Protocol):
    @property
    def spec(self) -> Any: ...


def labels_match(filters: Filters, item: _HasSpec) -> bool:
    """The rest of what is asked of a secret or a config: all labels."""
    return holds_labels(item.spec.annotations.labels, filters.labels())


@dataclass(frozen=True, slots=True)
class NetworkFilters:
    """What is asked of a list of networks, whoever they are of: they are matched in the form in which they are answered."""

    filters: Filters
    names: tuple[Pattern, ...]
    ids: tuple[Pattern, ...]
    dangling: bool | None

    def match(self, network: Mapping[str, Any]) -> bool:
        """Whether the network is asked for."""
        asked = self.filters
        return (
            _is_one_of(network.get("Driver"), asked.get("driver"))
            and _is_one_of(network.get("Scope"), asked.get("scope"))
            and _is_found(str(network.get("Name", "")), asked.get("name"), self.names)
            and _is_found(str(network.get("Id", "")), asked.get("id"), self.ids)
            and holds_labels(network.get("Labels") or {}, asked.labels())
            and self._fits_type(network)
            and self._fits_use(network)
        )

    def _fits_type(self, network: Mapping[str, Any]) -> bool:
        types = self.filters.get("type")
        return not types or ("builtin" if network.get("Name") in PREDEFINED_NETWORKS else "custom") in types

    def _fits_use(self, network: Mapping[str, Any]) -> bool:
        if self.dangling is None:
            return True
        is_used = (
            network.get("Name") in PREDEFINED_NETWORKS or network.get("Containers") or network.get("Services")
        )
        return self.dangling is not bool(is_used)


def _is_one_of(value: object, wanted: tuple[str, ...]) -> bool:
    return not wanted or value in wanted


def _is_found(text: str, wanted: tuple[str, ...], patterns: tuple[Pattern, ...]) -> bool:
    return not wanted or text in wanted or any(pattern.is_in(text) for pattern in patterns)


def swarm_network_filters(filters: Filters) -> control_pb2.ListNetworksRequest.Filters:
    """For the manager, which knows no expressions: of the cluster's networks those are found that are called so, or whose id begins so.
    Docker asks for names and their beginnings, and both must fit."""
    request = control_pb2.ListNetworksRequest.Filters()
    request.names.extend(filters.get("name"))
    request.name_prefixes.extend(filters.get("name"))
    request.id_prefixes.extend(filters.get("id"))
    return request


def manager_finds(filters: Filters, network: Mapping[str, Any]) -> bool:
    """The same of a network that has been read, in the form in which it is answered."""
    names, ids = filters.get("name"), filters.get("id")
    return (not names or network.get("Name") in names) and (
        not ids or str(network.get("Id", "")).startswith(ids)
    )


def network_filters(filters: Filters) -> NetworkFilters:
    """Raises BadRequest."""
    for word in filters.get("type"):
        if word not in ("builtin", "custom"):
            raise BadRequest(f"invalid filter: 'type'='{word}'")
    return NetworkFilters(
        filters, _patterns(filters.get("name")), _patterns(filters.get("id")), _dangling(filters)
    )


def _dangling(filters: Filters) -> bool | None:
    words = filters.get("dangling")
    if not words:
        return None
    if len(words) > 1:
        raise BadRequest('got more than one value for filter key "dangling"')
    if words[0] not in (*_TRUE, *_FALSE):
        raise BadRequest(
            'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")'
        )
    return words[0] in _TRUE


def _patterns(texts: Iterable[str]) -> tuple[Pattern, ...]:
    """Those that are patterns: what is none is only compared."""
    found = []
    for text in texts:
        try:
            found.append(Pattern(text))
        except UnusablePattern:
            continue
    return tuple(found)


@dataclass(frozen=True, slots=True)
class VolumeFilters:
    """What a list of cluster volumes asks for; patterns are compiled."""

    filters: Filters
    names: tuple[Pattern, ...]
    dangling: bool | None

    def match(self, volume: Mapping[str, Any]) -> bool:
        """Whether the volume, in the form in which it is answered, is asked for. None is dangling while a node has it."""
        is_used = bool(volume.get("ClusterVolume", {}).get("PublishStatus"))
        return (
            _is_found(str(volume.get("Name", "")), self.filters.get("name"), self.names)
            and _is_one_of(volume.get("Driver"), self.filters.get("driver"))
            and holds_labels(volume.get("Labels") or {}, self.filters.labels())
            and (self.dangling is None or self.dangling is not is_used)
        )


def volume_filters(filters: Filters) -> VolumeFilters:
    """Raises BadRequest."""
    return VolumeFilters(filters, _patterns(filters.get("name")), _dangling(filters))
