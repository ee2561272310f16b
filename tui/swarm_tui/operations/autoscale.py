"""Services that scale by what their tasks use: their policies as plans, and what is due now (docs/design/plans.md 13.10). The rule itself is
`swarm_core.rules.autoscale`'s.

The policy stands in a label of the service, so that everybody sees it. What carries it out is a command that anybody may run, also two at a
time: the number is only written in place of the one that was decided on, and a service that was changed just now is left alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.timestamps import NS_PER_S
from swarm_core.rules import autoscale as rule
from swarm_core.rules.autoscale import DOWN_AFTER_S, Load, Policy
from swarm_core.rules.rollout import is_going, is_paused
from swarm_core.rules.usage import Sample, UsageHistory
from swarm_core.specs import replicas

from swarm_tui.operations import changes
from swarm_tui.operations.model import Change, Done, Edit, Plan, Refused, Step
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.services import KIND, name, updated_ns
from swarm_tui.resources.states import is_wanted

Service = objects_pb2.Service
NOW_S: Final = 60.0
"""What is used now is the mean of so long."""
_NANO: Final = 1_000_000_000
_NO_MEMORY: Final = "nothing says how much memory a task has; give it a reservation or a limit first"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is due for one service: from `before` to `after` tasks, the same where nothing is; `why` with the numbers. `topic` stays the same while
    only numbers change."""

    id: str
    name: str
    before: int
    after: int
    why: str
    topic: str

    @property
    def is_change(self) -> bool:
        """Whether another number is due."""
        return self.before != self.after

    def __str__(self) -> str:
        count = f"{self.before} → {self.after}" if self.is_change else f"{self.before}"
        return f"{self.name}: {count} · {self.why}"


def policy_of(spec: specs_pb2.ServiceSpec) -> Policy | None:
    """The service's policy; None where it has none, or one that cannot be read."""
    return rule.parse(spec.annotations.labels.get(rule.POLICY, ""))


def with_policy(view: ClusterView) -> list[Service]:
    """The services whose label asks for it, by name."""
    found = [one for one in view.objects(Service) if rule.POLICY in one.spec.annotations.labels]
    return sorted(found, key=name)


def asked(view: ClusterView, ids: Sequence[str], policy: Policy | None) -> Plan:
    """These services with this policy, or with None without any."""

    def of(called: str) -> Edit:
        def edit(spec: specs_pb2.ServiceSpec) -> Done:
            if policy is None:
                if rule.POLICY not in spec.annotations.labels:
                    raise Refused("it does not scale by itself")
                del spec.annotations.labels[rule.POLICY]
                return Done(f"{called} does not scale by itself any more")
            if not spec.HasField("replicated"):
                raise Refused("only a replicated service has a number of tasks")
            if "memory" in policy.targets and not _memory_of(spec):
                raise Refused(_NO_MEMORY)
            if policy.most > replicas.TASKS_MAX:
                raise Refused(replicas.TOO_MANY)
            spec.annotations.labels[rule.POLICY] = str(policy)
            return Done(f"{called} scales by itself: {policy}")

        return edit

    verb = "autoscale" if policy is not None else "stop scaling"
    steps, refusals = changes.steps(view, KIND, ids, verb=verb, edit=of)
    notes = ("'swarm-tui autoscale' carries it out for as long as it runs.",) if policy is not None else ()
    title = "Autoscale" if policy is not None else "No autoscale of"
    return Plan(f"{title} {changes.subject(view, KIND, ids)}", steps, refusals=refusals, notes=notes)


def judge(service: Service, view: ClusterView, now_ns: int) -> Verdict:
    """What is due for a service that has the label."""
    count = replicas.count(service.spec) or 0
    if why := _not_now(service, view):
        return Verdict(service.id, name(service), count, count, f"left alone: {why[1]}", why[0])
    policy = policy_of(service.spec)
    assert policy is not None
    loads = _loads(service, view, policy)
    if isinstance(loads, str):
        return Verdict(service.id, name(service), count, count, f"left alone: {loads}", "figures")
    since_s = (now_ns - max(updated_ns(service), 0)) / NS_PER_S
    made = rule.decide(policy, count, loads, since_s)
    topic = "due" if made.count != count else "waits" if made.is_waiting else "steady"
    return Verdict(service.id, name(service), count, made.count, made.why, topic)


