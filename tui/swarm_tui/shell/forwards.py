"""The ports of this machine that a person opened to tasks from the dashboard: they end with it (docs/design/exec.md 15.4)."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.control import NoSuchObject
from swarm_core.client.errors import ClientError

from swarm_tui.clusters.forward import HOST, Forward, NotTaken, why_not
from swarm_tui.clusters.session import Session
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.tasks import KIND as TASKS

Task = objects_pb2.Task
Begin = Callable[[Coroutine[Any, Any, None]], Callable[[], None]]
"""Runs the work beside the dashboard; what it answers ends it."""


@dataclass(frozen=True, slots=True)
class _Open:
    name: str
    forward: Forward
    end: Callable[[], None]


class Forwards:
    """See the module's text. `tell_failure` takes a sentence about a connection that came to nothing."""

    def __init__(self, session: Session, tell_failure: Callable[[str], None], begin: Begin) -> None:
        self._session = session
        self._tell_failure = tell_failure
        self._begin = begin
        self._open: dict[str, _Open] = {}
        self._troubles: set[str] = set()

    def lines(self) -> Sequence[tuple[str, str]]:
        return [(id_, _line(one)) for id_, one in self._open.items()]

    async def begin(self, ref: ObjectRef, name: str, here: int, there: int) -> str:
        session = self._session.of(ref.cluster)
        doing = f"forward port {there} of {name}"
        try:
            reason = await why_not(session.control)
        except ClientError as error:
            reason = str(error)
        if reason:
            raise ValueError(f"Could not {doing}: {reason.rstrip('.')}.")

        async def find() -> str:
            return _task_of(session.mirror, ref, name)

        forward = Forward(session.control, there, find, self._tell)
        try:
            forward.listen(here)
        except NotTaken as error:
            raise ValueError(f"Could not {doing}: {error}; write :{there} for any free one.") from None
        address = f"{HOST}:{forward.local}"
        self._open[address] = _Open(name, forward, self._begin(self._run(address, forward)))
        return address

    async def _run(self, address: str, forward: Forward) -> None:
        try:
            await forward.run()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a forward that fails is told of, and ends nothing else
            self._tell_failure(f"{address} leads nowhere any more: {error}.")
        finally:
            forward.close()
            self._open.pop(address, None)

    def end(self, id_: str) -> None:
        if (one := self._open.get(id_)) is not None:
            one.end()

    def _tell(self, text: str) -> None:
        """The same of many connections is told once."""
        if text not in self._troubles:
            self._troubles.add(text)
            self._tell_failure(text)


def _line(one: _Open) -> str:
    count = f"{one.forward.open} open, {one.forward.total} in all"
    return f"{HOST}:{one.forward.local} → port {one.forward.remote} of {one.name}  {count}"


def _task_of(view: ClusterView, ref: ObjectRef, name: str) -> str:
    """The task that a connection goes to now: of a service its first one that runs, and what took the place of a task. Raises NoSuchObject."""
    if ref.kind != TASKS.noun:
        found = list(view.tasks_of_service(ref.id))
    else:
        task = view.get(Task, ref.id)
        found = (
            [one for one in view.objects(Task) if TASKS.name(one, view) == name] if task is None else [task]
        )
        if task is not None and not _runs(task):
            found = [one for one in view.tasks_of_service(task.service_id) if TASKS.name(one, view) == name]
    running = sorted((one for one in found if _runs(one)), key=lambda one: (one.slot, one.id))
    if not running:
        raise NoSuchObject(f"nothing of {name} runs")
    return running[0].id


def _runs(task: Task) -> bool:
    return bool(task.status.state == types_pb2.RUNNING == task.desired_state)
