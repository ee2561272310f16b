"""The Docker Engine as seen from here: calls in a bounded pool of threads, and one stream of events for all tasks.

Rules
1. What passes by itself (engine not there, not answering, overloaded) is Temporary; the rest keeps its HTTP meaning.
2. Events only say that something about a container may have changed; what it is, one reads from the engine. So an event
   too many does no harm, and after a gap everybody looks again.
3. The connection is made when first needed and again after the engine was away.
4. The engine's client is large. It is loaded when an engine listens, so that a node without one does not pay for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from swarm_core.api.json_text import json_of
from swarm_core.runtime.clock import Clock

from swarm_agentd.exec.errors import Fatal, InvalidTask, Missing, Temporary

if TYPE_CHECKING:
    import docker.errors

_log = logging.getLogger(__name__)
T = TypeVar("T")
Client = Any
"""docker.APIClient; its published types are partial."""
THREADS_MAX = 8
LONG_CALLS_MAX = 8
CALL_S = 60
NEWEST_API = "1.46"
"""The newest version of the engine's API whose fields `mapping` knows. An engine ignores fields of newer versions than the one
that is spoken."""
RECONNECT_S = 1.0
CANCEL_S = 1.0
_SIGKILL = str(int(signal.SIGKILL))
"""As an event names it."""


class NotFound(Missing):
    """The engine has no such container, image or volume."""


class EngineAway(Temporary):
    """Nobody answers at the engine's address, or the answer broke off."""


class Conflict(Fatal):
    """The engine has something of that name, or the container is in the wrong state."""