def scaling(verdict: Verdict) -> Plan:
    """What makes it so, unless somebody changed the number or took the label away meanwhile."""

    def edit(spec: specs_pb2.ServiceSpec) -> Done:
        if replicas.count(spec) != verdict.before or rule.POLICY not in spec.annotations.labels:
            raise Refused("somebody changed it meanwhile")
        replicas.set_count(spec, verdict.after)
        replicas.forget_parked(spec)
        spec.annotations.labels[replicas.SCALED] = f"{verdict.before} → {verdict.after}: {verdict.why}"
        return Done(str(verdict))

    step = Step(
        verdict.name,
        f"scale {verdict.name}",
        Change(Service, verdict.id, edit),
        Done(str(verdict)),
        (f"scaled {verdict.before} → {verdict.after}",),
    )
    return Plan(f"Scale {verdict.name}", (step,))


def _not_now(service: Service, view: ClusterView) -> tuple[str, str] | None:
    """Why it is left alone whatever is used: a word and the words; None where it is not."""
    spec = service.spec
    count = replicas.count(spec)
    if policy_of(spec) is None:
        return "label", f"its label {rule.POLICY} cannot be read: {spec.annotations.labels[rule.POLICY]!r}"
    if not spec.HasField("replicated"):
        return "mode", "only a replicated service has a number of tasks"
    if not count:
        return "stopped", "it is stopped" if replicas.parked(spec) is not None else "it is scaled to 0"
    if is_paused(service):
        return "paused", "its update is paused"
    if is_going(service):
        return "update", "an update of it is on its way"
    policy = policy_of(spec)
    if policy is not None and not policy.least <= count <= policy.most:
        return None
    running = sum(_runs(task) for task in view.tasks_of_service(service.id))
    return ("short", f"{running} of {plural(count, 'task')} run") if running != count else None


def _loads(service: Service, view: ClusterView, policy: Policy) -> dict[str, Load] | str:
    """By what has a target what all tasks use together; a sentence's rest where nodes do not tell enough."""
    count = replicas.count(service.spec) or 0
    if not policy.least <= count <= policy.most:
        return {}
    tasks = [task for task in view.tasks_of_service(service.id) if _runs(task)]
    told = [found for task in tasks if (found := view.usage(task.id)) is not None and found.last is not None]
    if len(told) < len(tasks):
        return f"what it uses is told of {len(told)} of {plural(len(tasks), 'task')}"
    memory = _memory_of(service.spec)
    if "memory" in policy.targets and not memory:
        return _NO_MEMORY
    units = {"cpu": _cpus_of(service.spec), "memory": float(memory)}
    return {
        one: Load(
            sum(_mean(found, one) for found in told) / units[one],
            sum(_highest(found, one) for found in told) / units[one],
        )
        for one in policy.targets
    }


def _runs(task: objects_pb2.Task) -> bool:
    return is_wanted(task) and task.status.state == types_pb2.RUNNING


def _cpus_of(spec: specs_pb2.ServiceSpec) -> float:
    """The processors that a task may use: reserved, or else its limit, or else one."""
    resources = spec.task.resources
    return (resources.reservations.nano_cpus or resources.limits.nano_cpus or _NANO) / _NANO


def _memory_of(spec: specs_pb2.ServiceSpec) -> int:
    """The bytes that a task may hold: reserved, or else its limit; 0 where neither is said."""
    resources = spec.task.resources
    return resources.reservations.memory_bytes or resources.limits.memory_bytes


def _values(found: UsageHistory, what: str, last_s: float) -> Iterator[float]:
    for at_s, sample in found.samples():
        if found.last_s - at_s <= last_s:
            yield _value(sample, what)


def _value(sample: Sample, what: str) -> float:
    return sample.cpus if what == "cpu" else float(sample.memory_bytes)


def _mean(found: UsageHistory, what: str) -> float:
    values = list(_values(found, what, NOW_S))
    return sum(values) / len(values)


def _highest(found: UsageHistory, what: str) -> float:
    return max(_values(found, what, DOWN_AFTER_S))
