"""Images on this engine: pulled for tasks, once for all that want the same at the same moment.

Rules (docs/design/docker-executor.md 7.5): a pull is tried always, except for image ids, digests that are here, and where the
operator prefers offline images; when it fails, an image that is here serves, and without one the task fails. A pull
goes on when the task that began it stops waiting, and is given up when no task wants the image any more.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from typing import Any

from swarm_core.api.json_text import json_of

from swarm_agentd.exec.errors import ExecError, Fatal, Missing, Temporary
from swarm_agentd.exec.progress import Progress
from swarm_agentd.executors.docker.engine import (
    Client,
    Engine,
    EngineAway,
    NotFound,
    close,
    post_stream,
    stream_failures,
)
from swarm_agentd.executors.docker.mapping import image_reference, is_image_id
from swarm_agentd.executors.docker.pull_progress import PullProgress

_log = logging.getLogger(__name__)
PREFER_OFFLINE = "DOCKER_SERVICE_PREFER_OFFLINE_IMAGE"
Credentials = dict[str, str] | None
Tell = Callable[[Progress], None]


@dataclass(eq=False, slots=True)
class _Pull:
    """A pull under way; `listeners` are the tasks that wait for it."""

    ended: asyncio.Future[None] = field(init=False)
    listeners: set[Tell] = field(default_factory=set)
    last: Progress | None = None
    response: Any = None
    is_given_up: bool = False

    def tell(self, progress: Progress) -> None:
        self.last = progress
        for listener in self.listeners:
            listener(progress)


class Images:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pulls: dict[tuple[str, str], _Pull] = {}

    @property
    def pulled_now(self) -> Set[str]:
        """References whose pull is under way."""
        return {reference for reference, _ in self._pulls}

    async def provide(self, image: str, credentials: Credentials, tell: Tell) -> None:
        """See to it that `image` is here; `tell` hears how far its pull is. Raises Missing, or Temporary without an engine."""
        reference = image_reference(image) if not is_image_id(image) else image
        is_offline = os.environ.get(PREFER_OFFLINE) == "1"
        if (is_offline or is_image_id(image) or "@" in image) and await self._is_here(reference):
            return
        failure = await self._try_to_get(image, reference, credentials, tell)
        if failure is None or await self._is_here(reference):
            return
        if isinstance(failure, EngineAway):  # it is back already, and the pull is begun anew
            raise failure
        raise Missing(f"no such image: {reference}: {failure}")

    async def _try_to_get(
        self, image: str, reference: str, credentials: Credentials, tell: Tell
    ) -> ExecError | None:
        if is_image_id(image):
            return Missing("it has no such image")
        return await self._pull(reference, credentials, tell)

    async def _is_here(self, reference: str) -> bool:
        try:
            await self._engine.call(lambda client: client.inspect_image(reference))
        except NotFound:
            return False
        return True

    async def _pull(self, reference: str, credentials: Credentials, tell: Tell) -> ExecError | None:
        """Pull, or join the pull of the same image; why it failed, None for success."""
        key = (reference, str(credentials))
        pull = self._pulls.get(key)
        if pull is None or pull.is_given_up:
            pull = self._begin(key, reference, credentials)
        pull.listeners.add(tell)
        if pull.last is not None:
            tell(pull.last)
        try:
            await asyncio.shield(pull.ended)
        except (Temporary, Fatal) as error:
            return error
        finally:
            pull.listeners.discard(tell)
        return None

    def _begin(self, key: tuple[str, str], reference: str, credentials: Credentials) -> _Pull:
        loop = asyncio.get_running_loop()

        def tell(progress: Progress) -> None:
            loop.call_soon_threadsafe(pull.tell, progress)

        pull = _Pull()
        pull.ended = self._engine.submit_long(
            lambda client: self._read(client, reference, credentials, pull, tell)
        )
        self._pulls[key] = pull
        pull.ended.add_done_callback(lambda _: self._forget(key, pull))
        return pull

    def give_up(self, image: str, credentials: Credentials) -> None:
        """End the pull of `image` if no task waits for it any more."""
        pull = self._pulls.get((image_reference(image), str(credentials)))
        if pull is not None and not pull.listeners:
            pull.is_given_up = True
            if pull.response is not None:
                close(pull.response)

    def _read(
        self, client: Client, reference: str, credentials: Credentials, pull: _Pull, tell: Tell
    ) -> None:
        """In a thread: read the engine's lines about the pull until its end."""
        response = _open(client, reference, credentials)
        with self._engine.closed_at_end(response):
            pull.response = response
            if pull.is_given_up:
                return
            try:
                _read_lines(response, tell)
            except stream_failures() as error:
                raise EngineAway(f"the pull broke off: {error}") from None

    def _forget(self, key: tuple[str, str], pull: _Pull) -> None:
        if self._pulls.get(key) is pull:
            del self._pulls[key]
        if not pull.ended.cancelled() and (error := pull.ended.exception()) is not None:
            _log.info("image %s cannot be pulled: %s", key[0], error)


def _read_lines(response: Any, tell: Tell) -> None:
    progress = PullProgress()
    for line in filter(None, response.iter_lines()):
        told = json_of(line)
        if "error" in told:
            raise Missing(str(told["error"]))
        if (now := progress.take(told)) is not None:
            tell(now)


def _open(client: Client, reference: str, credentials: Credentials) -> Any:
    import docker.auth

    repository, _, tag = reference.rpartition(":") if "@" not in reference else (reference, "", "")
    params = {"fromImage": repository} | ({"tag": tag} if tag else {})
    headers = {"X-Registry-Auth": docker.auth.encode_header(credentials).decode()} if credentials else {}
    return post_stream(client, "/images/create", params, headers)
