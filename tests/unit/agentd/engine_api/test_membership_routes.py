"""`/swarm/init`, `join`, `leave` and `unlock` before a machine that is a stand-in."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from swarm_agentd.engine_api.membership import bodies, refusals
from swarm_agentd.engine_api.membership.asked import Beginning, Joining
from swarm_agentd.node.standing import NodeState, Standing
from swarm_core.api.proto.objects_pb2 import Cluster
from swarm_core.api.proto.types_pb2 import RaftMemberStatus
from swarm_core.ca.root_ca import RootCa
from swarm_core.engine_json.given import Given
from swarm_core.http.errors import BadRequest, Failed
from swarm_core.http.version import NEWEST
from swarm_core.specs.addresses import Endpoints
from swarm_core.specs.network_defaults import NetworkDefaults
from swarm_testkit.cluster_fake import START_NS, FakeCluster
from swarm_testkit.engine_clients import INTERFACES, MANAGER, WORKER, Api, api_at
from swarm_testkit.factories import make_cluster, make_node
from swarm_testkit.http_face import Answer

INACTIVE = Standing(NodeState.INACTIVE)
LOCKED = Standing(NodeState.LOCKED, error=refusals.LOCKED)
EXPIRED = Standing(NodeState.ERROR, error=refusals.EXPIRED)
LISTEN = {"ListenAddr": "0.0.0.0:2377"}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """Of a machine that is in no cluster."""
    cluster, root = make_cluster("c1"), RootCa.create(START_NS)
    cluster.root_ca.ca_cert, cluster.root_ca.ca_key = root.certificate, root.key or b""
    async with api_at(tmp_path / "docker.sock", FakeCluster([cluster]), INACTIVE) as api:
        yield api


async def ask(api: Api, name: str, version: str = "", **fields: Any) -> Answer:
    return await api.post(f"{version}/swarm/{name}", json.dumps(fields).encode())


async def test_a_cluster_is_begun(api: Api) -> None:
    """Addresses get docker's port, the settings are written into the new cluster, and the node's id is the answer
    (docs/design/engine-api.md E12.3, E12.9, E12.12)."""
    answer = await ask(
        api, "init", **LISTEN, Spec={"Labels": {"a": "b"}, "Orchestration": {"TaskHistoryRetentionLimit": 3}},
        DefaultAddrPool=["10.20.0.0/16"], SubnetSize=26, DataPathPort=5000, AutoLockManagers=True,
        Availability="drain", DataPathAddr="eth0",
    )  # fmt: skip
    assert (answer.status, answer.json) == (200, MANAGER.node_id)
    asked = Beginning(
        Endpoints("0.0.0.0:2377", "10.0.0.5:2377"), "10.0.0.5",
        NetworkDefaults(("10.20.0.0/16",), 26, 5000), autolock=True, availability="drain",
    )  # fmt: skip
    assert api.node.asked == [asked]
    spec = api.cluster.get(Cluster, "c1").spec
    assert (dict(spec.annotations.labels), spec.annotations.name) == ({"a": "b"}, "default")
    assert (spec.orchestration.task_history_retention_limit, spec.encryption_config.auto_lock_managers) == (
        3,
        True,
    )


async def test_sizes_without_pools_and_fields_of_later_versions_are_left_out(api: Api) -> None:
    """Clients send a size without a pool; pools and ports of old ones do not count (docs/design/engine-api.md E12.3)."""
    for version in ("/v1.38", ""):
        api.node.now = INACTIVE
        pool = {"DefaultAddrPool": ["10.9.0.0/16"]} if version else {}
        answer = await ask(api, "init", version, **LISTEN, SubnetSize=24, **pool)
        assert answer.status == 200
    assert [asked.networks for asked in api.node.asked if isinstance(asked, Beginning)] == [
        NetworkDefaults()
    ] * 2


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"ListenAddr": ""}, 'invalid ListenAddr "": invalid empty address'),
        ({"ListenAddr": "host:1"}, "listen address must be an IP address or network interface (with optional port number)"),
        ({"AdvertiseAddr": "0.0.0.0"}, "advertise address must be a non-zero IP address or network interface (with optional port number)"),
        ({"DataPathAddr": "0.0.0.0"}, "data path address must be a non-zero IP address or network interface (without a port number)"),
        ({"DataPathAddr": "two"}, "interface two has more than one IPv4 address (10.1.0.1 and 10.1.0.2)"),
        ({"DataPathPort": 80}, "Datapath port number is not in valid range (1024-49151) : 80"),
        ({"SubnetSize": 30}, "subnet size is out of range: 30"),
        ({"DefaultAddrPool": ["x"]}, "invalid base pool x: invalid CIDR address: x"),
        ({"DefaultAddrPool": ["10.0.0.0/28"]}, 'invalid CIDR: "10.0.0.0/28". Subnet size is too small for pool: 24'),
        ({"Availability": "lazy"}, 'invalid Availability: "lazy"'),
        ({"Spec": {"Name": "mine"}}, 'swarm spec must be named "default"'),
        ({"ListenAddr": 5}, "invalid JSON: ListenAddr must be a string, not a number"),
    ],
)  # fmt: skip
async def test_a_wrong_beginning_is_refused(api: Api, fields: dict[str, Any], text: str) -> None:
    """In docker's words, and nothing begins (docs/design/engine-api.md E12.9)."""
    answer = await ask(api, "init", **{**LISTEN, **fields})
    assert (answer.status, answer.message, api.node.asked) == (400, text, [])


