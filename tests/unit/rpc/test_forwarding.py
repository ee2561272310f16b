"""Calls passed on to the leader (docs/design/certificates.md 3.9), between two real servers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto import ca_pb2, control_pb2, logbroker_pb2, watch_pb2
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_core.rpc import channel as channels
from swarm_core.rpc import forwarding
from swarm_core.rpc.caller import Caller, Peer, PeerCertificate
from swarm_core.rpc.errors import InvalidArgument, ResourceExhausted
from swarm_core.rpc.forwarding import Route
from swarm_core.rpc.grpcio import grpc
from swarm_testkit.free_ports import free_port
from swarm_testkit.trust import (
    EchoServices,
    connected,
    control_server,
    echo_services,
    make_authority,
    remote_server,
)

AUTHORITY = make_authority()
PEER = Peer("10.0.0.1:1", PeerCertificate("w1", frozenset({"swarm-worker"}), "org"))


class To:
    """The leader is elsewhere."""

    leads = False

    def __init__(self, address: str) -> None:
        follower = AUTHORITY.manager("follower")
        self.channel = channels.secure(
            address,
            roots=follower.roots,
            server_name=MANAGER_ROLE,
            certificate=follower.certificate,
            key=follower.key,
        )

    async def leader(self, *, other_than: Route | None = None) -> Route:
        return Route(self.channel)


async def logs() -> AsyncIterator[logbroker_pb2.PublishLogsMessage]:
    yield logbroker_pb2.PublishLogsMessage(subscription_id="a")


async def test_remote_calls_reach_the_leader_as_their_caller() -> None:
    """The leader hears who called the follower, judges by that, and every shape of call gets through."""
    leader_side, follower_side = EchoServices(b"root"), EchoServices()
    async with remote_server(AUTHORITY, echo_services(leader_side)) as leader:
        locator = To(leader.address)
        services = echo_services(follower_side, to_leader=True)
        async with remote_server(AUTHORITY, services, locator=locator) as follower:
            async with connected(follower.address, AUTHORITY, AUTHORITY.manager("m9")) as connection:
                answer = await connection.call("Control.GetNode", control_pb2.GetNodeRequest())
                assert answer.node.id == "m9"
                request = watch_pb2.WatchRequest()
                request.resume_from.index = 3
                assert len([item async for item in connection.stream("Watch.Watch", request)]) == 3
                await connection.upload("LogBroker.PublishLogs", logs())
                with pytest.raises(CallFailed) as failed:
                    await connection.call("Control.GetNode", control_pb2.GetNodeRequest(node_id="missing"))
                assert (failed.value.code, failed.value.message) == ("NOT_FOUND", "node missing not found")
            async with connected(follower.address, AUTHORITY, AUTHORITY.worker()) as connection:
                with pytest.raises(CallFailed) as failed:
                    await connection.call("Control.GetNode", control_pb2.GetNodeRequest())
                assert failed.value.code == "PERMISSION_DENIED"
            async with connected(follower.address, AUTHORITY) as connection:
                root = await connection.call("CA.GetRootCACertificate", ca_pb2.GetRootCACertificateRequest())
                assert root.certificate == b"root"
        await locator.channel.close(None)
    assert follower_side.callers == []
    assert {caller.node_id for caller in leader_side.callers} == {"m9", ""}
    assert all(caller.remote_addr.startswith("127.0.0.1:") for caller in leader_side.callers)


async def test_the_leader_s_refusal_of_a_stream_keeps_its_code() -> None:
    """A leader that refuses by the headers alone, while the request is still on its way, is heard word by word."""
    async with remote_server(AUTHORITY, echo_services(EchoServices())) as leader:
        locator = To(leader.address)
        other = AUTHORITY.node("m1", MANAGER_ROLE, organization="other")
        services = echo_services(EchoServices(), to_leader=True)
        async with (
            remote_server(AUTHORITY, services, locator=locator) as follower,
            connected(follower.address, AUTHORITY, other) as connection,
        ):
            for _ in range(20):
                with pytest.raises(CallFailed, match="another cluster") as failed:
                    _ = [item async for item in connection.stream("Watch.Watch", watch_pb2.WatchRequest())]
                assert failed.value.code == "PERMISSION_DENIED"
        await locator.channel.close(None)


async def test_control_socket_calls_reach_the_leader_as_this_manager(tmp_path: Path) -> None:
    """A person at a follower's socket speaks as that manager."""
    leader_side = EchoServices()
    async with remote_server(AUTHORITY, echo_services(leader_side)) as leader:
        locator = To(leader.address)
        path = tmp_path / "c.sock"
        services = echo_services(EchoServices(AUTHORITY.root.certificate), to_leader=True)
        async with (
            control_server(AUTHORITY, services, path, locator=locator),
            connected(path, AUTHORITY) as connection,
        ):
            answer = await connection.call("Control.GetNode", control_pb2.GetNodeRequest())
            assert answer.node.id == "follower"
        await locator.channel.close(None)


