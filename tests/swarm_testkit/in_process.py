"""Calls of handlers in this process, as a connection to a manager makes them.

Messages are copied on the way, as a wire would. What a handler raises reaches the caller as the server would tell it
(`rpc.adapter.status_of`), and as a connection would raise it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from swarm_core.api.proto import (
    ca_pb2,
    control_pb2,
    dispatcher_pb2,
    endpoints_pb2,
    logbroker_pb2,
    manager_figures_pb2,
    progress_pb2,
    raft_status_pb2,
    watch_pb2,
)
from swarm_core.client.connection import descriptor_of
from swarm_core.client.errors import CallFailed, ClientError, Unreachable
from swarm_core.rpc.adapter import Method, status_of
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Code, Unimplemented
from swarm_core.rpc.server import Services

from swarm_testkit.refusing import Refusing

T = TypeVar("T")
M = TypeVar("M", bound=Message)

LOST = "the connection was lost"
_SERVICES = {
    name: service
    for module in (
        ca_pb2,
        control_pb2,
        dispatcher_pb2,
        endpoints_pb2,
        logbroker_pb2,
        manager_figures_pb2,
        progress_pb2,
        raft_status_pb2,
        watch_pb2,
    )
    for name, service in module.DESCRIPTOR.services_by_name.items()
}


def find(services: Services, name: str) -> Method:
    """The method called "Service.Method". Raises RpcFailure when it is not served."""
    if (method := services.method(_path(name))) is not None:
        return method
    descriptor = descriptor_of(name)
    raise Unimplemented(
        f"unknown method {descriptor.name} for service {descriptor.containing_service.full_name}"
    )


@cache
def _path(name: str) -> str:
    descriptor = descriptor_of(name)
    return f"/{descriptor.containing_service.full_name}/{descriptor.name}"


@cache
def _answers_of(name: str) -> type[Message]:
    return GetMessageClass(descriptor_of(name).output_type)


def client_error(error: Exception, name: str, plain: tuple[type[Exception], ...] = ()) -> ClientError:
    """What the caller of "Service.Method" meets when its handler raised `error`."""
    code, text = status_of(error, name, plain)
    return Unreachable(text) if code is Code.UNAVAILABLE else CallFailed(code.name, text)


def copied(message: M) -> M:
    """The message as its receiver gets it."""
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def decoded(name: str, answer: Message | bytes) -> Any:
    """The answer of "Service.Method" as its caller gets it."""
    data = answer if isinstance(answer, bytes) else answer.SerializeToString()
    return _answers_of(name).FromString(data)


class InProcessConnection:
    """See client.dispatch.AgentConnection: `services` are called on behalf of `caller`.

    `cut` ends it as a broken line does. `requests` are the unary calls and streams so far.
    """

    def __init__(self, services: Services, caller: Caller) -> None:
        self._services = services
        self._caller = caller
        self._lost = asyncio.Event()
        self._reason = LOST
        self.is_closed = False
        self.requests: list[tuple[str, Message]] = []

    def cut(self, reason: str = LOST) -> None:
        """Fail every call, those under way too."""
        self._reason = reason
        self._lost.set()

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        self.requests.append((method, request))
        with self._failures(method):
            handler = self._find(method)
            try:
                async with asyncio.timeout(timeout) as limit:
                    return decoded(method, await self._until_lost(handler(copied(request), self._caller)))
            except TimeoutError:
                if not limit.expired():
                    raise
                raise CallFailed(
                    "DEADLINE_EXCEEDED", f"{method} was not answered within {timeout:g} s"
                ) from None

    async def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        self.requests.append((method, request))
        with self._failures(method):
            async with contextlib.aclosing(self._find(method)(copied(request), self._caller)) as messages:
                while True:
                    try:
                        message = await self._until_lost(anext(messages))
                    except StopAsyncIteration:
                        return
                    yield decoded(method, message)

    async def upload(self, method: str, requests: AsyncIterator[Message]) -> Any:
        async def copies() -> AsyncIterator[Message]:
            async for request in requests:
                yield copied(request)

        with self._failures(method):
            handler = self._find(method)
            async with contextlib.aclosing(requests), contextlib.aclosing(copies()) as sent:  # type: ignore[type-var]
                return decoded(method, await self._until_lost(handler(sent, self._caller)))

    async def both_ways(self, method: str, requests: AsyncIterator[Message]) -> AsyncIterator[Any]:
        async def copies() -> AsyncIterator[Message]:
            async for request in requests:
                yield copied(request)

        with self._failures(method):
            async with contextlib.aclosing(self._find(method)(copies(), self._caller)) as messages:
                while True:
                    try:
                        message = await self._until_lost(anext(messages))
                    except StopAsyncIteration:
                        return
                    yield decoded(method, message)

    async def close(self) -> None:
        self.is_closed = True
        self.cut()

    def _find(self, name: str) -> Callable[..., Any]:
        if self._lost.is_set():
            raise Unreachable(self._reason)
        return find(self._services, name).call

    @contextlib.contextmanager
    def _failures(self, method: str) -> Iterator[None]:
        try:
            yield
        except ClientError:
            raise
        except Exception as error:  # noqa: BLE001 - every failure of a handler becomes a status, as on a server
            raise client_error(error, method, self._services.plain) from None

    async def _until_lost(self, work: Any) -> Any:
        answer = asyncio.ensure_future(work)
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait((answer, lost), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise Unreachable(self._reason)
            return answer.result()
        finally:
            for waiting in (answer, lost):
                waiting.cancel()
            await asyncio.wait((answer, lost))


def services_of(handlers: Mapping[str, object]) -> Services:
    """Services by name, each of a handler that may have only some of its methods; the others are refused."""
    services = Services()
    for name, handler in handlers.items():
        services.add(_SERVICES[name], handler, Refusing(_SERVICES[name], handler))
    return services
