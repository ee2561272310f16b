"""`container run`: the engine that placement chooses, the container on it, and its output here until it ends.

Rules (docs/design/engine-commands.md 16.3)
1. Who interrupts it before the container runs leaves nothing behind, and is told so.
2. Once it runs, what would end this command is passed on to the container; the second time the container is killed.
"""

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from swarm_core.api.json_text import json_of
from swarm_core.engines.attached import Attached
from swarm_core.engines.changing import CHANGE_S, changed
from swarm_core.engines.errors import EngineError
from swarm_core.engines.placement.decide import Decision, NotPlaced, Policy
from swarm_core.engines.placement.expressions import BadExpression, Expression
from swarm_core.engines.placement.request import Request

from swarm_tui.cli.plumbing import registry_auth
from swarm_tui.cli.plumbing.engine_steps import tell_plan
from swarm_tui.cli.plumbing.engines import Chosen
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure
from swarm_tui.clusters import inside
from swarm_tui.engines.inside import hear, talk
from swarm_tui.operations.docker.engine import docker_words
from swarm_tui.operations.engines.run import run_plan

if TYPE_CHECKING:
    from swarm_core.engines.api import EngineApi
    from swarm_core.engines.records import Container

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be run."""

    name: str
    body: Mapping[str, Any]
    policy: Policy
    platform: str = ""


async def explain(chosen: Chosen, wanted: Wanted, *, is_dry: bool = False) -> None:
    """Print which engine would get the container, and what leaves each other out. Raises Failure where none would, and for a dry run Exit."""
    decision = await chosen.placer.explain(_request(chosen, wanted), wanted.policy)
    for line in decision.lines():
        say(line)
    _say_ignored(decision)
    if not decision.ranked:
        raise Failure(f"{decision.failure}.")
    if is_dry:
        record = chosen.cluster.engine(decision.chosen)
        words = ("run", *(("--name", wanted.name) if wanted.name else ()), wanted.body["Image"])
        await tell_plan(
            run_plan(wanted.name, str(wanted.body["Image"]), record, f"{docker_words(record, *words)} …")
        )


async def run(chosen: Chosen, wanted: Wanted, *, is_detached: bool) -> int:
    """Make and start the container; its exit code, or 0 where it is left alone. Raises EngineError or Failure."""
    body = wanted.body
    if body["Tty"] and body["AttachStdin"] and not inside.is_terminal():
        raise Failure("--tty needs a terminal at standard input and output.")
    container = await _made(chosen, wanted)
    api = chosen.api(container.engine)
    place = f"{chosen.name_of(container.engine)}/{container.name}"
    try:
        if is_detached:
            start = f"/containers/{container.id}/start"
            await changed(chosen.cluster, container.engine, lambda api: api.post(start, timeout=CHANGE_S))
            say(container.id)
            return 0
        return await _attended(api, container, body, place)
    except asyncio.CancelledError:
        await _remove_again(chosen, container, place)
        raise


async def _remove_again(chosen: Chosen, container: "Container", place: str) -> None:
    try:
        await chosen.placer.destroy(container, force=True, volumes=True)
    except EngineError as error:
        say(f"Interrupted: container {place} is not removed: {str(error).rstrip('.')}.", err=True)
    else:
        say(f"Interrupted: container {place} was removed again.", err=True)


async def _made(chosen: Chosen, wanted: Wanted) -> "Container":
    request = _request(chosen, wanted)
    headers = {"X-Registry-Auth": registry_auth.encoded(request.image)}
    try:
        placed = await chosen.placer.create(request, wanted.policy, headers=headers)
    except NotPlaced as error:
        for line in error.decision.lines():
            say(line, err=True)
        raise Failure(f"{error}.") from None
    except asyncio.CancelledError as cancelled:
        notes = getattr(cancelled, "__notes__", [])
        say(f"Interrupted: {'; '.join(notes) or 'no container was made'}.", err=True)
        raise
    for warning in placed.warnings:
        say(f"Warning: {warning}", err=True)
    _say_ignored(placed.decision)
    return placed.container


def _request(chosen: Chosen, wanted: Wanted) -> Request:
    try:
        request = chosen.placer.request(wanted.name, wanted.body, wanted.platform)
    except BadExpression as error:
        raise Failure(f"{error}.", USAGE) from None
    if not chosen.is_narrowed:
        return request
    named = Expression.exact("node", [record.name for record in chosen.records])
    return replace(request, constraints=(*request.constraints, named))


def _say_ignored(decision: Decision) -> None:
    if decision.ignored:
        say(f"No engine meets {', '.join(decision.ignored)}; it is placed without.", err=True)


async def _attended(api: "EngineApi", container: "Container", body: Mapping[str, Any], place: str) -> int:
    """Attach before it starts, so that nothing it says is missed, and wait for its end."""
    path, has_terminal = f"/containers/{container.id}", bool(body["Tty"])
    attached = Attached(api.url, hear, has_terminal=has_terminal)
    query = {"stream": True, "stdin": bool(body["AttachStdin"]), "stdout": True, "stderr": True}
    await api.hijack(f"{path}/attach", query, None, lambda: attached)
    try:
        await attached.begun()
        condition = "removed" if body["HostConfig"]["AutoRemove"] else "next-exit"
        async with api.open("POST", f"{path}/wait", {"condition": condition}) as waiting:

            async def to_its_end() -> int:
                await api.post(f"{path}/start", timeout=CHANGE_S)
                await talk(api, attached, path, reads=bool(body["AttachStdin"]), has_terminal=has_terminal)
                return int(json_of(await waiting.read())["StatusCode"])

            with _Passed(api, path, place) as passed:
                return await inside.with_beside(to_its_end(), passed.on())
    finally:
        attached.close()


class _Passed:
    """Signals that would end this command go to the container instead: the first as it is, the second as KILL. A third ends the command."""

    def __init__(self, api: "EngineApi", path: str, place: str) -> None:
        self._api, self._path, self._place = api, path, place
        self._came: asyncio.Queue[signal.Signals] = asyncio.Queue()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "_Passed":
        loop = asyncio.get_running_loop()
        # What was ignored when we were started (nohup) stays so.
        self._before = {
            one: handler for one in _ENDING if (handler := signal.getsignal(one)) is not signal.SIG_IGN
        }
        for one in self._before:
            loop.add_signal_handler(one, self._came.put_nowait, one)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for one, handler in self._before.items():
            loop.remove_signal_handler(one)
            signal.signal(one, handler)
        self._before = {}

    async def on(self) -> None:
        """Until cancelled."""
        one = await self._came.get()
        say(f"Interrupted: {one.name} goes to {self._place}; once more kills it.", err=True)
        await self._send(one.name)
        await self._came.get()
        self.__exit__()
        await self._send("KILL")
        await asyncio.Event().wait()

    async def _send(self, name: str) -> None:
        try:
            await self._api.post(f"{self._path}/kill", {"signal": name})
        except EngineError as error:
            say(f"{self._place} was not sent {name}: {str(error).rstrip('.')}.", err=True)
