"""Setters of where tasks run and what they need there: constraints, preferences, resources."""

from collections.abc import Sequence

from swarm_core.api.proto import types_pb2
from swarm_core.rules.placement import constraint
from swarm_core.specs import lists, notation, parts
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue


def put_constraints(draft: Draft, given: Sequence[str]) -> None:
    """Add what is not there yet, as it is written. Whether it is a constraint is for `rules.placement.constraint` to say."""
    held = draft.spec.task.placement.constraints
    known = {_meaning(text) for text in held}
    for text in given:
        if _meaning(text) not in known:
            known.add(_meaning(text))
            held.append(text)


def edit_constraints(draft: Draft, given: Sequence[str]) -> None:
    """Add to an existing spec; sorted, so that the order of additions makes no other spec."""
    put_constraints(draft, given)
    lists.sort(draft.spec.task.placement.constraints)


def drop_constraints(draft: Draft, given: Sequence[str]) -> None:
    """Take out what means the same, however it is spaced."""
    gone = {_meaning(text) for text in given}
    lists.keep(draft.spec.task.placement.constraints, lambda text: _meaning(text) not in gone)
    lists.sort(draft.spec.task.placement.constraints)


def _meaning(text: str) -> str:
    """The constraint without its spaces; what is none stands for itself."""
    parsed = constraint.parse_or_none([text])
    return str(parsed[0]) if parsed else text


def put_preferences(draft: Draft, given: Sequence[str]) -> None:
    for text in given:
        over = types_pb2.SpreadOver(spread_descriptor=parts.spread(text))
        draft.spec.task.placement.preferences.add(spread=over)


def drop_preferences(draft: Draft, given: Sequence[str]) -> None:
    gone = {parts.spread(text) for text in given}
    lists.keep(
        draft.spec.task.placement.preferences,
        lambda preference: preference.spread.spread_descriptor not in gone,
    )


def set_max_per_node(draft: Draft, text: str) -> None:
    if draft.spec.WhichOneof("mode") not in ("replicated", None):
        raise InvalidValue("is for replicated services")
    draft.spec.task.placement.max_replicas = notation.whole(text)


def limit_cpus(draft: Draft, text: str) -> None:
    draft.spec.task.resources.limits.nano_cpus = notation.nano_cpus(text)


def limit_memory(draft: Draft, text: str) -> None:
    draft.spec.task.resources.limits.memory_bytes = notation.byte_count(text)


def reserve_cpus(draft: Draft, text: str) -> None:
    draft.spec.task.resources.reservations.nano_cpus = notation.nano_cpus(text)


def reserve_memory(draft: Draft, text: str) -> None:
    draft.spec.task.resources.reservations.memory_bytes = notation.byte_count(text)


def reserve_generic(draft: Draft, given: Sequence[str]) -> None:
    """Add or replace by kind."""
    new = {one.discrete_resource_spec.kind: one for one in map(parts.discrete_resource, given)}
    drop_generic(draft, list(new))
    draft.spec.task.resources.reservations.generic.extend(new.values())


def edit_generic(draft: Draft, given: Sequence[str]) -> None:
    """Add to an existing spec; sorted by kind."""
    reserve_generic(draft, given)
    lists.sort(draft.spec.task.resources.reservations.generic, _kind)


def release_generic(draft: Draft, kinds: Sequence[str]) -> None:
    """Keep these for the tasks no longer. Raises InvalidValue for what was not kept."""
    held = {_kind(one) for one in draft.spec.task.resources.reservations.generic}
    if missing := [kind for kind in kinds if kind not in held]:
        raise InvalidValue(f"the service reserves no {', '.join(missing)}")
    drop_generic(draft, kinds)
    lists.sort(draft.spec.task.resources.reservations.generic, _kind)


def drop_generic(draft: Draft, kinds: Sequence[str]) -> None:
    lists.keep(draft.spec.task.resources.reservations.generic, lambda one: _kind(one) not in kinds)


def _kind(resource: types_pb2.GenericResource) -> str:
    return resource.discrete_resource_spec.kind
