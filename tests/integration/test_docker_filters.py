"""Filters of lists beside a real engine in swarm mode: the same query finds the same objects."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from swarm_agentd.engine_api import filters
from swarm_core.api.proto import control_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.sockets import Candidate
from swarm_core.engine_json import network
from swarm_core.http.errors import BadRequest
from swarm_core.http.version import Version
from swarm_core.specs.network import is_predefined
from swarm_testkit.daemons import wait_until
from swarm_testkit.engine_http import Answer, ask
from swarm_testkit.engines import IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.timeout(300)]

NEWEST = Version(1, 41)
Asked = dict[str, Any]
SERVICES: list[Asked] = [
    {},
    {"name": ["f-w"]},
    {"name": ["f-web", "f-all"]},
    {"name": {"f-web": True}},
    {"name": ["web"]},
    {"name": [""]},
    {"label": ["a"]},
    {"label": ["a="]},
    {"label": ["a=1", "b"]},
    {"label": ["a=2"]},
    {"mode": ["global"]},
    {"mode": ["replicated", "global"]},
    {"mode": ["what"]},
    {"runtime": ["plugin"]},
    {"runtime": ["container"], "name": ["f-all"]},
    {"id": ["zzz"]},
    {"id": {}},
]
NODES: list[Asked] = [
    {},
    {"role": ["manager"]},
    {"role": ["WORKER"]},
    {"role": [""]},
    {"membership": ["accepted"]},
    {"membership": ["pending", "accepted"]},
    {"name": ["nobody"]},
    {"label": ["there"]},
    {"node.label": ["there"]},
]
SECRETS: list[Asked] = [
    {},
    {"name": ["f-se"]},
    {"names": ["f-se"]},
    {"names": ["f-sec", "other"]},
    {"label": ["s"]},
    {"label": ["s=2"]},
]
NETWORKS: list[Asked] = [
    {"driver": ["overlay"], "name": ["f-net"]},
    {"name": ["^f-net$"]},
    {"name": ["f-.*t", "nothing"]},
    {"name": ["f-n[a-e]t$"]},
    {"name": ["("]},
    {"name": ["f-ne"]},
    {"name": ["f-ne"], "id": ["zzz"]},
    {"scope": ["swarm"], "label": ["n"]},
    {"scope": ["local"]},
    {"type": ["builtin"]},
    {"type": ["custom"], "label": ["n=1"]},
    {"label": ["n=2"]},
]


def listed(engine: Engine, path: str, asked: Asked) -> Answer:
    return ask(engine.socket, "GET", f"/v{NEWEST}{path}?filters={quote(json.dumps(asked))}")


def call(engine: Engine, method: str, request: Any) -> Any:
    async def run() -> Any:
        cluster = await Cluster.open(Candidate(engine.control_socket, "test"))
        try:
            return await cluster.calls.call(method, request, timeout=60)
        finally:
            await cluster.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def made(swarm_engine: Engine) -> Iterator[Engine]:
    """Two services without tasks, a secret and a network."""
    engine = swarm_engine
    template = {
        "ContainerSpec": {"Image": IMAGE},
        "Placement": {"Constraints": ["node.labels.there == never"]},
    }
    bodies: list[tuple[str, Asked]] = [
        (
            "/services",
            {"Name": "f-web", "Labels": {"a": "1", "b": ""}, "Mode": {"Replicated": {"Replicas": 0}}},
        ),
        ("/services", {"Name": "f-all", "Labels": {"a": "x"}, "Mode": {"Global": {}}}),
        ("/secrets", {"Name": "f-sec", "Labels": {"s": "1"}, "Data": "eA=="}),
        ("/networks", {"Name": "f-net", "Labels": {"n": "1"}, "Driver": "overlay"}),
    ]
    paths = []
    try:
        for path, body in bodies:
            if path == "/services":
                body["TaskTemplate"] = template
            answer = ask(engine.socket, "POST", f"/v{NEWEST}{path}/create", body)
            assert answer.status == 201, answer.body
            paths.append(f"/v{NEWEST}{path}/{answer.body.get('ID') or answer.body['Id']}")
        # A new network has its driver a moment after the answer.
        wait_until(
            lambda: ask(engine.socket, "GET", paths[-1]).body.get("Driver"), what="the network's driver"
        )
        yield engine
    finally:
        for path in paths:
            ask(engine.socket, "DELETE", path)


def found(engine: Engine, method: str, request: Any, matches: Callable[[Any], bool]) -> set[str]:
    response = call(engine, f"Control.{method}", request)
    (objects,) = (value for _, value in response.ListFields()) if response.ListFields() else ([],)
    return {each.id for each in objects if matches(each)}


def test_services(made: Engine) -> None:
    """Rules 14.10.1 to 14.10.3: names, ids, labels, modes and runtimes find what the engine finds."""
    for asked in SERVICES:
        read = filters.parse(json.dumps(asked), filters.SERVICE_KEYS)
        request = control_pb2.ListServicesRequest(filters=filters.service_filters(read))
        ours = found(
            made, "ListServices", request, lambda each, read=read: filters.service_matches(read, each)
        )  # type: ignore[misc]
        assert ours == {each["ID"] for each in listed(made, "/services", asked).body}, asked


def test_nodes(made: Engine) -> None:
    """Rule 14.10.4: roles, memberships, names and labels find what the engine finds."""
    for asked in NODES:
        read = filters.parse(json.dumps(asked), filters.NODE_KEYS)
        request = control_pb2.ListNodesRequest(filters=filters.node_filters(read))
        ours = found(made, "ListNodes", request, lambda each, read=read: filters.node_matches(read, each))  # type: ignore[misc]
        assert ours == {each["ID"] for each in listed(made, "/nodes", asked).body}, asked


def test_secrets(made: Engine) -> None:
    """Rule 14.10.2: prefixes, whole names and labels find what the engine finds."""
    for asked in SECRETS:
        read = filters.parse(json.dumps(asked), filters.SECRET_KEYS)
        request = control_pb2.ListSecretsRequest(filters=filters.secret_filters(read))
        ours = found(made, "ListSecrets", request, lambda each, read=read: filters.labels_match(read, each))  # type: ignore[misc]
        assert ours == {each["ID"] for each in listed(made, "/secrets", asked).body}, asked


def at_rest(engine: Engine, asked: Asked) -> tuple[list[Asked], list[Asked]]:
    """All networks of the engine, and those that it finds. A young engine makes one of its own beside the swarm's: then it is asked again."""

    def answered() -> tuple[list[Asked], list[Asked]] | None:
        before, theirs, after = (listed(engine, "/networks", one).body for one in ({}, asked, {}))
        return (before, theirs) if {each["Id"] for each in before} == {each["Id"] for each in after} else None

    found = wait_until(answered, what="networks at rest")
    assert found is not None
    return found


