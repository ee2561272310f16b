"""The Engine API's JSON beside a real engine in swarm mode: what it stores of a body, and what it answers for an object.

The engine is of version 20.10, whose newest API is 1.41. Objects are made through its HTTP API and read from its control socket.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.types_pb2 import RUNNING
from swarm_core.client.cluster import Cluster
from swarm_core.client.sockets import Candidate
from swarm_core.engine_json import config, network, node, secret, service, swarm, task
from swarm_core.http.errors import BadRequest
from swarm_core.http.version import Version
from swarm_testkit import engine_objects
from swarm_testkit.engine_http import Answer, ask
from swarm_testkit.engine_objects import Ids
from swarm_testkit.engines import Engine
from swarm_testkit.same_flags import differences

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.timeout(300)]

VERSIONS = (Version(1, 24), Version(1, 30), Version(1, 37), Version(1, 40), Version(1, 41))
NEWEST = VERSIONS[-1]
LIMIT_S = 120
Show = Callable[[Any, Version], dict[str, Any]]


def find(engine: Engine, kind: type[Message]) -> dict[str, Any]:
    """All objects of a kind in the engine's store, by their ids."""

    async def read() -> list[Any]:
        cluster = await Cluster.open(Candidate(engine.control_socket, "test"))
        try:
            return await cluster.control.find(kind)
        finally:
            await cluster.close()

    return {each.id: each for each in asyncio.run(read())}


def api(engine: Engine, method: str, path: str, body: object = None, version: Version = NEWEST) -> Answer:
    return ask(engine.socket, method, f"/v{version}{path}", body)


def make(engine: Engine, path: str, body: object, version: Version = NEWEST) -> str:
    """The id of an object that the engine makes of a body."""
    answer = api(engine, "POST", path, body, version)
    assert answer.status == 201, answer.body
    return str(answer.body.get("ID") or answer.body["Id"])


def update(engine: Engine, path: str, spec: object) -> None:
    """Give an object this spec, again while the engine itself was faster: it writes ports, addresses and attachments into it."""

    def is_done() -> bool:
        index = api(engine, "GET", path).body["Version"]["Index"]
        answer = api(engine, "POST", f"{path}/update?version={index}", spec)
        assert answer.status == 200 or "out of sequence" in answer.message, answer.body
        return answer.status == 200

    until(is_done)


def assert_same(engine: Engine, kind: type[Message], path: str, key: str, show: Show) -> None:
    """Of every object of a kind, and for every version, the engine's list says what `show` says. A list that was read while something
    changed is read again."""
    for version in VERSIONS:
        deadline = time.monotonic() + LIMIT_S
        while True:
            before = find(engine, kind)
            listed = {each[key]: each for each in api(engine, "GET", path, version=version).body}
            if before == find(engine, kind):
                break
            assert time.monotonic() < deadline, "the objects never rest"
        assert before
        for id_, found in before.items():
            assert show(found, version) == listed[id_], (version, id_)


@pytest.fixture(scope="module")
def ids(swarm_engine: Engine) -> Iterator[Ids]:
    """A network, a secret and configs of every field; they go with what uses them."""
    engine = swarm_engine
    runtime = {"Name": "runtime", "Data": "e30="}
    made = Ids(
        make(engine, "/networks/create", engine_objects.NETWORKS[0]),
        make(engine, "/secrets/create", engine_objects.SECRET),
        make(engine, "/configs/create", engine_objects.CONFIG),
        make(engine, "/configs/create", runtime),
    )
    try:
        yield made
    finally:
        for each in api(engine, "GET", "/services").body:
            assert api(engine, "DELETE", f"/services/{each['ID']}").status == 200
        for path in (f"/secrets/{made.secret}", f"/configs/{made.config}", f"/configs/{made.runtime_config}"):
            until(lambda path=path: api(engine, "DELETE", path).status in (204, 404))  # type: ignore[misc]
        until(lambda: api(engine, "DELETE", f"/networks/{made.network}").status in (204, 404))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_what_is_stored_of_a_service(swarm_engine: Engine, ids: Ids, version: Version) -> None:
    """Rules 14.4.1 to 14.4.9: the spec that the engine stores is ours, field by field, whatever version the client has; and what it
    refuses for what is left over of the fields, we refuse in the same words."""
    for body in engine_objects.services(ids):
        answer = api(swarm_engine, "POST", "/services/create", body, version)
        if answer.status == 400:
            assert refusal(body, version) == answer.message
            continue
        assert answer.status == 201, answer.body
        id_ = answer.body["ID"]
        try:
            stored = find(swarm_engine, objects_pb2.Service)[id_].spec
            ours = service.from_json(body, version)
            ours.annotations.name = ours.annotations.name or stored.annotations.name
            assert not differences(stored, ours)
        finally:
            api(swarm_engine, "DELETE", f"/services/{id_}")


def refusal(body: object, version: Version = NEWEST) -> str:
    with pytest.raises(BadRequest) as refused:
        service.from_json(body, version)
    return refused.value.message


