"""`container run`: the engine that placement chooses, the container on it, and its output here until it ends."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from swarm_core.engines.attached import Attached
from swarm_core.engines.placement.decide import Decision, NotPlaced, Policy
from swarm_core.engines.placement.expressions import BadExpression, Expression
from swarm_core.engines.placement.request import Request

from swarm_tui.cli.plumbing import registry_auth
from swarm_tui.cli.plumbing.engine_streams import hear, talk
from swarm_tui.cli.plumbing.engines import Chosen
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure
from swarm_tui.clusters import inside

if TYPE_CHECKING:
    from swarm_core.engines.api import EngineApi
    from swarm_core.engines.records import Container


async def explain(chosen: Chosen, name: str, body: Mapping[str, Any], policy: Policy) -> None:
    """Print which engine would get the container, and what leaves each other out. Raises Failure where none would."""
    decision = await chosen.placer.explain(_request(chosen, name, body), policy)
    for line in decision.lines():
        say(line)
    _say_ignored(decision)
    if not decision.ranked:
        raise Failure(f"{decision.failure}.")


async def run(
    chosen: Chosen, name: str, body: Mapping[str, Any], policy: Policy, *, is_detached: bool
) -> int:
    """Make and start the container; its exit code, or 0 where it is left alone. Raises EngineError or Failure."""
    if body["Tty"] and body["AttachStdin"] and not inside.is_terminal():
        raise Failure("--tty needs a terminal at standard input and output.")
    request = _request(chosen, name, body)
    headers = {"X-Registry-Auth": registry_auth.encoded(request.image)}
    try:
        placed = await chosen.placer.create(request, policy, headers=headers)
    except NotPlaced as error:
        for line in error.decision.lines():
            say(line, err=True)
        raise Failure(f"{error}.") from None
    for warning in placed.warnings:
        say(f"Warning: {warning}", err=True)
    _say_ignored(placed.decision)
    container = placed.container
    api = chosen.api(container.engine)
    if is_detached:
        await api.post(f"/containers/{container.id}/start", timeout=None)
        say(container.id)
        return 0
    return await _attended(api, container, body)


def _request(chosen: Chosen, name: str, body: Mapping[str, Any]) -> Request:
    try:
        request = chosen.placer.request(name, body)
    except BadExpression as error:
        raise Failure(f"{error}.", USAGE) from None
    if not chosen.is_narrowed:
        return request
    named = Expression.exact("node", [record.name for record in chosen.records])
    return replace(request, constraints=(*request.constraints, named))


def _say_ignored(decision: Decision) -> None:
    if decision.ignored:
        say(f"No engine meets {', '.join(decision.ignored)}; it is placed without.", err=True)


async def _attended(api: "EngineApi", container: "Container", body: Mapping[str, Any]) -> int:
    """Attach before it starts, so that nothing it says is missed, and wait for its end."""
    path, has_terminal = f"/containers/{container.id}", bool(body["Tty"])
    attached = Attached(api.url, hear, has_terminal=has_terminal)
    query = {"stream": True, "stdin": bool(body["AttachStdin"]), "stdout": True, "stderr": True}
    await api.hijack(f"{path}/attach", query, None, lambda: attached)
    try:
        await attached.begun()
        condition = "removed" if body["HostConfig"]["AutoRemove"] else "next-exit"
        async with api.open("POST", f"{path}/wait", {"condition": condition}) as waiting:
            await api.post(f"{path}/start", timeout=None)
            await talk(api, attached, path, reads=bool(body["AttachStdin"]), has_terminal=has_terminal)
            told = json.loads(await waiting.read())
    finally:
        attached.close()
    return int(told["StatusCode"])
