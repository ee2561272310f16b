"""grpcio's server with calls asked for ahead: it has them, loses none, and ends like any other."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from swarm_core.rpc.eager_server import CALLS_AHEAD, eager_server
from swarm_core.rpc.grpcio import grpc

CALLS = 5 * CALLS_AHEAD
Handler = Callable[[bytes, object], Awaitable[bytes]]


def serving(handler: Handler, path: Path) -> grpc.aio.Server:
    server = eager_server((), CALLS)
    method = grpc.unary_unary_rpc_method_handler(handler)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a", {"B": method}),))
    server.add_insecure_port(f"unix:{path}")
    return server


@asynccontextmanager
async def calling(path: Path) -> AsyncIterator[Callable[[bytes], Awaitable[bytes]]]:
    async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
        yield channel.unary_unary("/a/B")


async def test_calls_are_asked_for_ahead(tmp_path: Path) -> None:
    """The grpcio of here asks in the way that is made use of."""

    async def handler(request: bytes, context: object) -> bytes:
        return request

    server = serving(handler, tmp_path / "s")
    await server.start()
    asked = [task for task in asyncio.all_tasks() if "_request_call" in repr(task)]
    await server.stop(None)
    assert len(asked) == CALLS_AHEAD


async def test_each_call_is_answered_once(tmp_path: Path) -> None:
    """More calls at once than are asked for ahead: each handler runs once and its answer reaches its caller."""
    seen = Counter[bytes]()

    async def handler(request: bytes, context: object) -> bytes:
        seen[request] += 1
        return request

    server = serving(handler, tmp_path / "s")
    await server.start()
    requests = [str(number).encode() for number in range(CALLS)]
    async with calling(tmp_path / "s") as call:
        assert await asyncio.gather(*map(call, requests)) == requests
    await server.stop(None)
    assert seen == Counter(requests)


async def test_the_end_does_not_wait_for_what_nobody_took(tmp_path: Path) -> None:
    """A server that is told to end while calls come in answers those it took, refuses the others and is done."""
    entered, may_end = asyncio.Event(), asyncio.Event()
    taken = 0

    async def handler(request: bytes, context: object) -> bytes:
        nonlocal taken
        taken += 1
        entered.set()
        await may_end.wait()
        return request

    async def code_of(call: Awaitable[bytes]) -> str:
        try:
            await call
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"

    server = serving(handler, tmp_path / "s")
    await server.start()
    async with asyncio.timeout(10), calling(tmp_path / "s") as call, asyncio.TaskGroup() as group:
        calls = [group.create_task(code_of(call(b""))) for _ in range(CALLS)]
        await entered.wait()
        ending = group.create_task(server.stop(60))
        while not any(call.done() for call in calls):  # those that nobody took
            await asyncio.sleep(0.01)
        may_end.set()
        await ending
    codes = Counter(call.result() for call in calls)
    assert 0 < codes.pop("OK") == taken < CALLS
    assert set(codes) == {"CANCELLED"}
