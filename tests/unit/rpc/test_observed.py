"""Calls under the eyes of an observer: what is told of each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from google.protobuf.descriptor import MethodDescriptor
from swarm_core.api.proto import health_pb2, watch_pb2
from swarm_core.rpc.errors import Code, NotFound
from swarm_core.rpc.observed import observed
from swarm_core.runtime.log import CALL

CHECK = health_pb2.DESCRIPTOR.services_by_name["Health"].methods_by_name["Check"]
WATCH = watch_pb2.DESCRIPTOR.services_by_name["Watch"].methods_by_name["Watch"]


class Seen:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.begins: list[str] = []
        self.ends: list[tuple[str, object, Code]] = []

    def begun(self, method: MethodDescriptor) -> object:
        self.begins.append(method.name)
        return len(self.begins)

    def ended(self, method: MethodDescriptor, begun: object, code: Code) -> None:
        self.ends.append((method.name, begun, code))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, Code.OK),
        (NotFound("none"), Code.NOT_FOUND),
        (LookupError("plain"), Code.UNKNOWN),
        (ZeroDivisionError(), Code.INTERNAL),
        (asyncio.CancelledError(), Code.CANCELLED),
    ],
)
async def test_how_calls_end(error: BaseException | None, code: Code) -> None:
    """The caller gets what it got before; the observer the code that it stands for."""
    seen = Seen()

    async def check(request: str, caller: str) -> str:
        assert CALL.get() == CHECK.full_name
        if error is not None:
            raise error
        return request + caller

    async def watch(request: str, caller: str) -> AsyncIterator[str]:
        assert CALL.get() == WATCH.full_name
        yield request + caller
        if error is not None:
            raise error

    unary = observed(CHECK, check, seen, (LookupError,))
    stream = observed(WATCH, watch, seen, (LookupError,))
    got = []
    for work in (unary("a", "b"), anext(aiter(stream("a", "b")))):
        if work is not None:
            try:
                got.append(await work)
            except type(error or Exception()) as raised:
                assert raised is error
    if error is None:
        assert got == ["ab", "ab"]
    assert seen.ends[0] == ("Check", 1, code)
    seen.ends.clear()
    try:
        async for _ in stream("a", "b"):
            pass
    except type(error or Exception()) as raised:
        assert raised is error
    assert ("Watch", 3, code) in seen.ends and CALL.get() == ""


async def test_a_stream_that_its_client_leaves() -> None:
    """It is cancelled, and its source is closed."""
    seen, closed = Seen(), asyncio.Event()

    async def watch(request: str, caller: str) -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.set()

    async with aclosing(observed(WATCH, watch, seen, ())("", "")) as answers:
        assert await anext(answers) == 1
    assert closed.is_set() and seen.ends == [("Watch", 1, Code.CANCELLED)]