class Engine:
    """One engine. `run` must be running for events to come."""

    def __init__(self, url: str, clock: Clock, label: str) -> None:
        """`label` selects the containers whose events are wanted."""
        self.url = url
        self._clock, self._label = clock, label
        self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="docker")
        # Pulls take minutes; they must not keep a container from being stopped.
        self._long_pool = ThreadPoolExecutor(LONG_CALLS_MAX, thread_name_prefix="docker-pull")
        self._streams: set[Any] = set()
        self._client: Client = None
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._out_of_memory: set[str] = set()
        self._killed: set[str] = set()

    async def run(self) -> None:
        """Follow the engine's events until cancelled, through its restarts."""
        told = ""
        try:
            while True:
                try:
                    await self._follow()
                except Temporary as error:
                    if str(error) != told:  # once, not at every try
                        _log.warning("%s", error)
                    told = str(error)
                self._wake_all()
                await self._clock.sleep(RECONNECT_S)
        finally:
            for pool in (self._pool, self._long_pool):
                pool.shutdown(wait=False, cancel_futures=True)
            for response in tuple(self._streams):
                close(response)
            self._drop_client()

    @property
    def api_version(self) -> str:
        """The version of the engine's API that is spoken; known once a call went well."""
        return "" if self._client is None else str(self._client.api_version)

    async def call(self, work: Callable[[Client], T]) -> T:
        """Do `work` in a thread. Raises Temporary, NotFound, Conflict, InvalidTask or Fatal.

        Cancelling leaves it to itself: it is carried through, and its result is dropped.
        """
        return await self.submit(work)

    def submit(self, work: Callable[[Client], T]) -> asyncio.Future[T]:
        """Begin `work` in a thread; see `call` for what its future raises."""
        return asyncio.get_running_loop().run_in_executor(self._pool, self._guarded, work)

    def submit_long(self, work: Callable[[Client], T]) -> asyncio.Future[T]:
        """As `submit`, for work of minutes that reads a stream; it gives the stream to `closed_at_end`."""
        return asyncio.get_running_loop().run_in_executor(self._long_pool, self._guarded, work)

    @contextmanager
    def closed_at_end(self, response: Any) -> Iterator[None]:
        """In a thread: `response` ends when the block is left, or with `run`, which must not wait for its reader."""
        self._streams.add(response)
        try:
            yield
        finally:
            self._streams.discard(response)
            close(response)

    @contextmanager
    def watching(self, name: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever something about container `name` may have changed; who waits clears it."""
        changed = asyncio.Event()
        self._watchers.setdefault(name, set()).add(changed)
        try:
            yield changed
        finally:
            watchers = self._watchers[name]
            watchers.discard(changed)
            if not watchers:
                del self._watchers[name]

    async def open_stream(self, path: str, params: dict[str, Any]) -> Any:
        """A streaming GET below the API version's path; the caller reads the response and gives it to `close`.

        Raises as `call` does."""
        opening = self.submit(lambda client: self._get(client, path, params))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening], timeout=CANCEL_S)
            if opening.done() and opening.exception() is None:
                close(opening.result())
            raise

    def _get(self, client: Client, path: str, params: dict[str, Any]) -> Any:
        response = client.get(
            f"{client.base_url}/v{client.api_version}{path}", params=params, stream=True, timeout=None
        )
        if response.status_code == 404:
            raise NotFound(_message(response.text))
        if response.status_code >= 400:
            raise Temporary(f"the engine answered {response.status_code}: {_message(response.text)}")
        return response

    def _guarded(self, work: Callable[[Client], T]) -> T:
        try:
            _probe(self.url)
        except OSError as error:
            self._drop_client()
            raise self._silent(error) from None
        import docker.errors
        import requests.exceptions
        import urllib3.exceptions

        try:
            if self._client is None:
                self._client = _connect(self.url)
            return work(self._client)
        except docker.errors.APIError as error:
            raise _explained(error) from None
        except (
            docker.errors.DockerException,
            requests.exceptions.RequestException,
            urllib3.exceptions.HTTPError,
            OSError,
        ) as error:
            self._drop_client()
            raise self._silent(error) from None

    def _silent(self, error: BaseException) -> EngineAway:
        return EngineAway(f"the container engine at {self.url} does not answer: {_reason(error)}")

    def _drop_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _follow(self) -> None:
        """Wake watchers until the stream of events ends. Raises Temporary."""
        wanted = {"type": ["container"], "label": [self._label]}
        response = await self.open_stream("/events", {"filters": json.dumps(wanted)})
        loop = asyncio.get_running_loop()
        self._wake_all()  # what happened before the stream began

        def read() -> None:
            for line in response.iter_lines():
                event = json_of(line)
                facts = event.get("Actor", {}).get("Attributes", {})
                loop.call_soon_threadsafe(
                    self._take, facts.get("name", ""), event.get("Action", ""), facts.get("signal", "")
                )

        # A thread of its own: the pool is for calls that end.
        reader = ThreadPoolExecutor(1, thread_name_prefix="docker-events")
        try:
            await loop.run_in_executor(reader, read)
        except stream_failures() as error:
            raise Temporary(f"the engine's events ended: {_reason(error)}") from None
        finally:
            close(response)
            reader.shutdown(wait=False)

    def was_out_of_memory(self, name: str) -> bool:
        """Whether an event said so of this container. Its state may say nothing: the engine learns of the end and of the cause
        on two ways."""
        return name in self._out_of_memory

    def was_killed(self, name: str) -> bool:
        """Whether somebody asked this engine to kill the container."""
        return name in self._killed

    def _take(self, name: str, action: str, number: str = "") -> None:
        if action == "oom":
            self._out_of_memory.add(name)
        elif action == "kill" and number == _SIGKILL:
            self._killed.add(name)
        elif action in ("start", "destroy"):
            self._out_of_memory.discard(name)
            self._killed.discard(name)
        self._wake(name)

    def _wake(self, name: str) -> None:
        for changed in self._watchers.get(name, ()):
            changed.set()

    def _wake_all(self) -> None:
        for name in self._watchers:
            self._wake(name)


def post(client: Client, path: str, body: dict[str, Any]) -> None:
    """A POST below the API version's path, for requests that the client has no method for."""
    _checked(client.post(f"{client.base_url}/v{client.api_version}{path}", json=body, timeout=CALL_S))


def post_stream(client: Client, path: str, params: dict[str, str], headers: dict[str, str]) -> Any:
    """As `post`, with an answer that is read as it comes and that the caller closes."""
    url = f"{client.base_url}/v{client.api_version}{path}"
    return _checked(client.post(url, params=params, headers=headers, stream=True, timeout=None))


def _checked(response: Any) -> Any:
    import docker.errors
    import requests.exceptions

    try:
        response.raise_for_status()
    except requests.exceptions.HTTPError as error:
        docker.errors.create_api_error_from_http_exception(error)  # raises APIError
    return response


def stream_failures() -> tuple[type[Exception], ...]:
    """What reading a streamed response raises when it breaks."""
    import requests.exceptions
    import urllib3.exceptions

    return (ValueError, OSError, requests.exceptions.RequestException, urllib3.exceptions.HTTPError)


def close(response: Any) -> None:
    """End a streamed response whose reader may be waiting in another thread."""
    from docker.types import CancellableStream

    try:
        CancellableStream(iter(()), response).close()
    except (OSError, AttributeError):
        pass  # the connection is gone already
    response.close()


def _probe(url: str) -> None:
    """See whether anybody listens: of a failed attempt the client says less."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
            trial.settimeout(CALL_S)
            trial.connect(url.removeprefix("unix://"))


def _connect(url: str) -> Client:
    """A client that speaks the newest version both sides know."""
    import docker.constants

    client = _client(url, docker.constants.MINIMUM_DOCKER_API_VERSION)
    try:
        theirs = client.version(api_version=False)["ApiVersion"]
    finally:
        client.close()
    version = min(NEWEST_API, theirs, key=lambda text: [int(part) for part in text.split(".")])
    return _client(url, version)


def _client(url: str, version: str) -> Client:
    import docker

    from swarm_agentd.executors.docker import unix_transport

    client = docker.APIClient(url, version=version, timeout=CALL_S)
    unix_transport.use(client, url, CALL_S)
    return client


def _explained(error: docker.errors.APIError) -> Exception:
    status = error.response.status_code if error.response is not None else 0
    text = error.explanation or str(error)
    match status:
        case 404:
            return NotFound(text)
        case 409:
            return Conflict(text)
        case 400:
            return InvalidTask(text)
        case 429 | 502 | 503 | 504:
            return Temporary(text)
        case _:
            return Fatal(text)


def _message(body: str) -> str:
    try:
        return str(json_of(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.strip()


def _reason(error: BaseException) -> str:
    """The innermost cause, which is the one that says something."""
    seen: BaseException = error
    while True:
        inner = seen.__cause__ or seen.__context__
        if inner is None or inner is seen:
            break
        seen = inner
    return getattr(seen, "strerror", None) or str(seen) or type(seen).__name__
