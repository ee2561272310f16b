"""Images on this engine: pulled for tasks, once for all that want the same at the same moment.

Rules (docs/design/docker-executor.md 7.5): a pull is tried always, except for image ids, digests that are here, and where the
operator prefers offline images; when it fails, an image that is here serves, and without one the task fails. A pull
goes on when the task that began it stops waiting.
"""

import asyncio
import logging
import os

from swarm_agentd.exec.errors import Fatal, Missing, Temporary
from swarm_agentd.executors.docker.engine import Client, Engine, NotFound
from swarm_agentd.executors.docker.mapping import image_reference, is_image_id

_log = logging.getLogger(__name__)
PREFER_OFFLINE = "DOCKER_SERVICE_PREFER_OFFLINE_IMAGE"
Credentials = dict[str, str] | None


class Images:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pulls: dict[tuple[str, str], asyncio.Future[None]] = {}

    async def provide(self, image: str, credentials: Credentials) -> None:
        """See to it that `image` is here. Raises Missing, or Temporary without an engine."""
        reference = image_reference(image) if not is_image_id(image) else image
        is_offline = os.environ.get(PREFER_OFFLINE) == "1"
        if (is_offline or is_image_id(image) or "@" in image) and await self._is_here(reference):
            return
        reason = "it has no such image" if is_image_id(image) else await self._pull(reference, credentials)
        if reason and not await self._is_here(reference):
            raise Missing(f"no such image: {reference}: {reason}")

    async def _is_here(self, reference: str) -> bool:
        try:
            await self._engine.call(lambda client: client.inspect_image(reference))
        except NotFound:
            return False
        return True

    async def _pull(self, reference: str, credentials: Credentials) -> str:
        """Pull, or join the pull of the same image; why it failed, empty for success."""
        key = (reference, str(credentials))
        pull = self._pulls.get(key)
        if pull is None:
            pull = self._engine.submit(lambda client: _pull(client, reference, credentials))
            self._pulls[key] = pull
            pull.add_done_callback(lambda done: self._forget(key, done))
        try:
            await asyncio.shield(pull)
        except (Temporary, Fatal) as error:
            return str(error)
        return ""

    def _forget(self, key: tuple[str, str], pull: "asyncio.Future[None]") -> None:
        del self._pulls[key]
        if not pull.cancelled() and (error := pull.exception()) is not None:
            _log.info("image %s cannot be pulled: %s", key[0], error)


def _pull(client: Client, reference: str, credentials: Credentials) -> None:
    repository, _, tag = reference.rpartition(":") if "@" not in reference else (reference, "", None)
    for progress in client.pull(repository, tag=tag, auth_config=credentials or {}, stream=True, decode=True):
        if "error" in progress:
            raise Missing(str(progress["error"]))
