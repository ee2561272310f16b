"""Setters of what belongs to a service as a whole: name, mode, number of tasks, labels, endpoint, networks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.specs import lists, notation, parts, replicas
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue

_MODES: Final = ("replicated", "global", "replicated-job", "global-job")
_ENDPOINT_MODES: Final[Mapping[str, int]] = notation.words_of(specs_pb2.EndpointSpec.ResolutionMode)


def set_name(draft: Draft, name: str) -> None:
    draft.spec.annotations.name = name


def put_labels(draft: Draft, given: Sequence[str]) -> None:
    lists.put_pairs(draft.spec.annotations.labels, given)


def drop_labels(draft: Draft, keys: Sequence[str]) -> None:
    lists.drop_keys(draft.spec.annotations.labels, keys)


def set_mode(draft: Draft, text: str) -> None:
    """replicated (one task, until a number is given), global, replicated-job (one to complete, until a number is given) or global-job."""
    mode = notation.word(text, _MODES).replace("-", "_")
    if mode == draft.spec.WhichOneof("mode"):
        return
    getattr(draft.spec, mode).SetInParent()
    if mode == "replicated":
        draft.spec.replicated.replicas = 1
    elif mode == "replicated_job":
        draft.spec.replicated_job.total_completions = 1


def set_replicas(draft: Draft, text: str) -> None:
    replicas.set_count(draft.spec, notation.whole(text))


def set_max_concurrent(draft: Draft, text: str) -> None:
    if draft.spec.WhichOneof("mode") != "replicated_job":
        raise InvalidValue("is for replicated jobs")
    draft.spec.replicated_job.max_concurrent = notation.whole(text)


def force(draft: Draft, wanted: bool) -> None:
    """Replace every task even if nothing changed."""
    if wanted:
        draft.spec.task.force_update += 1


def add_ports(draft: Draft, given: Sequence[str]) -> None:
    draft.spec.endpoint.ports.extend(port for text in given for port in parts.ports(text))


def edit_ports(draft: Draft, leaving: Sequence[str], adding: Sequence[str]) -> None:
    """Change an existing spec, as docker's command does: a port leaves by target, protocol and way of publishing, whatever it is
    published as; one that was there before is not added again; sorted as texts."""
    held = draft.spec.endpoint.ports
    before = {_port_key(port): port for port in held}
    gone = {_target(port) for text in leaving for port in parts.ports(text)}
    kept = [port for port in before.values() if _target(port) not in gone]
    kept += [port for text in adding for port in parts.ports(text) if _port_key(port) not in before]
    ordered = sorted(kept, key=_port_key)
    del held[:]
    held.extend(ordered)


def absent_ports(held: Iterable[types_pb2.PortConfig], leaving: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Which of the ports that are to leave nobody has, as they were written; and how one is written that was maybe meant: one with this
    number inside or outside. Empty where there is none. Raises InvalidValue."""
    there = list(held)
    targets = {_target(port) for port in there}
    for text in leaving:
        wanted = parts.ports(text)
        if targets.isdisjoint(map(_target, wanted)):
            numbers = {port.target_port for port in wanted}
            alike = (one for one in there if not numbers.isdisjoint((one.target_port, one.published_port)))
            yield text, next(map(_written, alike), "")


def _written(port: types_pb2.PortConfig) -> str:
    """A port as what removes it is written."""
    protocol = types_pb2.PortConfig.Protocol.Name(port.protocol).lower()
    if port.publish_mode == types_pb2.PortConfig.HOST:
        return f"mode=host,target={port.target_port},protocol={protocol}"
    return (
        str(port.target_port)
        if port.protocol == types_pb2.PortConfig.TCP
        else f"{port.target_port}/{protocol}"
    )


def _target(port: types_pb2.PortConfig) -> tuple[int, int, int]:
    return port.target_port, port.protocol, port.publish_mode


def _port_key(port: types_pb2.PortConfig) -> str:
    protocol = types_pb2.PortConfig.Protocol.Name(port.protocol).lower()
    mode = types_pb2.PortConfig.PublishMode.Name(port.publish_mode).lower()
    return f"{port.published_port}:{port.target_port}/{protocol}/{mode}"


def set_endpoint_mode(draft: Draft, word: str) -> None:
    draft.spec.endpoint.mode = notation.choice(word, _ENDPOINT_MODES)  # type: ignore[assignment]


def add_networks(draft: Draft, given: Sequence[str]) -> None:
    draft.networks.extend(parts.network(text) for text in given)


def drop_networks(draft: Draft, names: Sequence[str]) -> None:
    draft.networks_left.extend(names)