def test_others_are_told_the_default_address() -> None:
    """An interface or an address without a port; what the client says goes before it (docs/design/engine-api.md E17.5)."""
    given = Given({"ListenAddr": "0.0.0.0:2377"}, NEWEST)
    found = bodies.beginning(given, INTERFACES, "eth0")
    assert found.endpoints.advertise == "10.0.0.5:2377"
    said = Given({"ListenAddr": "0.0.0.0:99", "AdvertiseAddr": "10.1.0.1"}, NEWEST)
    assert bodies.beginning(said, INTERFACES, "eth0").endpoints.advertise == "10.1.0.1:99"
    for text in ("nowhere", "0.0.0.0", "10.0.0.5:1"):
        with pytest.raises(BadRequest, match="default advertise address must be a non-zero IP address"):
            bodies.beginning(given, INTERFACES, text)


async def test_a_cluster_stays_when_its_settings_cannot_be_written(api: Api) -> None:
    """The answer is 500 and says so (docs/design/engine-api.md E12.12)."""
    api.cluster.unreachable = "it is away"
    answer = await ask(api, "init", **LISTEN)
    assert answer.status == 500
    assert answer.message.startswith("error updating cluster settings: ")
    assert api.node.now.state is NodeState.ACTIVE


async def test_a_cluster_is_joined(api: Api) -> None:
    """By way of managers whose port is docker's where none is named (docs/design/engine-api.md E12.3, E12.9)."""
    answer = await ask(api, "join", **LISTEN, RemoteAddrs=["10.0.0.1", "m2:99"], JoinToken="t")
    assert (answer.status, answer.body) == (200, b"")
    assert api.node.asked == [Joining(Endpoints("0.0.0.0:2377", ""), ("10.0.0.1:2377", "m2:99"), "t")]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"RemoteAddrs": []}, "at least 1 RemoteAddr is required to join"),
        ({"RemoteAddrs": [""]}, 'invalid remoteAddr "": invalid empty address'),
        ({"AdvertiseAddr": "nobody"}, "advertise address must be a non-zero IP address or network interface (with optional port number)"),
    ],
)  # fmt: skip
async def test_a_wrong_joining_is_refused(api: Api, fields: dict[str, Any], text: str) -> None:
    """Also a wrong advertised address, which docker overlooks (docs/design/engine-api.md E12.9)."""
    answer = await ask(api, "join", **{**LISTEN, "RemoteAddrs": ["10.0.0.1"], **fields})
    assert (answer.status, answer.message, api.node.asked) == (400, text, [])


@pytest.mark.parametrize("standing", [MANAGER, WORKER, LOCKED, Standing(), EXPIRED])
async def test_a_member_neither_begins_nor_joins(api: Api, standing: Standing) -> None:
    """Before anything else of the request is judged (docs/design/engine-api.md E12.4)."""
    api.node.now = standing
    for name in ("init", "join"):
        answer = await ask(api, name, ListenAddr="nonsense")
        assert (answer.status, answer.message) == (503, refusals.IN_A_SWARM)
    assert api.node.asked == []


