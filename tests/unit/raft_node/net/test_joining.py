"""Asking to be admitted: which answers are taken."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from swarm_core.api.proto.raft_pb2 import JoinRequest, JoinResponse
from swarm_core.raft_node.errors import JoinFailed
from swarm_core.raft_node.net.joining import ask_to_join
from swarm_core.rpc.grpcio import grpc
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import SystemClock


@asynccontextmanager
async def answering(path: Path, raft_ids: list[int]) -> AsyncIterator[str]:
    """A manager that admits as these raft ids, one after the other, the last for ever."""

    async def join(request: JoinRequest, context: object) -> JoinResponse:
        return JoinResponse(raft_id=raft_ids.pop(0) if len(raft_ids) > 1 else raft_ids[0])

    handler = grpc.unary_unary_rpc_method_handler(
        join, JoinRequest.FromString, JoinResponse.SerializeToString
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("docker.swarmkit.v1.RaftMembership", {"Join": handler}),)
    )
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        yield f"unix:{path}"
    finally:
        await server.stop(0)


async def ask(address: str, *, former: frozenset[int], timeout_s: float) -> JoinResponse:
    dial = grpc.aio.insecure_channel
    backoff = Backoff(random.Random(1))
    return await ask_to_join(
        dial, address, "10.0.0.1:1", SystemClock(), backoff, timeout_s=timeout_s, former=former
    )


async def test_an_id_of_before_is_not_taken_again(tmp_path: Path) -> None:
    """A leader that was replaced without knowing it offers the id that the node had; the next answer counts."""
    async with answering(tmp_path / "s", [7, 7, 9]) as address:
        assert (await ask(address, former=frozenset({7}), timeout_s=30)).raft_id == 9


async def test_asking_ends_when_only_ids_of_before_are_offered(tmp_path: Path) -> None:
    """With the reason."""
    async with answering(tmp_path / "s", [7]) as address:
        with pytest.raises(JoinFailed, match="does not know of its removal"):
            await ask(address, former=frozenset({7}), timeout_s=0.3)
