"""What has to be done so that a cluster holds a stack as its files say: a value, made without any call (docs/design/stacks.md 12.7).

A plan lists this stack's own changes only. With refusals nothing is done: they are told before anything is written.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from google.protobuf.message import Message

from swarm_core.api.proto import specs_pb2
from swarm_core.compose.changes import binding, differences, state
from swarm_core.compose.changes.differences import Difference
from swarm_core.compose.changes.held import Held, stack_of
from swarm_core.compose.changes.state import State
from swarm_core.compose.changes.waves import waves
from swarm_core.compose.convert.names import GENERATION
from swarm_core.compose.convert.payloads import Check, Owned
from swarm_core.compose.convert.stack import Desired

GENERATIONS_KEPT: Final = 2
_NONE: Final[Callable[[str], bool]] = lambda name: False  # noqa: E731


class Do(StrEnum):
    """What is done to an object."""

    CREATE = "create"
    CHANGE = "change"
    REPLACE = "replace"
    REMOVE = "remove"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Step:
    """What is done to one object, and why."""

    do: Do
    noun: str
    name: str
    """In the swarm."""
    short: str = ""
    """In the files."""
    id: str = ""
    """Of the object that is there."""
    spec: Message | None = None
    """What it should be; references of a service have no ids yet."""
    differences: tuple[Difference, ...] = ()
    restarts: int = 0
    """Tasks that will be replaced."""

    @property
    def is_change(self) -> bool:
        return self.do is not Do.KEEP


@dataclass(frozen=True, slots=True)
class StackPlan:
    """All steps by their phase: what services need first, then services wave by wave, then what is not needed any more."""

    stack: str
    needs: tuple[Step, ...] = ()
    """Networks, secrets, configs, and the state."""
    waves: tuple[tuple[Step, ...], ...] = ()
    leftovers: tuple[Step, ...] = ()
    """Services that the files do not have any more, and old generations."""
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    state: State | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """All of them in their order."""
        return (*self.needs, *(step for wave in self.waves for step in wave), *self.leftovers)

    @property
    def has_changes(self) -> bool:
        """Whether the stack becomes different; keeping a new state alone changes nothing of it."""
        return any(step.is_change and step.noun != "state" for step in self.steps)

    @property
    def has_writes(self) -> bool:
        """Whether anything is written."""
        return any(step.is_change for step in self.steps)


def plan(
    desired: Desired, held: Held, new: State, before: State | None, *, pruned: Callable[[str], bool] = _NONE
) -> StackPlan:
    """The steps from what is held to what is desired. `new` is the state once it is applied, `before` the last one that was; `pruned`
    says which services go that are not desired. Raises Unsound for services that depend on each other in a circle."""
    work = _Work(desired, held, new, before)
    needs = [*work.networks(), *work.secrets(), *work.configs()]
    by_wave = tuple(tuple(work.service(short) for short in wave) for wave in waves(desired.dependencies))
    by_wave = work.restarted(by_wave)
    changed = {step.name for wave in by_wave for step in wave if step.do is Do.CHANGE}
    leftovers = [*work.unlisted_services(pruned), *work.old_generations(changed)]
    changes = any(step.is_change for step in (*needs, *(one for wave in by_wave for one in wave), *leftovers))
    needs_state = not new.is_like(before)
    if needs_state:
        spec = new.spec(desired.space)
        needs.append(Step(Do.CREATE, "state", spec.annotations.name, spec=spec))
        leftovers += work.old_states()
    if changes or needs_state:
        work.check_external()
    return StackPlan(
        desired.space.stack,
        tuple(needs),
        by_wave,
        tuple(leftovers),
        tuple(work.warnings),
        tuple(work.refusals),
        new,
    )


class _Work:
    def __init__(self, desired: Desired, held: Held, new: State, before: State | None) -> None:
        self._desired = desired
        self._held = held
        self._new = new
        self._before = before
        self.warnings: list[str] = []
        self.refusals: list[str] = []

    def check_external(self) -> None:
        """What belongs to others must be there."""
        for name in self._desired.networks.external:
            if name not in self._held.networks:
                self.refusals.append(
                    f'network "{name}" is declared as external, but could not be found. You need to create a swarm-scoped '
                    "network before the stack is deployed"
                )
        for noun, payloads, there in (
            ("secret", self._desired.secrets, self._held.secrets),
            ("config", self._desired.configs, self._held.configs),
        ):
            used = self._used(noun)
            for name in payloads.external.values():
                if name in used and name not in there:
                    self.refusals.append(f"{noun} not found: {name}")

    def _used(self, noun: str) -> set[str]:
        """Names of the secrets or configs that services refer to."""
        names = set()
        for spec in self._desired.services.values():
            body = binding.body_of(spec)
            names |= {getattr(one, f"{noun}_name") for one in getattr(body, f"{noun}s")}
        return names

    def networks(self) -> list[Step]:
        """A network that is there is never changed: the API cannot."""
        found = []
        for name, spec in self._desired.networks.owned.items():
            there = self._held.networks.get(name)
            if there is None:
                found.append(Step(Do.CREATE, "network", name, spec=spec))
                continue
            if stack_of(there) != self._held.stack:
                self.refusals.append(f"network {name} is there already, and is not of this stack")
            different = differences.messages(_asked(there.spec, spec), spec)
            if different:
                told = "; ".join(map(str, different))
                self.warnings.append(
                    f"network {name} stays as it is, as networks cannot be changed ({told}): remove the stack first, or give "
                    "the network another name"
                )
            found.append(Step(Do.KEEP, "network", name, id=there.id))
        return found

    def secrets(self) -> list[Step]:
        """Secrets: their content cannot be read, so it is compared by hash."""
        return [
            self._payload("secret", owned, self._held.secrets)
            for owned in self._desired.secrets.owned.values()
        ]

    def configs(self) -> list[Step]:
        """Configs of the files."""
        return [
            self._payload("config", owned, self._held.configs)
            for owned in self._desired.configs.owned.values()
        ]

    def _payload(self, noun: str, owned: Owned[Any], there: Mapping[str, Any]) -> Step:
        item = there.get(owned.name)
        if item is None:
            return Step(Do.CREATE, noun, owned.name, owned.short, spec=owned.spec)
        is_known = True
        if owned.check is Check.CONTENT:
            same = self._is_same(noun, owned, item)
            is_known = same is not None
            if same is False:
                self.refusals.append(
                    f"{noun} {owned.name} is fixed by name and its content changed; remove `name:` or rotate"
                )
        old, new = item.spec.annotations, owned.spec.annotations
        different = tuple(one for one in differences.messages(old, new) if one.field.startswith("labels["))
        if not different and is_known:
            return Step(Do.KEEP, noun, owned.name, owned.short, item.id)
        if not is_known:
            different = (*different, Difference("data", "unknown", "compared by the manager"))
        return Step(Do.CHANGE, noun, owned.name, owned.short, item.id, owned.spec, different)

    def _is_same(self, noun: str, owned: Owned[Any], item: Any) -> bool | None:
        """Whether the content is that of the file; None where nobody can say."""
        if noun == "config":
            return bool(item.spec.data == owned.spec.data)
        before = self._before
        if before is None or owned.name not in before.secrets:
            return None
        return before.secrets[owned.name] == self._new.secrets.get(owned.name)

    def service(self, short: str) -> Step:
        """A service by what the files call it."""
        spec = self._desired.services[short]
        name = spec.annotations.name
        there = self._held.services.get(name)
        if there is None:
            return Step(Do.CREATE, "service", name, short, spec=spec)
        if stack_of(there) != self._held.stack:
            self.refusals.append(f"service {name} is there already, and is not of this stack")
        if there.spec.WhichOneof("mode") != spec.WhichOneof("mode"):
            mode = Difference("mode", _mode(there.spec), _mode(spec))
            return Step(Do.REPLACE, "service", name, short, there.id, spec, (mode,), _tasks(spec))
        if binding.is_as_wanted(there.spec, spec, self._held):
            return Step(Do.KEEP, "service", name, short, there.id)
        wanted = binding.laid_over(there.spec, spec)
        different = differences.services(there.spec, wanted, self._held.network_names)
        if _credentials(wanted) != _credentials(there.spec):
            different = (*different, Difference("credentials of the registry", "as they are", "new"))
        if not different:
            return Step(Do.KEEP, "service", name, short, there.id)
        restarts = _tasks(spec) if any(_is_of_tasks(one) for one in different) else 0
        return Step(Do.CHANGE, "service", name, short, there.id, spec, different, restarts)

    def restarted(self, by_wave: tuple[tuple[Step, ...], ...]) -> tuple[tuple[Step, ...], ...]:
        """The steps, with those that `restart: true` makes of an update of what they depend on."""
        updated: set[str] = set()
        found = []
        for wave in by_wave:
            steps = tuple(self._restarted(step, updated) for step in wave)
            updated |= {step.short for step in steps if step.restarts}
            found.append(steps)
        return tuple(found)

    def _restarted(self, step: Step, updated: set[str]) -> Step:
        causes = [
            one.on for one in self._desired.dependencies[step.short] if one.restart and one.on in updated
        ]
        there = self._held.services.get(step.name)
        if not causes or step.restarts or there is None or step.do not in (Do.KEEP, Do.CHANGE):
            return step
        spec = specs_pb2.ServiceSpec()
        spec.CopyFrom(self._desired.services[step.short])
        spec.task.force_update = there.spec.task.force_update + 1
        why = Difference("restarted", "running", f"again after {', '.join(causes)}")
        return Step(
            Do.CHANGE,
            "service",
            step.name,
            step.short,
            there.id,
            spec,
            (*step.differences, why),
            _tasks(spec),
        )

    def unlisted_services(self, pruned: Callable[[str], bool]) -> list[Step]:
        """Services of the stack that the files do not have: removed on request."""
        listed = {spec.annotations.name for spec in self._desired.services.values()}
        extra = [
            item for name, item in sorted(self._held.own(self._held.services).items()) if name not in listed
        ]
        kept = [name for item in extra if not pruned(name := item.spec.annotations.name)]
        if kept:
            self.warnings.append(f"not in the files, and kept without --prune: {', '.join(kept)}")
        return [
            Step(Do.REMOVE, "service", name, id=item.id)
            for item in extra
            if (name := item.spec.annotations.name) not in kept
        ]

    def old_generations(self, changed: Collection[str]) -> list[Step]:
        """Generations that no service uses any more, but the last two of each secret and config, the wanted one counted."""
        used = self._held.used_payloads(changed)
        found: list[Step] = []
        nouns: tuple[tuple[str, Any, Any], ...] = (
            ("secret", self._held.own(self._held.secrets), self._desired.secrets),
            ("config", self._held.own(self._held.configs), self._desired.configs),
        )
        for noun, items, payloads in nouns:
            wanted = {owned.name for owned in payloads.owned.values()}
            shorts = {
                owned.short
                for owned in payloads.owned.values()
                if GENERATION in owned.spec.annotations.labels
            }
            for short, group in _generations(items.values()).items():
                earlier = [one for one in group if one.spec.annotations.name not in wanted]
                kept = GENERATIONS_KEPT - (short in shorts)
                found += [
                    Step(Do.REMOVE, noun, one.spec.annotations.name, short, one.id)
                    for one in earlier[kept:]
                    if one.id not in used
                ]
        return found

    def old_states(self) -> list[Step]:
        """States beyond the last five, the new one counted."""
        own = self._held.own(self._held.configs)
        return [
            Step(Do.REMOVE, "state", config.spec.annotations.name, id=config.id)
            for config in state.newest_first(own.values())[state.KEPT - 1 :]
        ]


def _asked(there: specs_pb2.NetworkSpec, wanted: specs_pb2.NetworkSpec) -> specs_pb2.NetworkSpec:
    """The spec that is there, without what a manager filled in where nothing was asked for."""
    found = specs_pb2.NetworkSpec()
    found.CopyFrom(there)
    for part in ("ipam", "driver_config"):
        if not wanted.HasField(part):
            found.ClearField(part)
    if not wanted.driver_config.options:
        found.driver_config.options.clear()
    # Docker's manager writes the gateway that it chose into the spec.
    asked = {config.subnet: config.gateway for config in wanted.ipam.configs}
    for config in found.ipam.configs:
        if not asked.get(config.subnet, config.gateway):
            config.gateway = ""
    return found


def _generations(items: Iterable[Any]) -> dict[str, list[Any]]:
    """Generations of the same secret or config together, the newest first."""
    groups: dict[str, list[Any]] = {}
    for item in items:
        if short := item.spec.annotations.labels.get(GENERATION):
            groups.setdefault(short, []).append(item)
    for group in groups.values():
        group.sort(key=lambda item: (-item.meta.created_at.ToNanoseconds(), item.id))
    return groups


def _credentials(spec: specs_pb2.ServiceSpec) -> str:
    return spec.task.container.pull_options.registry_auth


def _mode(spec: specs_pb2.ServiceSpec) -> str:
    return (spec.WhichOneof("mode") or "nothing").replace("_", "-")


def _tasks(spec: specs_pb2.ServiceSpec) -> int:
    """How many tasks the spec has; one stands for a task on each node."""
    match spec.WhichOneof("mode"):
        case "replicated":
            return spec.replicated.replicas
        case "replicated_job":
            return spec.replicated_job.total_completions
        case _:
            return 1


def _is_of_tasks(one: Difference) -> bool:
    """Whether tasks are replaced for it: a placement that they meet leaves them alone."""
    return one.field.startswith(("task.", "process")) and not one.field.startswith("task.placement")
