"""What the interface asks of the cluster: each a question to the person where one is due, then one call per object.

Runs in workers of the screen. A failure is a sentence; what was done before it stays done and is said.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client.errors import CallFailed, Unreachable
from textual.screen import Screen

from swarm_tui.clusters.session import Session
from swarm_tui.dialogs.choose import Choose
from swarm_tui.dialogs.confirm import Confirm
from swarm_tui.dialogs.scale import REPLICAS_MAX, Amount, Scale
from swarm_tui.resources import nodes, services
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ResourceKind
from swarm_tui.views.sentences import sentence

_AVAILABILITIES = (
    ("active", "active   takes tasks"),
    ("pause", "pause    keeps its tasks, takes no new ones"),
    ("drain", "drain    its tasks move to other nodes"),
)


class Operations:
    """Scale, remove, create, and node availability."""

    def __init__(self, screen: Screen[Any], session: Session) -> None:
        self._screen = screen
        self._session = session

    async def scale(self, ids: Sequence[str]) -> None:
        """Ask for an amount and scale these services to it."""
        found = [service for id_ in ids if (service := self._session.mirror.get(objects_pb2.Service, id_))]
        fixed = [services.name(one) for one in found if one.spec.WhichOneof("mode") != "replicated"]
        if fixed:
            self._say(
                f"Could not scale {', '.join(fixed)}: only replicated services have a number.", is_error=True
            )
            return
        if not found:
            return
        subject = services.name(found[0]) if len(found) == 1 else f"{len(found)} services"
        amount = await self._screen.app.push_screen_wait(Scale(subject, found[0].spec.replicated.replicas))
        if amount is None:
            return
        for service in found:
            await self._try(f"scale {services.name(service)}", self._scale_one(service, amount))

    async def _scale_one(self, service: objects_pb2.Service, amount: Amount) -> str:
        changed: list[str] = []

        def edit(spec: specs_pb2.ServiceSpec) -> None:
            before = spec.replicated.replicas
            spec.replicated.replicas = min(max(amount.of(before), 0), REPLICAS_MAX)
            changed[:] = [f"{services.name(service)}: {before} → {spec.replicated.replicas}"]

        await self._session.control.change(objects_pb2.Service, service.id, edit)
        return changed[0]

    async def remove(self, kind: ResourceKind[Any], ids: Sequence[str]) -> None:
        """Ask for the name (or, for several, their number) and remove these objects."""
        mirror = self._session.mirror
        found = [item for id_ in ids if (item := mirror.get(kind.message, id_)) is not None]
        if not found:
            return
        names = [kind.name(item, mirror) for item in found]
        word = names[0] if len(found) == 1 else str(len(found))
        title = f"Remove {kind.noun} {names[0]}" if len(found) == 1 else f"Remove {len(found)} {kind.noun}s"
        if not await self._screen.app.push_screen_wait(Confirm(title, self._consequences(kind, found), word)):
            return
        for item, name in zip(found, names, strict=True):
            await self._try(f"remove {name}", self._remove_one(kind, item.id, name))

    async def _remove_one(self, kind: ResourceKind[Any], id_: str, name: str) -> str:
        await self._session.control.remove(kind.message, id_)
        return f"{kind.noun} {name} removed"

    def _consequences(self, kind: ResourceKind[Any], found: Sequence[Any]) -> list[str]:
        mirror = self._session.mirror
        if kind.noun == "service":
            running = sum(services.running(item, mirror) for item in found)
            return [
                *_names(kind, found),
                f"{plural(running, 'running task')} will be stopped; there is no undo.",
            ]
        up = [nodes.name(item) for item in found if nodes.state_of(item)[0] != "down"]
        sentences = _names(kind, found)
        if up:
            sentences.append(f"Not down, so the manager will refuse it: {', '.join(up)}.")
        return sentences

    async def set_availability(self, ids: Sequence[str]) -> None:
        """Ask which, and set the availability of these nodes."""
        found = [node for id_ in ids if (node := self._session.mirror.get(objects_pb2.Node, id_))]
        if not found:
            return
        subject = nodes.name(found[0]) if len(found) == 1 else f"{len(found)} nodes"
        current = nodes.availability(found[0])
        word = await self._screen.app.push_screen_wait(
            Choose(f"Availability of {subject}", _AVAILABILITIES, current)
        )
        if word is None:
            return
        value = specs_pb2.NodeSpec.Availability.Value(word.upper())
        for node in found:
            await self._try(f"set {nodes.name(node)} to {word}", self._set_one(node, value, word))

    async def _set_one(
        self, node: objects_pb2.Node, value: specs_pb2.NodeSpec.Availability.ValueType, word: str
    ) -> str:
        def edit(spec: specs_pb2.NodeSpec) -> None:
            spec.availability = value

        await self._session.control.change(objects_pb2.Node, node.id, edit)
        return f"{nodes.name(node)}: {word}"

    async def create(self, spec: specs_pb2.ServiceSpec, done: Callable[[str], Awaitable[None]]) -> None:
        """Create a service; `done` gets its id."""
        name = spec.annotations.name

        async def call() -> str:
            created = await self._session.control.create(objects_pb2.Service, spec)
            await done(created.id)
            return f"service {name} created"

        await self._try(f"create {name}", call())

    async def _try(self, doing: str, work: Awaitable[str]) -> None:
        try:
            self._say(await work)
        except (CallFailed, Unreachable) as error:
            self._say(sentence(error, doing), is_error=True)

    def _say(self, text: str, *, is_error: bool = False) -> None:
        self._screen.notify(
            text, severity="error" if is_error else "information", timeout=10 if is_error else 4, markup=False
        )


def _names(kind: ResourceKind[Any], found: Sequence[Any]) -> list[str]:
    """Which ones, where the title does not say it."""
    if len(found) == 1:
        return []
    name = services.name if kind.noun == "service" else nodes.name
    return [", ".join(name(item) for item in found)]