@pytest.mark.parametrize(
    ("standing", "text"),
    [
        (INACTIVE, refusals.NO_SWARM),
        (Standing(NodeState.ERROR, error="it broke"), refusals.NO_SWARM),
        (EXPIRED, refusals.EXPIRED),
        (LOCKED, refusals.LOCKED),
        (Standing(), refusals.PREPARED),
        (WORKER, refusals.WORKER),
    ],
)
async def test_each_state_has_its_sentence(api: Api, standing: Standing, text: str) -> None:
    """What concerns the swarm is 503, and `/info` and `/_ping` tell the state (docs/design/engine-api.md E12.4)."""
    api.node.now = standing
    for target in ("/nodes", "/services", "/swarm"):
        answer = await api.get(target)
        assert (answer.status, answer.message) == (503, text)
    swarm = (await api.get("/info")).json["Swarm"]
    assert (swarm["LocalNodeState"], swarm["Error"]) == (standing.state.value, standing.error)
    word = "active/worker" if standing is WORKER else standing.state.value
    assert (await api.get("/_ping")).headers["swarm"] == word


def managers(*reachable: bool) -> list[Any]:
    """Nodes of managers that are reachable or not."""
    nodes = []
    for number, is_reachable in enumerate(reachable):
        node = make_node(f"m{number}", role="MANAGER")
        node.manager_status.reachability = (
            RaftMemberStatus.REACHABLE if is_reachable else RaftMemberStatus.UNREACHABLE
        )
        nodes.append(node)
    return nodes


@pytest.mark.parametrize(
    ("reachable", "texts"),
    [
        ((True,), ["Removing the last manager erases all current state of the swarm."]),
        ((True, True), ["Removing this node leaves 1 managers out of 2. Without a Raft quorum"]),
        ((True, True, False), ["Removing this node leaves 1 managers out of 3.", "reinitialize it with `--force-new-cluster`"]),
        ((True, True, True), ["The only way to restore a swarm that has lost consensus"]),
    ],
)  # fmt: skip
async def test_a_manager_is_told_what_its_leaving_costs(
    api: Api, reachable: tuple[bool, ...], texts: list[str]
) -> None:
    """Without force it stays (docs/design/engine-api.md E12.11)."""
    api.node.now = MANAGER
    api.cluster.put(*managers(*reachable))
    answer = await api.post("/swarm/leave")
    assert answer.status == 503
    assert answer.message.startswith(
        "You are attempting to leave the swarm on a node that is participating as a manager. "
    )
    assert all(text in answer.message for text in texts)
    assert ("Removing this node leaves" in answer.message) == (reachable not in ((True,), (True, True, True)))
    forced = await api.post("/swarm/leave?force=1")
    assert (forced.status, forced.body, api.node.asked) == (200, b"", [True])


async def test_a_manager_that_cannot_ask_is_told_so(api: Api) -> None:
    """It does not know what the others lose (docs/design/engine-api.md E12.11)."""
    api.node.now = MANAGER
    api.cluster.unreachable = "it is away"
    answer = await api.post("/swarm/leave")
    assert "Doing so may lose the consensus of your cluster." in answer.message


async def test_a_worker_leaves_without_force(api: Api) -> None:
    """And what keeps it from it is answered (docs/design/engine-api.md E12.11)."""
    api.node.now = WORKER
    api.node.refusal = Failed("not now")
    refused = await api.post("/swarm/leave")
    assert (refused.status, refused.message) == (500, "not now")
    api.node.refusal = None
    assert (await api.post("/swarm/leave")).status == 200
    assert api.node.asked == [False]


@pytest.mark.parametrize("standing", [INACTIVE, WORKER, Standing()])
async def test_only_a_locked_node_is_unlocked(api: Api, standing: Standing) -> None:
    """Others answer with the sentence of their state (docs/design/engine-api.md E12.4)."""
    api.node.now = standing
    answer = await ask(api, "unlock", UnlockKey="x")
    assert (answer.status, api.node.asked) == (503, [])
    api.node.now = LOCKED
    assert (await ask(api, "unlock", UnlockKey="x")).status == 200
    assert api.node.asked == ["x"]
