"""A rotation carried out: the new object, then service by service, each of which has to run well before the next is touched, then what nobody
uses any more (docs/design/stacks.md 12.12).

The first failure ends it: what was done stays, the old object too, and which services still use it is said.
"""

from collections.abc import AsyncIterator, Sequence

from swarm_core.api.proto import objects_pb2

from swarm_tui.operations.model import Outcome, Plan, Step, apply_together
from swarm_tui.operations.stacks.deploy import Manner, with_follower
from swarm_tui.operations.stacks.look import Reached
from swarm_tui.operations.stacks.rotation import Rotation
from swarm_tui.operations.stacks.waiting import CONVERGED, Follower, NeverHolds, Waited


class RotationFailed(Exception):
    """The rotation ended early; the sentences say why, and how things stand."""

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(map(str, self.args))

    def __str__(self) -> str:
        return "\n".join(self.sentences)


async def rotate(
    cluster: Reached, made: Rotation, manner: Manner, *, removes: bool
) -> AsyncIterator[Outcome]:
    """Carry it out; an outcome for each object. Without `manner.waits` every service gets it at once. Raises RotationFailed."""
    created = await _one(cluster, made.create, "")
    yield created
    if manner.waits:
        for number, service in enumerate(made.users):
            left = _left(made, number)
            outcome = await _one(cluster, made.repoint(service, created.id), left)
            yield outcome
            await _wait(service.spec.annotations.name, outcome, manner, _left(made, number + 1))
    else:
        steps = tuple(made.repoint(service, created.id) for service in made.users)
        wrong = []
        for outcome in await apply_together(Plan("", steps), cluster.control):
            if outcome.is_error:
                wrong.append(outcome.text)
            else:
                yield outcome
        if wrong:
            raise RotationFailed(*wrong)
    kept = made.keep()
    if kept is not None:
        yield await _one(cluster, kept, "")
    if removes:
        for step in made.removals(await cluster.control.find(objects_pb2.Service)):
            yield await _one(cluster, step, "")


async def _one(cluster: Reached, step: Step, left: str) -> Outcome:
    """Raises RotationFailed."""
    (outcome,) = await apply_together(Plan("", (step,)), cluster.control)
    if outcome.is_error:
        raise RotationFailed(f"{outcome.text}{left}")
    return outcome


async def _wait(name: str, outcome: Outcome, manner: Manner, left: str) -> None:
    """Until the service runs well with what was written. Raises RotationFailed."""
    wanted = [Waited(name, CONVERGED, outcome.made.meta.version.index)]

    async def work(follower: Follower) -> None:
        await follower.until(wanted, manner.judge, manner.say, manner.wave_timeout_s)

    try:
        await with_follower(manner.follow, work)
    except NeverHolds as error:
        raise RotationFailed(f"{error}.{left}") from None


def _left(made: Rotation, number: int) -> str:
    """Who still uses the old object from this one on."""
    names = [one.spec.annotations.name for one in made.users[number:]]
    return f" {_listed(names)} still on {made.shown}." if names else ""


def _listed(names: Sequence[str]) -> str:
    return f"{names[0]} is" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} are"
