"""Which level each plan needs (docs/design/plans.md 13.1). Pure."""

from collections.abc import Sequence

from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.specs_pb2 import NodeSpec, ServiceSpec
from swarm_core.specs.replicas import without_count

from swarm_tui.clusters.allowance import Level
from swarm_tui.operations.forecast.model import Pair
from swarm_tui.operations.model import Act, Change, Plan, Remove


def level_of(plan: Plan, pairs: Sequence[Pair]) -> Level:
    """The least level at which the plan may be carried out; `pairs` are the objects that it changes."""
    acts = [step.action.level for step in plan.steps if isinstance(step.action, Act)]
    if acts:
        return max(acts)
    if any(isinstance(step.action, Remove) for step in plan.steps):
        return Level.IMPACT
    if any(isinstance(step.action, Change) and "rollback" in step.action.more for step in plan.steps):
        return Level.OPERATE
    return max((level_of_pair(pair) for pair in pairs), default=Level.OPERATE)


def level_of_pair(pair: Pair) -> Level:
    """The least level at which one object may become so."""
    before, after = pair.before, pair.after
    if before is None:
        return Level.CONFIGURE
    match before:
        case objects_pb2.Service():
            return Level.OPERATE if _is_operation(before.spec, after.spec) else Level.CONFIGURE
        case objects_pb2.Node():
            drains = after.spec.availability == NodeSpec.DRAIN != before.spec.availability
            is_role = before.spec.desired_role != after.spec.desired_role
            return Level.IMPACT if drains or is_role else Level.CONFIGURE
        case objects_pb2.Cluster():
            return Level.IMPACT
        case _:
            return Level.CONFIGURE


def _is_operation(before: ServiceSpec, after: ServiceSpec) -> bool:
    """Whether nothing differs but the number of tasks, or what is remembered of it, the image, and how often it was restarted."""
    one, other = without_count(before), without_count(after)
    for spec in (one, other):
        if spec.HasField("replicated_job"):
            spec.replicated_job.max_concurrent = 0
        spec.task.force_update = 0
        if spec.task.HasField("container"):
            spec.task.container.image = ""
            # The credentials with which an image is pulled come with the image.
            spec.task.container.ClearField("pull_options")
    return one == other