def test_networks(made: Engine) -> None:
    """Rules 14.10.6 and 14.10.7: of all networks of the engine, ours finds those that the engine finds."""
    assert {"f-net", "bridge"} <= {each["Name"] for each in listed(made, "/networks", {}).body}
    for asked in NETWORKS:
        everything, theirs = at_rest(made, asked)
        read = filters.parse(json.dumps(asked), filters.NETWORK_KEYS)
        wanted = filters.network_filters(read)
        request = control_pb2.ListNetworksRequest(filters=filters.swarm_network_filters(read))
        swarm = call(made, "Control.ListNetworks", request).networks
        shown = [network.to_json(each, NEWEST) for each in swarm if not is_predefined(each.spec)]
        asked_for = {each.id for each in swarm}
        every = call(made, "Control.ListNetworks", control_pb2.ListNetworksRequest()).networks
        assert asked_for == {
            each.id for each in every if filters.manager_finds(read, network.to_json(each, NEWEST))
        }, asked
        shown += [each for each in everything if each["Scope"] != "swarm"]
        ours = {each["Id"] for each in shown if wanted.match(each)}
        assert ours == {each["Id"] for each in theirs}, asked


@pytest.mark.parametrize(
    ("path", "asked", "keys"),
    [
        ("/services", {"node": ["x"]}, filters.SERVICE_KEYS),
        ("/nodes", {"role": ["x"]}, filters.NODE_KEYS),
        ("/nodes", {"membership": ["x"]}, filters.NODE_KEYS),
        ("/tasks", {"desired-state": ["x"]}, filters.TASK_KEYS),
        ("/secrets", {"driver": ["x"]}, filters.SECRET_KEYS),
        ("/networks", {"type": ["x"]}, filters.NETWORK_KEYS),
        ("/networks", {"dangling": ["x"]}, filters.NETWORK_KEYS),
        ("/networks", {"dangling": ["1", "0"]}, filters.NETWORK_KEYS),
    ],
)
def test_refusals(made: Engine, path: str, asked: Asked, keys: frozenset[str]) -> None:
    """Rules 14.10.1, 14.10.4, 14.10.5 and 14.10.7: the engine's words. This old engine begins one of them with a capital."""
    theirs = listed(made, path, asked)
    assert theirs.status in (400, 500)
    with pytest.raises(BadRequest) as refused:
        read = filters.parse(json.dumps(asked), keys)
        {
            "/services": filters.service_filters,
            "/nodes": filters.node_filters,
            "/tasks": filters.task_filters,
            "/secrets": filters.secret_filters,
            "/networks": filters.network_filters,
        }[path](read)
    words = theirs.message.replace("Invalid filter", "invalid filter")
    assert refused.value.message == words
