"""The objects that a plan changes, before and after: each edit is tried on a copy, as planning did. Pure."""

from collections.abc import Iterator
from typing import Any

from swarm_core.api.proto import control_pb2, objects_pb2, types_pb2
from swarm_core.rules.rollout import swap
from swarm_core.specs.errors import SpecError

from swarm_tui.operations.forecast.model import Pair
from swarm_tui.operations.model import Change, Create, Plan, Refused, Remove, Step
from swarm_tui.operations.sentences import refusal
from swarm_tui.resources.model import ClusterView

Node = objects_pb2.Node
Service = objects_pb2.Service
_NEW = "new"


class Outdated(ValueError):
    """Somebody has changed an object since the plan was made, so that its edit is refused now; the text is a sentence."""


def changed(plan: Plan, view: ClusterView) -> list[Pair]:
    """One pair for each object that becomes different, in the plan's order. Several edits of one object are one after the other. Raises Outdated."""
    seen: dict[str, Pair] = {}
    for number, step in enumerate(plan.steps):
        match step.action:
            case Create(kind, spec):
                item: Any = kind()
                item.id = f"{_NEW}-{number}"
                item.spec.CopyFrom(spec)
                seen[item.id] = Pair(None, item)
            case Change(kind, id_, _, _) as change:
                before: Any = view.get(kind, id_)
                if before is not None:
                    first = seen.get(id_, Pair(before, before))
                    seen[id_] = Pair(first.before, _tried(first.after, change, step))
            case Remove(kind, id_, _):
                gone: Any = view.get(kind, id_)
                if gone is not None:
                    seen[id_] = Pair(gone, None)
            case _:
                pass
    return list(_different(seen))


def _different(seen: dict[str, Pair]) -> Iterator[Pair]:
    for pair in seen.values():
        if pair.before is None or pair.after is None or pair.before.spec != pair.after.spec:
            yield pair


def _tried(before: Any, change: Change, step: Step) -> Any:
    try:
        return _after(before, change)
    except (Refused, SpecError) as error:
        raise Outdated(refusal(str(error), step.doing)) from None


def _after(before: Any, change: Change) -> Any:
    after = type(before)()
    after.CopyFrom(before)
    if change.more.get("rollback") == control_pb2.UpdateServiceRequest.PREVIOUS:
        if before.HasField("previous_spec"):
            swap(after, 0)
        return after
    change.edit(after.spec)
    if isinstance(after, Service):
        after.spec_version.CopyFrom(before.meta.version)
        after.ClearField("update_status")
    elif isinstance(after, Node):
        after.role = after.spec.desired_role
        if after.role != types_pb2.MANAGER:
            after.ClearField("manager_status")
    return after
