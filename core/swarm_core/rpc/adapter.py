"""From a plain handler to what grpcio calls: one closure per method, made once, cheap to run.

Requests are decoded here, not by grpcio, so that a call for the leader passes on without being decoded and an
unreadable one is an answer, not a traceback. Answers may be messages or encoded bytes.
"""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeAlias

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from swarm_core.api.tolerant import reader
from swarm_core.rpc import forwarding
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Code, Internal, RpcFailure, ServiceMisbound
from swarm_core.rpc.forwarding import LeaderLocator, Route
from swarm_core.rpc.grpcio import grpc

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_STATUS = {Code(status.value[0]): status for status in grpc.StatusCode}
_TEXT_MAX = 1000
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LOGGER = logging.getLogger(__name__)


class Admission(Protocol):
    """The way in: what a server knows about the other end of a call."""

    def admit(self, context: Context, roles: frozenset[str]) -> Caller:
        """The caller. Raises RpcFailure."""

    def onward(self, context: Context) -> forwarding.Pairs:
        """The metadata with which this call goes on to the leader. Raises RpcFailure."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a service, ready to be served."""

    path: str
    call: Callable[..., Any]
    request: type[Message]
    client_streaming: bool
    server_streaming: bool
    roles: frozenset[str]
    to_leader: bool


@dataclass(frozen=True, slots=True)
class Binding:
    """What all methods of a server share. `plain`: exceptions whose text is for the caller."""

    admission: Admission
    locator: LeaderLocator
    plain: tuple[type[Exception], ...]


def bound(service: ServiceDescriptor, handlers: Sequence[object]) -> dict[str, Callable[..., Any]]:
    """What answers each method of `service`, by the method's name: the one handler that has an attribute of that name in
    snake case. Raises ServiceMisbound."""
    calls, mistakes = {}, []
    for descriptor in service.methods:
        name = snake_case(descriptor.name)
        offering = [handler for handler in handlers if hasattr(handler, name)]
        if len(offering) == 1:
            calls[descriptor.name] = getattr(offering[0], name)
        else:
            by = " and ".join(type(handler).__name__ for handler in offering) or "nobody"
            mistakes.append(f"{name} is offered by {by}")
    if mistakes:
        raise ServiceMisbound(f"{service.full_name}: {', '.join(mistakes)}")
    return calls


def method_of(
    descriptor: MethodDescriptor, call: Callable[..., Any], roles: frozenset[str], to_leader: bool
) -> Method:
    """The method as `call` answers it."""
    return Method(
        path=f"/{descriptor.containing_service.full_name}/{descriptor.name}",
        call=call,
        request=GetMessageClass(descriptor.input_type),
        client_streaming=descriptor.client_streaming,
        server_streaming=descriptor.server_streaming,
        roles=roles,
        to_leader=to_leader,
    )


def snake_case(name: str) -> str:
    """`GetRootCACertificate` becomes `get_root_ca_certificate`."""
    return _WORD_START.sub("_", name).lower()


def rpc_handler(method: Method, binding: Binding) -> Handler:
    """What grpcio needs to serve the method."""
    if method.server_streaming:
        make: Any = (
            grpc.stream_stream_rpc_method_handler
            if method.client_streaming
            else grpc.unary_stream_rpc_method_handler
        )
        handler: Handler = make(_streaming(method, binding), None, encoded)
        return handler
    if method.client_streaming:
        return grpc.stream_unary_rpc_method_handler(_collecting(method, binding), None, encoded)
    return grpc.unary_unary_rpc_method_handler(_unary(method, binding), None, encoded)


def encoded(answer: Message | bytes) -> bytes:
    """The answer's bytes; bytes stay as they are."""
    return answer if type(answer) is bytes else answer.SerializeToString()  # type: ignore[union-attr]


