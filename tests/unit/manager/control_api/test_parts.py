"""The handlers together: every method once, the same refusals for every kind."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2, types_pb2
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.manager.control_api.parts import control_handlers
from swarm_core.rpc.adapter import bound, snake_case
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import (
    InvalidArgument,
    NotFound,
    ServiceMisbound,
    Unimplemented,
)
from swarm_core.runtime.clock import SystemClock
from swarm_core.store.memory import MemoryStore
from swarm_testkit.trust import make_authority

CALLER = Caller("operator", frozenset({"swarm-manager"}), "org", "127.0.0.1:1", is_local=True)


CONTROL = control_pb2.DESCRIPTOR.services_by_name["Control"]
Calls = dict[str, Callable[..., Awaitable[Any]]]


@pytest.fixture
def handlers(store: MemoryStore) -> tuple[object, ...]:
    return control_handlers(
        store,
        SystemClock(),
        random.Random(1),
        members=dict,
        can_remove=lambda raft_id: True,
        external=ExternalCas(make_authority().manager),
    )


@pytest.fixture
def calls(handlers: tuple[object, ...]) -> Calls:
    """What answers each method of the Control service."""
    return bound(CONTROL, handlers)


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GetNode", control_pb2.GetNodeRequest),
        ("UpdateNode", control_pb2.UpdateNodeRequest),
        ("RemoveNode", control_pb2.RemoveNodeRequest),
        ("GetTask", control_pb2.GetTaskRequest),
        ("RemoveTask", control_pb2.RemoveTaskRequest),
        ("GetService", control_pb2.GetServiceRequest),
        ("UpdateService", control_pb2.UpdateServiceRequest),
        ("RemoveService", control_pb2.RemoveServiceRequest),
        ("GetCluster", control_pb2.GetClusterRequest),
        ("UpdateCluster", control_pb2.UpdateClusterRequest),
        ("GetSecret", control_pb2.GetSecretRequest),
        ("UpdateSecret", control_pb2.UpdateSecretRequest),
        ("RemoveSecret", control_pb2.RemoveSecretRequest),
        ("GetConfig", control_pb2.GetConfigRequest),
        ("UpdateConfig", control_pb2.UpdateConfigRequest),
        ("RemoveConfig", control_pb2.RemoveConfigRequest),
        ("GetNetwork", control_pb2.GetNetworkRequest),
        ("GetVolume", control_pb2.GetVolumeRequest),
        ("CreateVolume", control_pb2.CreateVolumeRequest),
        ("UpdateVolume", control_pb2.UpdateVolumeRequest),
        ("RemoveVolume", control_pb2.RemoveVolumeRequest),
        ("CreateService", control_pb2.CreateServiceRequest),
    ],
)
async def test_empty_requests(calls: Calls, method: str, request_: type) -> None:
    """4.0.1: a request without its id or spec is INVALID_ARGUMENT."""
    with pytest.raises(InvalidArgument):
        await calls[method](request_(), CALLER)


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GetNode", control_pb2.GetNodeRequest(node_id="x")),
        ("RemoveNode", control_pb2.RemoveNodeRequest(node_id="x")),
        ("GetTask", control_pb2.GetTaskRequest(task_id="x")),
        ("GetService", control_pb2.GetServiceRequest(service_id="x")),
        ("RemoveService", control_pb2.RemoveServiceRequest(service_id="x")),
        ("GetSecret", control_pb2.GetSecretRequest(secret_id="x")),
        ("RemoveConfig", control_pb2.RemoveConfigRequest(config_id="x")),
        ("RemoveNetwork", control_pb2.RemoveNetworkRequest(network_id="x")),
        ("GetVolume", control_pb2.GetVolumeRequest(volume_id="x")),
    ],
)
async def test_unknown_objects(calls: Calls, method: str, request_: object) -> None:
    """4.0.1: an unknown id is NOT_FOUND."""
    with pytest.raises(NotFound):
        await calls[method](request_, CALLER)


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ("CreateExtension", "extensions are not supported yet"),
        ("RemoveExtension", "extensions are not supported yet"),
        ("CreateResource", "extension resources are not supported yet"),
        ("UpdateResource", "extension resources are not supported yet"),
        ("RemoveResource", "extension resources are not supported yet"),
    ],
)
async def test_what_cannot_be_done_yet(calls: Calls, method: str, sentence: str) -> None:
    """4.3.6: a call that this manager cannot carry out is UNIMPLEMENTED, with its sentence."""
    with pytest.raises(Unimplemented, match=sentence):
        await calls[method](None, CALLER)


async def test_resources_are_found_by_any_name_and_by_kind(store: MemoryStore, calls: Calls) -> None:
    """4.0.3: names and prefixes add up; kind and labels must hold besides."""
    extension = objects_pb2.Extension(id="e1", annotations=types_pb2.Annotations(name="Toy"))
    await store.update(lambda tx: tx.create(extension))
    for id_, name, label in (("r1", "one", "a"), ("r2", "two", "b"), ("x3", "three", "a")):
        resource = objects_pb2.Resource(id=id_, kind="Toy", annotations=types_pb2.Annotations(name=name))
        resource.annotations.labels["letter"] = label
        await store.update(lambda tx, item=resource: tx.create(item))

    async def found(**filters: Any) -> list[str]:
        request = control_pb2.ListResourcesRequest(
            filters=control_pb2.ListResourcesRequest.Filters(**filters)
        )
        return [item.id for item in (await calls["ListResources"](request, CALLER)).resources]

    assert await found() == ["r1", "r2", "x3"]
    assert await found(names=["one"], id_prefixes=["x"]) == ["r1", "x3"]
    assert await found(names=["one"], id_prefixes=["x"], labels={"letter": "b"}) == []
    assert await found(kind="Toy", labels={"letter": "a"}) == ["r1", "x3"]
    assert await found(kind="Ball") == []
    assert await found(names=["two"], kind="Ball") == []


def test_handlers_offer_nothing_else(handlers: tuple[object, ...]) -> None:
    """Every public method of a handler answers a method of the service: a misspelt one would answer nothing."""
    served = {snake_case(method.name) for method in CONTROL.methods}
    offered = {name for handler in handlers for name in dir(handler) if not name.startswith("_")}
    assert offered == served


def test_a_doubled_or_missing_method_is_found_when_it_is_bound(handlers: tuple[object, ...]) -> None:
    """Binding names each method that two handlers offer, and each that none does."""
    with pytest.raises(ServiceMisbound, match="get_task is offered by TasksApi and TasksApi"):
        bound(CONTROL, (*handlers, handlers[1]))
    with pytest.raises(
        ServiceMisbound, match="get_node is offered by nobody, list_nodes is offered by nobody"
    ):
        bound(CONTROL, handlers[1:])
