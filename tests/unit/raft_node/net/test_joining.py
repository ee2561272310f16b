"""Asking to be admitted: which answers are taken, and when asking ends."""

import random
from pathlib import Path

import pytest
from swarm_core.api.proto.raft_pb2 import JoinRequest, JoinResponse
from swarm_core.raft_node.errors import JoinFailed, JoinRefused
from swarm_core.raft_node.net.joining import ask_to_join, ask_until_admitted
from swarm_core.rpc.grpcio import grpc
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.clock import VirtualClock, in_virtual_time


class Managers:
    """They answer with these raft ids or refusals, one after the other, the last for ever."""

    def __init__(self, *answers: int | JoinRefused) -> None:
        self.answers = list(answers)
        self.asked: list[float] = []

    async def ask(self, seconds: float) -> JoinResponse:
        self.asked.append(seconds)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, JoinRefused):
            raise answer
        return JoinResponse(raft_id=answer)

    async def admit(self, *, former: frozenset[int] = frozenset(), timeout_s: float = 30.0) -> JoinResponse:
        backoff = Backoff(random.Random(1))
        return await ask_until_admitted(
            self.ask, VirtualClock(), backoff, manager="m1", timeout_s=timeout_s, former=former
        )


@in_virtual_time
async def test_an_id_of_before_is_not_taken_again() -> None:
    """A leader that was replaced without knowing it offers the id that the node had; the next answer counts."""
    assert (await Managers(7, 7, 9).admit(former=frozenset({7}))).raft_id == 9


@in_virtual_time
async def test_asking_ends_when_only_ids_of_before_are_offered() -> None:
    """With the reason, and no later than it was to end."""
    managers, clock = Managers(7), VirtualClock()
    start = clock.monotonic()
    with pytest.raises(
        JoinFailed, match=r"at m1 did not admit this manager: .* does not know of its removal"
    ):
        await managers.admit(former=frozenset({7}), timeout_s=20)
    assert len(managers.asked) > 2
    assert managers.asked == sorted(managers.asked, reverse=True)
    assert clock.monotonic() - start < 20


@in_virtual_time
async def test_a_refusal_is_asked_again_unless_it_is_final() -> None:
    """What asking again changes nothing about ends it at once."""
    for_now = JoinRefused("no leader", is_final=False)
    assert (await Managers(for_now, for_now, 9).admit()).raft_id == 9
    managers = Managers(for_now, JoinRefused("not with this certificate", is_final=True))
    with pytest.raises(JoinFailed, match="not with this certificate"):
        await managers.admit()
    assert len(managers.asked) == 2


async def test_a_manager_is_asked_by_its_service(tmp_path: Path) -> None:
    """With this manager's address, each time on another connection; its refusals have the code and the words that it gave."""
    requests: list[str] = []
    dialled: list[str] = []

    async def join(request: JoinRequest, context: grpc.aio.ServicerContext) -> JoinResponse:
        requests.append(request.addr)
        if len(requests) == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        if len(requests) > 2:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no manager")
        return JoinResponse(raft_id=9)

    handler = grpc.unary_unary_rpc_method_handler(
        join, JoinRequest.FromString, JoinResponse.SerializeToString
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("docker.swarmkit.v1.RaftMembership", {"Join": handler}),)
    )
    address = f"unix:{tmp_path / 's'}"
    server.add_insecure_port(address)
    await server.start()

    def dial(to: str) -> grpc.aio.Channel:
        dialled.append(to)
        return grpc.aio.insecure_channel(to)

    async def ask() -> JoinResponse:
        backoff = Backoff(random.Random(1))
        return await ask_to_join(dial, address, "10.0.0.1:1", SystemClock(), backoff, timeout_s=30)

    try:
        assert (await ask()).raft_id == 9
        with pytest.raises(JoinFailed, match="no manager"):
            await ask()
    finally:
        await server.stop(0)
    assert requests == ["10.0.0.1:1"] * 3
    assert dialled == [address] * 3
