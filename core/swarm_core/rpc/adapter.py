"""From a plain handler to what a connection serves: closures per method, made once, cheap to run.

Callers are judged by the headers of their calls, and only then are requests kept and decoded. A call for the leader passes on
without being decoded, and an unreadable one is an answer, not a traceback. Answers may be messages or encoded bytes.
"""

import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from swarm_core.api.tolerant import reader
from swarm_core.rpc import forwarding
from swarm_core.rpc.call import Call, Served
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Code, Internal, RpcFailure, ServiceMisbound, code_of
from swarm_core.rpc.forwarding import LeaderLocator, Route

Serve = Callable[[Call, bytes | None], Coroutine[Any, Any, None]]
_TEXT_MAX = 1000
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LOGGER = logging.getLogger(__name__)


class Admission(Protocol):
    """The way in: what a server knows about the other end of a call."""

    def admit(self, call: Call, roles: frozenset[str]) -> Caller:
        """The caller. Raises RpcFailure."""

    def glance(self, call: Call, roles: frozenset[str]) -> None:
        """Raise RpcFailure for a caller whom no manager would admit."""

    def onward(self, call: Call) -> forwarding.Pairs:
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


def served(method: Method, binding: Binding) -> Served:
    """The method as a connection serves it."""
    if method.server_streaming:
        serve = _streaming(method, binding)
    elif method.client_streaming:
        serve = _collecting(method, binding)
    else:
        serve = _unary(method, binding)
    return Served(method.path, method.client_streaming, _admitting(method, binding), serve)


def encoded(answer: Message | bytes) -> bytes:
    """The answer's bytes; bytes stay as they are."""
    return answer if type(answer) is bytes else answer.SerializeToString()  # type: ignore[union-attr]


def _admitting(method: Method, binding: Binding) -> Callable[[Call], Caller | None]:
    """Judges a caller by the headers of its call. None: the leader judges, whom the call is passed on to."""
    admission, locator, roles = binding.admission, binding.locator, method.roles

    def admit(call: Call) -> Caller | None:
        if method.to_leader and not locator.leads:
            admission.glance(call, roles)
            return None
        forwarding.check_passed_on(call.metadata, locator)
        return admission.admit(call, roles)

    return admit


def _unary(method: Method, binding: Binding) -> Serve:
    handler, decode, path, plain = method.call, reader(method.request), method.path, binding.plain

    async def serve(call: Call, request: bytes | None) -> None:
        assert request is not None
        try:
            answer = await handler(decode(request), call.caller)
            call.answer(answer if type(answer) is bytes else answer.SerializeToString())
        except Exception as error:  # noqa: BLE001 - every failure becomes a status; refuse tells bugs apart
            refuse(error, call, path, plain)

    async def serve_by_leader(call: Call, request: bytes | None) -> None:
        assert request is not None
        route: Route | None = None
        for tries_left in reversed(range(forwarding.TRIES)):
            try:
                route = await binding.locator.leader(other_than=route)
                if route is None:
                    call.answer(encoded(await handler(decode(request), _caller(call, method, binding))))
                else:
                    pairs = binding.admission.onward(call)
                    call.answer(await forwarding.unary(route, path, request, pairs, call.time_remaining()))
                return
            except Exception as error:  # noqa: BLE001 - every failure becomes a status; refuse tells bugs apart
                if not tries_left or not forwarding.may_retry(error, path):
                    refuse(error, call, path, plain)
                    return

    return serve_by_leader if method.to_leader else serve


def _collecting(method: Method, binding: Binding) -> Serve:
    async def serve(call: Call, _: bytes | None) -> None:
        try:
            route = await _route(method, binding)
            if route is None:
                caller = _caller(call, method, binding)
                call.answer(encoded(await method.call(_decoded(call.requests(), method.request), caller)))
                return
            async with aclosing(_by_leader(route, method, call.requests(), binding, call)) as answers:
                async for answer in answers:
                    call.answer(bytes(answer))
                    return
            raise Internal("the leader ended the call without an answer")
        except Exception as error:  # noqa: BLE001 - every failure becomes a status; refuse tells bugs apart
            refuse(error, call, method.path, binding.plain)

    return serve


def _streaming(method: Method, binding: Binding) -> Serve:
    read = reader(method.request)

    async def serve(call: Call, sole: bytes | None) -> None:
        try:
            route = await _route(method, binding)
            if route is None:
                request = _decoded(call.requests(), method.request) if sole is None else read(sole)
                source = method.call(request, _caller(call, method, binding))
            else:
                requests = call.requests() if sole is None else sole
                source = _by_leader(route, method, requests, binding, call)
            async with aclosing(source) as answers:
                async for answer in answers:
                    await call.write(answer if type(answer) is bytes else answer.SerializeToString())
            call.finish()
        except Exception as error:  # noqa: BLE001 - every failure becomes a status; refuse tells bugs apart
            refuse(error, call, method.path, binding.plain)

    return serve


async def _route(method: Method, binding: Binding) -> Route | None:
    """The way to the leader for a call that goes there; None for one that is answered here. Raises RpcFailure."""
    return await binding.locator.leader() if method.to_leader else None


def _caller(call: Call, method: Method, binding: Binding) -> Caller:
    """Who makes a call that is answered here, though maybe it seemed to be the leader's when it came. Raises RpcFailure."""
    return call.caller or binding.admission.admit(call, method.roles)


def _by_leader(
    route: Route,
    method: Method,
    requests: AsyncIterator[bytes] | bytes,
    binding: Binding,
    call: Call,
) -> Any:
    pairs = binding.admission.onward(call)
    return forwarding.stream(route, method.path, requests, pairs, call.time_remaining())


def refuse(error: Exception, call: Call, path: str, plain: tuple[type[Exception], ...]) -> None:
    """End the call with the status that `error` stands for."""
    code, text = status_of(error, path, plain)
    call.fail(code, text, forwarding.not_done_metadata(error))


def status_of(error: Exception, path: str, plain: tuple[type[Exception], ...]) -> tuple[Code, str]:
    """Code and text that `error` stands for; what nobody expects is logged and not told."""
    code = code_of(error, plain)
    if isinstance(error, RpcFailure):
        text = error.message
    elif isinstance(error, DecodeError):
        text = "the request cannot be decoded"
    elif code is Code.UNKNOWN:
        text = str(error)
    else:
        _LOGGER.error("%s failed unexpectedly", path, exc_info=error)
        text = "internal error"
    return code, _shortened(text)


def _shortened(text: str) -> str:
    """A status travels as a header: one that is too long ends the call without any reason."""
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"


async def _decoded(requests: AsyncIterator[bytes], kind: type[Message]) -> AsyncIterator[Message]:
    read = reader(kind)
    async for data in requests:
        yield read(data)
