"""Calls passed on to the leader (control-plane spec 3.9), between two real servers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from swarm_core.api.proto import ca_pb2, control_pb2, logbroker_pb2, watch_pb2
from swarm_core.ca import tls
from swarm_core.client.errors import CallFailed
from swarm_core.rpc import channel as channels
from swarm_core.rpc import forwarding
from swarm_core.rpc.caller import Peer, PeerCertificate
from swarm_core.rpc.errors import InvalidArgument, ResourceExhausted
from swarm_core.rpc.grpcio import grpc
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

    def __init__(self, address: str) -> None:
        follower = AUTHORITY.manager("follower")
        self.channel = channels.secure(
            address,
            roots=follower.roots,
            server_name=tls.MANAGER_NAME,
            certificate=follower.certificate,
            key=follower.key,
        )

    async def leader(self, *, other_than: grpc.aio.Channel | None = None) -> grpc.aio.Channel:
        return self.channel


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