def test_refusals(swarm_engine: Engine) -> None:
    """Rule 14.4.10: what the engine refuses of a service's spec, we refuse in the same words."""
    for body in engine_objects.REFUSED_SERVICES:
        answer = api(swarm_engine, "POST", "/services/create", body)
        assert (answer.status, answer.message) == (400, refusal(body)), body


def test_services_and_tasks_as_the_engine_shows_them(swarm_engine: Engine, ids: Ids) -> None:
    """Rules 14.4 and 14.5: services, with their last update and the spec before it, and tasks of every runtime that the engine has."""
    engine = swarm_engine
    made = [make(engine, "/services/create", body) for body in engine_objects.services(ids)]
    spec = api(engine, "GET", f"/services/{made[1]}").body["Spec"]
    spec["Labels"]["new"] = "1"
    update(engine, f"/services/{made[1]}", spec)
    until(lambda: running(engine, made[-1]) == 2)
    assert_same(engine, objects_pb2.Service, "/services", "ID", service.to_json)
    assert_same(engine, objects_pb2.Task, "/tasks", "ID", task.to_json)
    listed = api(engine, "GET", "/services?status=true").body
    assert all("ServiceStatus" in each for each in listed)
    for id_ in made:
        assert api(engine, "DELETE", f"/services/{id_}").status == 200


def running(engine: Engine, service_id: str) -> int:
    tasks = find(engine, objects_pb2.Task).values()
    return sum(each.service_id == service_id and each.status.state == RUNNING for each in tasks)


def test_secrets_and_configs(swarm_engine: Engine, ids: Ids) -> None:
    """Rules 14.7: what is stored of secrets and configs, and how they are shown."""
    engine = swarm_engine
    plain = make(engine, "/secrets/create", engine_objects.PLAIN_SECRET)
    try:
        stored = find(engine, objects_pb2.Secret)
        for id_, body in ((plain, engine_objects.PLAIN_SECRET), (ids.secret, engine_objects.SECRET)):
            ours = secret.from_json(body, NEWEST)
            ours.data = b""  # the engine gives a secret's data to nobody
            assert not differences(stored[id_].spec, ours)
        ours_config = config.from_json(engine_objects.CONFIG, NEWEST)
        assert not differences(find(engine, objects_pb2.Config)[ids.config].spec, ours_config)
        assert_same(engine, objects_pb2.Secret, "/secrets", "ID", secret.to_json)
        assert_same(engine, objects_pb2.Config, "/configs", "ID", config.to_json)
    finally:
        api(engine, "DELETE", f"/secrets/{plain}")


def test_networks(swarm_engine: Engine, ids: Ids) -> None:
    """Rules 14.6: what is stored of networks, and how they are shown."""
    engine = swarm_engine
    bodies = dict(
        zip((body["Name"] for body in engine_objects.NETWORKS), engine_objects.NETWORKS, strict=True)
    )
    made = {ids.network: bodies["full"]}
    made |= {make(engine, "/networks/create", bodies[name]): bodies[name] for name in ("bare", "pools")}
    try:
        # What the engine gives a new network it writes a moment after the answer.
        until(lambda: all(find(engine, objects_pb2.Network)[id_].HasField("driver_state") for id_ in made))
        stored = find(engine, objects_pb2.Network)
        for id_, body in made.items():
            assert not differences(stored[id_].spec, network.from_json(body, NEWEST))
        for version in VERSIONS:
            listed = {each["Id"]: each for each in api(engine, "GET", "/networks", version=version).body}
            for id_ in made:
                assert network.to_json(stored[id_], version) == listed[id_]
    finally:
        for id_ in set(made) - {ids.network}:
            api(engine, "DELETE", f"/networks/{id_}")


def test_nodes(swarm_engine: Engine) -> None:
    """Rules 14.3: what is stored of a node's spec, and how nodes are shown."""
    engine = swarm_engine
    (found,) = find(engine, objects_pb2.Node).values()
    body = {"Name": "called", "Labels": {"zone": "a", "b": ""}, "Role": "manager", "Availability": "active"}
    update(engine, f"/nodes/{found.id}", body)
    try:
        stored = find(engine, objects_pb2.Node)[found.id].spec
        assert not differences(stored, node.from_json(body, NEWEST))
        assert_same(engine, objects_pb2.Node, "/nodes", "ID", node.to_json)
    finally:
        update(engine, f"/nodes/{found.id}", {"Role": "manager", "Availability": "active"})


def test_the_swarm(swarm_engine: Engine) -> None:
    """Rules 14.9: the cluster is shown as the engine shows it, and what it shows is read as what is stored."""
    engine = swarm_engine
    (found,) = find(engine, objects_pb2.Cluster).values()
    for version in VERSIONS:
        shown = api(engine, "GET", "/swarm", version=version).body
        assert swarm.to_json(found, version) == shown
    assert not differences(found.spec, swarm.from_json(shown["Spec"], NEWEST, found.spec))
    info = api(engine, "GET", "/info").body["Swarm"]["Cluster"]
    assert swarm.info_to_json(found, NEWEST) == info
