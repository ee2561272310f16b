"""What was done by the person here, and the plan that takes it back (docs/design/plans.md 13.3).

Rules:
- What an object was and what became of it are the specs that were read and written, not those that a view showed meanwhile.
- An object is only taken back while its spec is what was made of it. It is compared with the version that is written over, so that
  what somebody else did since is never lost.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.rules.rollout import is_going, is_paused

from swarm_tui.operations.forecast.model import Pair
from swarm_tui.operations.model import Change, Create, Done, Edit, Hold, Outcome, Plan, Refused, Remove, Step
from swarm_tui.operations.rollout_notes import notes
from swarm_tui.resources import registry
from swarm_tui.resources.model import ClusterView

Cluster, Service = objects_pb2.Cluster, objects_pb2.Service
_KEPT_MAX: Final = 20
_CHANGED: Final = "somebody changed it since"
_RESTARTED: Final = "a restart cannot be taken back: its tasks are new"


@dataclass(frozen=True, slots=True)
class Deed:
    """A plan that was carried out; its pairs are the objects that it changed, as they were and as it made them. `back` takes back what no
    spec shows."""

    title: str
    pairs: tuple[Pair, ...]
    back: tuple[Step, ...] = ()


class Deeds:
    """The newest last; a bounded number of them."""

    def __init__(self) -> None:
        self._deeds: list[Deed] = []

    def note(self, plan: Plan, pairs: Sequence[Pair], outcomes: Sequence[Outcome]) -> None:
        """A plan was carried out; `pairs` are what it was about as a view showed it."""
        well = [one for one in outcomes if not one.is_error]
        done, back = tuple(_done(pairs, well)), tuple(one.back for one in well if one.back is not None)
        if done or back:
            self._deeds = [*self._deeds[1 - _KEPT_MAX :], Deed(plan.title, done, back)]

    @property
    def kept(self) -> Sequence[Deed]:
        """All that can be taken back, the newest last."""
        return tuple(self._deeds)

    @property
    def last(self) -> Deed | None:
        """What would be taken back first."""
        return self._deeds[-1] if self._deeds else None

    def forget(self, deed: Deed) -> None:
        """It cannot be taken back: leave it out, with what came of it."""
        if deed in self._deeds:
            del self._deeds[self._deeds.index(deed) :]

    def taken_back(self, deed: Deed, outcomes: Sequence[Outcome]) -> None:
        """Its inverse was carried out, which is no deed of its own. What failed of it is left; what the deeds before it made is there again, in a
        newer version, or under another id."""
        well = [one for one in outcomes if not one.is_error]
        if not well:
            return
        self.forget(deed)
        there = {one.id: one.made for one in well if one.made is not None}
        for pair in deed.pairs:
            if pair.after is None:
                there.update((pair.before.id, one.made) for one in well if _is_back(pair, one))
        self._deeds = [
            replace(one, pairs=tuple(_again(pair, there) for pair in one.pairs)) for one in self._deeds
        ]
        pairs = tuple(pair for pair in deed.pairs if not any(_is_back(pair, one) for one in well))
        back = tuple(step for step in deed.back if not any(_is_of(step, one) for one in well))
        if pairs or back:
            self._deeds.append(replace(deed, pairs=pairs, back=back))


def _is_back(pair: Pair, outcome: Outcome) -> bool:
    """Whether this came of taking it back. What was made again has another id."""
    if pair.after is not None:
        return bool(outcome.id == pair.after.id)
    return outcome.made is not None and bool(_is_as_made(outcome.made.spec, pair.before.spec))


def _is_of(step: Step, outcome: Outcome) -> bool:
    return not isinstance(step.action, Create) and outcome.id == step.action.id


def _done(pairs: Sequence[Pair], outcomes: Sequence[Outcome]) -> Iterator[Pair]:
    seen = {pair.before.id: pair.before for pair in pairs if pair.before is not None}
    for outcome in outcomes:
        before = seen.get(outcome.id)
        if outcome.made is None:
            if before is not None and outcome.is_removal:
                yield Pair(before, None)
        elif outcome.was is None:
            yield Pair(None, _without_value(outcome.made))
        elif outcome.was != outcome.made.spec:
            read = type(outcome.made)(id=outcome.id)
            read.spec.CopyFrom(outcome.was)
            yield Pair(read, outcome.made)


def _again(pair: Pair, there: Mapping[str, Any]) -> Pair:
    """The pair with what is there by now of the object that it made."""
    made = None if pair.after is None else there.get(pair.after.id)
    return replace(pair, after=made) if made is not None and _is_as_made(made.spec, pair.after.spec) else pair


def _without_value(made: Any) -> Any:
    """What was made, as anybody may see it: of a secret not its value, which is kept nowhere."""
    if not isinstance(made, objects_pb2.Secret):
        return made
    told = objects_pb2.Secret()
    told.CopyFrom(made)
    told.spec.ClearField("data")
    return told


def inverse(deed: Deed, view: ClusterView) -> Plan:
    """The plan that takes it back, refused where there is none."""
    title = f"Undo “{deed.title}”"
    steps: list[Step] = []
    refusals = [
        f"Could not undo “{deed.title}”: {text}." for step in deed.back if (text := _overtaken(step, view))
    ]
    steps += reversed(deed.back)
    for pair in reversed(deed.pairs):
        item = pair.before if pair.after is None else pair.after
        kind = next(one for one in registry.kinds() if one.message is type(item))
        name = kind.name(view.get(kind.message, item.id) or item, view)
        try:
            steps.append(_step(pair, name, kind.noun, view))
        except Refused as reason:
            refusals.append(f"Could not undo “{deed.title}”: {name}: {reason}.")
    if refusals:
        return Plan(title, refusals=tuple(refusals))
    created = [step for step in steps if isinstance(step.action, Remove)]
    word = "" if not created else created[0].name if len(created) == 1 else str(len(created))
    return Plan(title, tuple(steps), tuple(_warnings(deed)), word=word, notes=_notes(deed, view))


def _overtaken(step: Step, view: ClusterView) -> str:
    """Why a rollout is not any more as it was left; empty where it is."""
    if not isinstance(step.action, Hold):
        return ""
    if view.get(Service, step.action.id) is None:
        return f"{step.name}: it is not there any more"
    return "" if is_as_left(step, view) else f"{step.name}: its rollout is not as it was left"


def is_as_left(step: Step, view: ClusterView) -> bool:
    """Whether a rollout that `step` holds or lets go on can be held or go on still: it is as somebody left it."""
    if not isinstance(step.action, Hold):
        return True
    service = view.get(Service, step.action.id)
    if service is None or service.spec_version.index != step.action.spec_version:
        return False
    return is_going(service) if step.action.is_on else is_paused(service)


def _step(pair: Pair, name: str, noun: str, view: ClusterView) -> Step:
    """Raises Refused."""
    if pair.after is None:
        return _made_again(pair.before, name, view)
    kind = type(pair.after)
    there: Any = view.get(kind, pair.after.id)
    if there is None:
        raise Refused("it is not there any more")
    doing = f"undo the change of {name}"
    if not _is_as_made(there.spec, pair.after.spec):
        raise Refused(_CHANGED)
    if pair.before is None:
        return Step(name, doing, Remove(kind, pair.after.id), Done(f"{noun} {name} removed"))
    if kind is Service and _is_restart(pair):
        raise Refused(_RESTARTED)
    edit = _back(pair, name)
    after = kind()
    after.CopyFrom(there)
    done = edit(after.spec)
    shown = registry.by_noun(noun).changes
    different = tuple(shown(there, after, view)) if shown is not None else ()
    if isinstance(there, objects_pb2.Node) and there.spec.desired_role != after.spec.desired_role:
        word = "manager" if after.spec.desired_role == types_pb2.MANAGER else "worker"
        different = (*different, f"a {word} again")
    return Step(name, doing, Change(kind, pair.after.id, edit), done, different)


def _back(pair: Pair, name: str) -> Edit:
    """Puts the spec back as it was, unless it is not what was made of it any more."""
    restore: Callable[[Any], object] = lambda spec: spec.CopyFrom(pair.before.spec)  # noqa: E731
    if isinstance(pair.after, objects_pb2.Secret | objects_pb2.Config):
        # Their content is not told, and cannot be changed.
        restore = lambda spec: _labels(spec, pair.before.spec)  # noqa: E731

    def edit(spec: Any) -> Done:
        if not _is_as_made(spec, pair.after.spec):
            raise Refused(_CHANGED)
        restore(spec)
        return Done(f"{name} is as it was before")

    return edit


def _is_as_made(spec: Any, made: Any) -> bool:
    """Whether nothing differs but what a manager keeps to itself: the content of a secret."""
    if spec == made:
        return True
    if not isinstance(spec, specs_pb2.SecretSpec):
        return False
    one, other = type(spec)(), type(spec)()
    one.CopyFrom(spec)
    other.CopyFrom(made)
    one.ClearField("data")
    other.ClearField("data")
    return bool(one == other)


def _labels(spec: Any, before: Any) -> None:
    spec.annotations.labels.clear()
    spec.annotations.labels.update(before.annotations.labels)


def _is_restart(pair: Pair) -> bool:
    """Whether nothing was changed but that tasks are new."""
    alike = specs_pb2.ServiceSpec()
    alike.CopyFrom(pair.before.spec)
    alike.task.force_update = pair.after.spec.task.force_update
    return bool(alike == pair.after.spec)


def _made_again(before: Any, name: str, view: ClusterView) -> Step:
    """A service is its spec; of everything else something is lost with it. Raises Refused."""
    if not isinstance(before, Service):
        raise Refused("what is removed is lost")
    if any(one.spec.annotations.name == name and one.id != before.id for one in view.objects(Service)):
        raise Refused("there is another service of this name now")
    if missing := next(_missing(before.spec, view), ""):
        raise Refused(f"it used {missing}, and that is gone")
    done = Done(f"service {name} created again, with another id")
    return Step(name, f"create {name} again", Create(Service, before.spec), done)


def _missing(spec: specs_pb2.ServiceSpec, view: ClusterView) -> Iterator[str]:
    for secret in spec.task.container.secrets:
        if view.get(objects_pb2.Secret, secret.secret_id) is None:
            yield f"the secret {secret.secret_name}"
    for config in spec.task.container.configs:
        if view.get(objects_pb2.Config, config.config_id) is None:
            yield f"the config {config.config_name}"
    for network in (*spec.task.networks, *spec.networks):
        if view.get(objects_pb2.Network, network.target) is None:
            yield f"the network {network.target}"


def _warnings(deed: Deed) -> Iterator[str]:
    for pair in deed.pairs:
        if (
            isinstance(pair.before, objects_pb2.Node)
            and pair.after is not None
            and pair.before.spec.availability != pair.after.spec.availability
        ):
            yield "Tasks that moved stay where they are."
            return


def _notes(deed: Deed, view: ClusterView) -> tuple[str, ...]:
    back = [
        (found, pair.before.spec)
        for pair in deed.pairs
        if isinstance(pair.after, Service)
        and pair.before is not None
        and (found := view.get(Service, pair.after.id)) is not None
    ]
    return notes(view, back)
