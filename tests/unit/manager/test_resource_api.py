"""Containers that join networks by hand (docs/design/manager.md 5.7)."""

import random

import pytest
from swarm_core.api.proto import resource_pb2, types_pb2
from swarm_core.api.proto.objects_pb2 import Network
from swarm_core.manager.allocator.allocator import Allocator
from swarm_core.manager.resource_api import ResourceApi
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import InvalidArgument, NotFound, PermissionDenied
from swarm_testkit.factories import make_node
from swarm_testkit.leader import Leader
from swarm_testkit.manual_clock import settle


def node(name: str) -> Caller:
    return Caller(name, frozenset({"swarm-worker"}), "org", "127.0.0.1:1")


def network(name: str, *, attachable: bool) -> Network:
    made = Network(id=f"id-of-{name}")
    made.spec.annotations.name, made.spec.attachable = name, attachable
    return made


async def attach(api: ResourceApi, target: str, *addresses: str) -> str:
    config = types_pb2.NetworkAttachmentConfig(target=target, addresses=addresses)
    request = resource_pb2.AttachNetworkRequest(config=config, container_id="box")
    return (await api.attach_network(request, node("n"))).attachment_id


async def detach(api: ResourceApi, attachment_id: str, by: str = "n") -> None:
    await api.detach_network(resource_pb2.DetachNetworkRequest(attachment_id=attachment_id), node(by))


async def test_a_container_joins_and_leaves() -> None:
    """5.7.1, 5.7.2, allocator.md 4.2.4: by name or id, with the address asked for; the task goes to its node, which is attached as
    well; when it is taken back its address is free."""
    leader = Leader()
    await leader.put(network("open", attachable=True), make_node("n", plugins=[("Network", "overlay")]))
    api = ResourceApi(leader.store, leader.clock, random.Random(1))
    async with leader.running(Allocator, Scheduler):
        first = await attach(api, "open", "10.0.0.9")
        await settle()
        task = leader.task(first)
        assert task.status.state == types_pb2.ASSIGNED and task.node_id == "n", task
        assert task.spec.attachment.container_id == "box"
        assert [list(one.addresses) for one in task.networks] == [["10.0.0.9/24"]]
        second = await attach(api, "id-of-open", "10.0.0.9")
        await settle()
        assert leader.task(second).status.err == "network open cannot give the address 10.0.0.9"
        await detach(api, first)
        await settle()
        assert [list(one.addresses) for one in leader.task(second).networks] == [["10.0.0.9/24"]]


async def test_what_is_refused() -> None:
    """5.7: networks that are not there or not open, attachments of another node, and tasks that are none."""
    leader = Leader()
    await leader.put(network("open", attachable=True), network("shut", attachable=False))
    api = ResourceApi(leader.store, leader.clock, random.Random(1))
    with pytest.raises(NotFound, match="network gone not found"):
        await attach(api, "gone")
    with pytest.raises(PermissionDenied, match="network shut cannot be joined"):
        await attach(api, "shut")
    made = await attach(api, "open")
    with pytest.raises(PermissionDenied, match="another node's"):
        await detach(api, made, by="other")
    with pytest.raises(InvalidArgument):
        await detach(api, "")
    await detach(api, made)
    with pytest.raises(NotFound):
        await detach(api, made)