async def test_what_was_passed_on_is_not_answered_by_a_follower(tmp_path: Path) -> None:
    """A member that does not lead refuses a call that was passed on to it, also of a service that it answers itself when it
    is asked directly: who passed it on may be wrong about the leader."""
    deposed, path = EchoServices(), tmp_path / "c.sock"
    elsewhere = To("127.0.0.1:1")
    async with remote_server(AUTHORITY, echo_services(deposed), locator=elsewhere) as server:
        locator = To(server.address)
        async with (
            control_server(AUTHORITY, echo_services(EchoServices(), to_leader=True), path, locator=locator),
            connected(path, AUTHORITY) as connection,
        ):
            with pytest.raises(CallFailed) as failed:
                await connection.call("Control.GetNode", control_pb2.GetNodeRequest())
            assert failed.value.code == "RESOURCE_EXHAUSTED"
            with pytest.raises(CallFailed):
                _ = [item async for item in connection.stream("Watch.Watch", watch_pb2.WatchRequest())]
        assert deposed.callers == []
        async with connected(server.address, AUTHORITY, AUTHORITY.manager("m9")) as connection:
            assert (await connection.call("Control.GetNode", control_pb2.GetNodeRequest())).node.id == "m9"
        await locator.channel.close(None)
        await elsewhere.channel.close(None)


async def test_the_leader_refuses_nothing_it_can_answer() -> None:
    """A member that leads serves calls marked for the leader itself."""
    echo = EchoServices()
    async with (
        remote_server(AUTHORITY, echo_services(echo, to_leader=True)) as server,
        connected(server.address, AUTHORITY, AUTHORITY.manager("m3")) as connection,
    ):
        assert (await connection.call("Control.GetNode", control_pb2.GetNodeRequest())).node.id == "m3"


def test_metadata_of_remote_calls() -> None:
    """Keys of the transport and forged forwarding keys are dropped, others kept, the caller named."""
    incoming = [
        ("user-agent", "x"),
        ("grpc-timeout", "1S"),
        ("forwarded_cert", "true"),
        ("forwarded_cert_ou", "swarm-manager"),
        ("trace", "7"),
    ]
    assert forwarding.remote_metadata(incoming, PEER) == (
        ("trace", "7"),
        ("forwarded_cert", "true"),
        ("forwarded_cert_cn", "w1"),
        ("forwarded_cert_org", "org"),
        ("forwarded_cert_ou", "swarm-worker"),
        ("remote_addr", "10.0.0.1:1"),
    )
    blank = dict(forwarding.remote_metadata((), Peer("10.0.0.1:1", None)))
    assert blank["forwarded_cert"] == "true"
    assert {blank[f"forwarded_cert_{key}"] for key in ("cn", "org", "ou")} == {""}


def test_a_second_hop_and_an_unknown_peer_are_refused() -> None:
    """`redirect` in the metadata ends the journey; so does a caller without address."""
    for build in (forwarding.local_metadata, lambda pairs: forwarding.remote_metadata(pairs, PEER)):
        with pytest.raises(ResourceExhausted):
            build([("redirect", "10.0.0.2:1")])
    with pytest.raises(InvalidArgument):
        forwarding.remote_metadata((), Peer("", None))
    assert forwarding.local_metadata([("a", "b")]) == (("a", "b"), ("redirect", "unix"))


