"""Making one container on one engine, and its image there.

Rules
1. An image that the engine does not have is pulled there.
2. Once an engine is asked to make a container its answer is waited for. Who is cancelled meanwhile leaves nothing behind: what was made is removed
   again. That it could not be is a note of the cancellation.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final

from swarm_core.api.json_text import json_of
from swarm_core.engines.api import EngineApi
from swarm_core.engines.changing import CHANGE_S, QUIET_S
from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.errors import EngineAway, EngineError, EngineGarbage, EngineRefused
from swarm_core.engines.placement.platforms import Platform, normal
from swarm_core.engines.placement.request import Request
from swarm_core.engines.records import EngineKey
from swarm_core.runtime.tasks import beside

_log = logging.getLogger(__name__)
UNDO_S: Final = 10.0
"""So long is waited for what a cancelled making came to."""
NOT_FOUND: Final = 404
_WRONG_SYSTEM: Final = ("cannot be used on this platform", "no matching manifest for")


class NoImage(EngineRefused):
    """The engine does not have the image, and cannot have it from a registry."""


def is_wrong_system(error: EngineError) -> bool:
    """Whether an engine says that an image is for another system or processor than its own."""
    return any(words in str(error) for words in _WRONG_SYSTEM)


async def make(
    cluster: EngineCluster, key: EngineKey, request: Request, headers: Mapping[str, str] | None
) -> Mapping[str, Any]:
    """What the engine answers. Raises EngineRefused (NoImage without its image), EngineAway, EngineError."""
    api = cluster.api(key)
    body = request.body_for(cluster.engine(key).cpus)
    query = {"name": request.name or None, "platform": request.platform or None}
    try:
        try:
            answer = await _asked(api, query, body)
        except EngineRefused as error:
            if error.status != NOT_FOUND or not request.image:
                raise
            await _pull(api, request, headers)
            answer = await _asked(api, query, body)
    except EngineAway as error:
        cluster.suspect(key, error)
        raise
    if not isinstance(answer, dict):
        raise EngineError("Container created but its engine did not say its id")
    return answer


async def _asked(api: EngineApi, query: Mapping[str, str | None], body: Mapping[str, Any]) -> Any:
    """Have it made; where that is cancelled, have it removed again."""

    async def outcome() -> tuple[Any, EngineError | None]:
        try:
            return await api.post("/containers/create", query, body, timeout=CHANGE_S), None
        except EngineError as error:
            return None, error  # raised outside of the group

    async with beside() as group:
        making = group.spawn(outcome(), name="make a container")
        try:
            answer, error = await asyncio.shield(making)
        except asyncio.CancelledError as cancelled:
            if not await _undone(api, making):
                name = query.get("name") or "without a name"
                cancelled.add_note(
                    f"the engine at {api.url} did not say whether it made the container {name}; look there"
                )
            raise
    if error is not None:
        raise error
    return answer


async def _undone(api: EngineApi, making: "asyncio.Task[tuple[Any, EngineError | None]]") -> bool:
    """Whether nothing is left of what is being made."""
    await asyncio.wait([making], timeout=UNDO_S)
    if not making.done():
        return False
    answer, error = making.result()
    if error is not None:
        return isinstance(error, EngineRefused)
    try:
        await api.delete(f"/containers/{answer['Id']}", {"force": True, "v": True}, timeout=UNDO_S)
    except EngineError as failure:
        _log.warning("a container that nobody waits for is not removed: %s", failure)
        return False
    return True


async def _pull(api: EngineApi, request: Request, headers: Mapping[str, str] | None) -> None:
    """Have the image on the engine. Raises NoImage when nobody gives it, whatever the reason."""
    image = request.image
    query: dict[str, str | None] = {"fromImage": image, "platform": request.platform or None}
    if ":" not in image.rpartition("/")[2] and "@" not in image:
        query["tag"] = "latest"
    try:
        pull = api.lines("POST", "/images/create", query, headers=headers, quiet_s=QUIET_S)
        async with aclosing(pull) as lines:
            async for line in lines:
                told = json_of(line.decode(errors="replace"))
                if isinstance(told, dict) and (error := told.get("error")):
                    raise NoImage(NOT_FOUND, str(error))
    except EngineRefused as refused:
        raise NoImage(refused.status, refused.message) from None
    except ValueError:
        raise EngineGarbage(f"the container engine at {api.url} answered no progress") from None


async def platforms_of(
    apis: Iterable[EngineApi], image: str, headers: Mapping[str, str] | None
) -> tuple[Platform, ...]:
    """What the image runs on, as its registry tells the first of the engines that can ask it; empty where none can."""
    for api in apis:
        try:
            told = json_of(await api.call("GET", f"/distribution/{image}/json", headers=headers))
            found = [
                (str(one.get("os") or ""), str(one.get("architecture") or "")) for one in told["Platforms"]
            ]
        except (EngineError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.info("the platforms of %s are not known by the engine at %s: %s", image, api.url, error)
            continue
        # An index also lists what is no image, as signatures: of an unknown system.
        known = [
            Platform(os, normal(architecture)) for os, architecture in found if os not in ("", "unknown")
        ]
        return tuple(dict.fromkeys(known))
    return ()