def _unary(method: Method, binding: Binding) -> Callable[[bytes, Context], Awaitable[Message | bytes]]:
    admit, call, decode, roles = binding.admission.admit, method.call, reader(method.request), method.roles

    async def serve(data: bytes, context: Context) -> Message | bytes:
        try:
            forwarding.check_passed_on(context.invocation_metadata, binding.locator)
            answer: Message | bytes = await call(decode(data), admit(context, roles))
        except Exception as error:  # noqa: BLE001 - every failure becomes a status; refuse tells bugs apart
            await refuse(error, context, method.path, binding.plain)
        return answer

    async def serve_by_leader(data: bytes, context: Context) -> Message | bytes:
        route: Route | None = None
        for tries_left in reversed(range(forwarding.TRIES)):
            try:
                route = await binding.locator.leader(other_than=route)
                if route is None:
                    answer: Message | bytes = await call(decode(data), admit(context, roles))
                    return answer
                pairs = binding.admission.onward(context)
                return await forwarding.unary(route, method.path, data, pairs, context.time_remaining())
            except Exception as error:  # noqa: BLE001 - every failure becomes a status; refuse tells bugs apart
                if not tries_left or not forwarding.may_retry(error, method.path):
                    await refuse(error, context, method.path, binding.plain)
        raise AssertionError("the last try answers or refuses")

    return serve_by_leader if method.to_leader else serve


def _collecting(method: Method, binding: Binding) -> Callable[[Any, Context], Awaitable[Message | bytes]]:
    async def serve(requests: AsyncIterator[bytes], context: Context) -> Message | bytes:
        try:
            route = await _route(method, binding, context)
            if route is None:
                caller = binding.admission.admit(context, method.roles)
                collected: Message | bytes = await method.call(_decoded(requests, method.request), caller)
                return collected
            async with aclosing(_by_leader(route, method, requests, binding, context)) as answers:
                async for answer in answers:
                    return bytes(answer)
            raise Internal("the leader ended the call without an answer")
        except Exception as error:  # noqa: BLE001 - every failure becomes a status; refuse tells bugs apart
            await refuse(error, context, method.path, binding.plain)

    return serve


def _streaming(method: Method, binding: Binding) -> Callable[[Any, Context], Awaitable[None]]:
    async def serve(given: Any, context: Context) -> None:
        try:
            route = await _route(method, binding, context)
            if route is None:
                caller = binding.admission.admit(context, method.roles)
                stream = method.client_streaming
                request = _decoded(given, method.request) if stream else reader(method.request)(given)
                source = method.call(request, caller)
            else:
                requests = given if method.client_streaming else _once(given)
                source = _by_leader(route, method, requests, binding, context)
            async with aclosing(source) as answers:
                async for answer in answers:
                    await context.write(answer)
        except Exception as error:  # noqa: BLE001 - every failure becomes a status; refuse tells bugs apart
            await refuse(error, context, method.path, binding.plain)

    return serve


async def _route(method: Method, binding: Binding, context: Context) -> Route | None:
    """The way to the leader for a call that goes there; None for one that is answered here. Raises RpcFailure."""
    if method.to_leader:
        return await binding.locator.leader()
    forwarding.check_passed_on(context.invocation_metadata, binding.locator)
    return None


def _by_leader(
    route: Route,
    method: Method,
    requests: AsyncIterator[bytes],
    binding: Binding,
    context: Context,
) -> Any:
    pairs = binding.admission.onward(context)
    return forwarding.stream(route, method.path, requests, pairs, context.time_remaining())


async def refuse(
    error: Exception, context: Context, path: str, plain: tuple[type[Exception], ...]
) -> NoReturn:
    """End the call with the status that `error` stands for."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    code, text = status_of(error, path, plain)
    if pairs := forwarding.not_done_metadata(error):
        context.set_trailing_metadata(pairs)
    await context.abort(_STATUS[code], text)


def status_of(error: Exception, path: str, plain: tuple[type[Exception], ...]) -> tuple[Code, str]:
    """Code and text that `error` stands for; what nobody expects is logged and not told."""
    if isinstance(error, RpcFailure):
        code, text = error.code, error.message
    elif isinstance(error, DecodeError):
        code, text = Code.INTERNAL, "the request cannot be decoded"
    elif isinstance(error, plain) or getattr(error, "plain", False):
        code, text = Code.UNKNOWN, str(error)
    else:
        _LOGGER.error("%s failed unexpectedly", path, exc_info=error)
        code, text = Code.INTERNAL, "internal error"
    return code, _shortened(text)


def _shortened(text: str) -> str:
    """A status travels as a header: one that is too long ends the call without any reason."""
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"


async def _decoded(requests: AsyncIterator[bytes], kind: type[Message]) -> AsyncIterator[Message]:
    read = reader(kind)
    async for data in requests:
        yield read(data)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