class Leaders:
    """A locator that knows one leader after another; None is this member."""

    leads = False

    def __init__(self, *addresses: str | None) -> None:
        self._addresses = list(addresses)
        self.failed: list[bool] = []
        self._channels: list[grpc.aio.Channel] = []

    async def leader(self, *, other_than: Route | None = None) -> Route | None:
        self.failed.append(other_than is not None)
        address = self._addresses.pop(0) if len(self._addresses) > 1 else self._addresses[0]
        if address is None:
            return None
        self._channels.append(To(address).channel)
        return Route(self._channels[-1])

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close(None)


class NotYet(EchoServices):
    """Refuses the first calls, having done nothing."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    async def get_node(
        self, request: control_pb2.GetNodeRequest, caller: Caller
    ) -> control_pb2.GetNodeResponse | bytes:
        if self.refusals:
            self.refusals -= 1
            raise NotDone("not the leader")
        return await super().get_node(request, caller)


class NotDone(Exception):
    """A refusal of somebody who changed nothing."""

    plain = True
    not_done = True


class Dying(EchoServices):
    """Its process ends in the middle of a call."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()

    async def get_node(
        self, request: control_pb2.GetNodeRequest, caller: Caller
    ) -> control_pb2.GetNodeResponse | bytes:
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    remove_node = get_node


async def test_a_call_that_reached_nobody_goes_to_the_next_leader() -> None:
    """Whatever it is: nothing happened yet."""
    echo = EchoServices()
    async with remote_server(AUTHORITY, echo_services(echo)) as leader:
        locator = Leaders(f"127.0.0.1:{free_port()}", leader.address)
        services = echo_services(EchoServices(), to_leader=True)
        async with (
            remote_server(AUTHORITY, services, locator=locator) as follower,
            connected(follower.address, AUTHORITY, AUTHORITY.manager("m9")) as connection,
        ):
            answer = await connection.call("Control.GetNode", control_pb2.GetNodeRequest())
            assert answer.node.id == "m9"
        await locator.close()
    assert locator.failed == [False, True]


async def test_a_refusal_that_changed_nothing_is_tried_again() -> None:
    """Of this manager or of another one, which says so to managers; in the end the caller gets it."""
    for refusals, works in ((3, True), (forwarding.TRIES, False)):
        for own in (True, False):
            echo = NotYet(refusals)
            async with remote_server(AUTHORITY, echo_services(echo)) as leader:
                locator = Leaders(None if own else leader.address)
                services = echo_services(echo if own else EchoServices(), to_leader=True)
                async with (
                    remote_server(AUTHORITY, services, locator=locator) as follower,
                    connected(follower.address, AUTHORITY, AUTHORITY.manager("m9")) as connection,
                ):
                    try:
                        await connection.call("Control.GetNode", control_pb2.GetNodeRequest())
                        assert works
                    except CallFailed as failed:
                        assert not works
                        assert (failed.code, failed.message) == ("UNKNOWN", "not the leader")
                await locator.close()


@pytest.mark.parametrize(("method", "is_retried"), [("GetNode", True), ("RemoveNode", False)])
async def test_a_lost_leader(method: str, is_retried: bool) -> None:
    """Reading is done again elsewhere; of a change nobody knows whether it was made, and the caller is told so."""
    dying = Dying()
    async with remote_server(AUTHORITY, echo_services(EchoServices())) as next_leader:
        request = getattr(control_pb2, f"{method}Request")()
        services = echo_services(Dying(), to_leader=True)
        server = remote_server(AUTHORITY, echo_services(dying))
        leader = await server.__aenter__()
        locator = Leaders(leader.address, next_leader.address)
        async with (
            remote_server(AUTHORITY, services, locator=locator) as follower,
            connected(follower.address, AUTHORITY, AUTHORITY.manager("m9")) as connection,
        ):
            call = asyncio.get_running_loop().create_task(connection.call(f"Control.{method}", request))
            await dying.reached.wait()
            await server.__aexit__(None, None, None)
            if is_retried:
                assert (await call).node.id == "m9"
            else:
                with pytest.raises(Unreachable, match="whether it took effect is not known"):
                    await call
        await locator.close()
