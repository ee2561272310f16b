"""Handlers that somebody watches: how often each method is called, how it ends and how long it takes (docs/design/metrics.md M.2).

What is logged in a call names it. What is answered here is counted here, whichever way it came; what is passed on to the leader is counted there. A server that nobody watches
has the plain handlers, and pays nothing.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Final, Protocol

from google.protobuf.descriptor import MethodDescriptor

from swarm_core.rpc.errors import Code, code_of
from swarm_core.runtime.log import CALL

Plain = tuple[type[Exception], ...]
"""Exceptions that reach callers as UNKNOWN."""


class CallObserver(Protocol):
    """Port: is told of each call that a handler answers. Methods are those that are served, never a caller's words."""

    def begun(self, method: MethodDescriptor) -> object:
        """A call begins; what is given comes back with its end."""

    def ended(self, method: MethodDescriptor, begun: object, code: Code) -> None:
        """It has ended like this."""


class _Named:
    """Wants to know nothing: the calls are watched for what is logged in them alone."""

    def begun(self, method: MethodDescriptor) -> object:
        return None

    def ended(self, method: MethodDescriptor, begun: object, code: Code) -> None: ...


NAMED: Final[CallObserver] = _Named()


def observed(
    method: MethodDescriptor, call: Callable[..., Any], observer: CallObserver, plain: Plain
) -> Callable[..., Any]:
    """`call` as it was, under the eyes of `observer`."""
    return (
        _stream(method, call, observer, plain)
        if method.server_streaming
        else _unary(method, call, observer, plain)
    )


def _unary(
    method: MethodDescriptor, call: Callable[..., Any], observer: CallObserver, plain: Plain
) -> Callable[..., Any]:
    async def answer(request: Any, caller: Any) -> Any:
        begun, code = observer.begun(method), Code.OK
        CALL.set(method.full_name)
        try:
            return await call(request, caller)
        except BaseException as error:
            code = _code(error, plain)
            raise
        finally:
            CALL.set("")
            observer.ended(method, begun, code)

    return answer


def _stream(
    method: MethodDescriptor, call: Callable[..., Any], observer: CallObserver, plain: Plain
) -> Callable[..., Any]:
    async def answers(request: Any, caller: Any) -> AsyncIterator[Any]:
        begun, code = observer.begun(method), Code.OK
        CALL.set(method.full_name)
        try:
            async with aclosing(call(request, caller)) as source:
                async for each in source:
                    yield each
        except BaseException as error:
            code = _code(error, plain)
            raise
        finally:
            CALL.set("")
            observer.ended(method, begun, code)

    return answers


def _code(error: BaseException, plain: Plain) -> Code:
    if isinstance(error, Exception):
        return code_of(error, plain)
    return Code.CANCELLED
