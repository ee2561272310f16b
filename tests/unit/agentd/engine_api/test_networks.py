"""Networks: the swarm's and the engine's as one list."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from swarm_agentd.node.standing import NodeState, Standing
from swarm_core.api.proto.objects_pb2 import Network
from swarm_core.client.errors import CallFailed
from swarm_core.engines.client import EngineClient
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.engine_clients import WORKER, Api, api_at
from swarm_testkit.factories import make_cluster
from swarm_testkit.http_face import WAIT_S


def network(id_: str, name: str, **labels: str) -> Network:
    made = Network(id=id_)
    made.spec.annotations.name = name
    made.spec.annotations.labels.update({key.replace("_", "."): value for key, value in labels.items()})
    made.spec.driver_config.name = made.driver_state.name = "overlay"
    return made


def local(id_: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "Id": id_,
        "Name": name,
        "Driver": "bridge",
        "Scope": "local",
        "Labels": {},
        "Containers": {},
        **more,
    }


class Networks:
    """An engine that knows some networks. `asked` are the requests' first lines with their bodies."""

    def __init__(self, *known: dict[str, Any]) -> None:
        self.known, self.asked = known, list[tuple[str, bytes]]()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length: ")[2].partition("\r")[0] or 0)
        line = head.partition(" HTTP")[0]
        self.asked.append((line, await reader.readexactly(length)))
        answered = list(self.known) if line.partition("?")[0].endswith("/networks") else {"engine": line}
        body = json.dumps(answered).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )
        writer.close()


@asynccontextmanager
async def beside(engine: Networks, cluster: FakeCluster, tmp_path: Path) -> AsyncIterator[Api]:
    """The API of a node beside this engine."""
    client = EngineClient(f"unix://{tmp_path / 'engine'}")
    async with asyncio.timeout(WAIT_S), await asyncio.start_unix_server(engine.answer, tmp_path / "engine"):
        async with api_at(tmp_path / "s", cluster, engine=client) as api:
            yield api
        await client.close()


def names(found: Any) -> list[str]:
    return [one["Name"] for one in found]


def cluster_with(*networks: Network) -> FakeCluster:
    return FakeCluster([make_cluster(), *networks])


async def test_both_are_listed_the_swarms_first(tmp_path: Path) -> None:
    """Predefined twins and what the executor made for the swarm's are left out; filters hold for both
    (docs/design/engine-api.md E13.1)."""
    engine = Networks(
        local("e1", "bridge"), local("e2", "flat", Labels={"io.swarm-tui.network": "n1"}), local("e3", "mine")
    )
    twin = network("n3", "host", com_docker_swarm_predefined="true")
    async with beside(
        engine, cluster_with(network("n2", "back"), network("n1", "flat"), twin), tmp_path
    ) as api:
        assert names((await api.get("/networks")).json) == ["flat", "back", "bridge", "mine"]
        for asked, shown in (({"scope": ["swarm"]}, ["flat", "back"]), ({"driver": ["bridge"]}, ["bridge", "mine"]),
                             ({"type": ["builtin"]}, ["bridge"]), ({"name": ["^m"]}, ["mine"])):  # fmt: skip
            assert names((await api.get(f"/networks?filters={quote(json.dumps(asked))}")).json) == shown
        assert (await api.get("/networks?filters=" + quote('{"x":["y"]}'))).status == 400


async def test_filters_as_managers_and_engines_understand_them(tmp_path: Path) -> None:
    """The engine gets the query, for it alone knows what is in use; of the swarm's those are found that are called so or whose id begins so, and an
    engine's overlay network is not its own (docs/design/engine-api.md E13.1, docs/design/engine-api-json.md 14.10)."""
    engine = Networks(local("e1", "used"), local("e2", "web", Driver="overlay"))
    cluster = cluster_with(network("n1", "my-web"), network("n2", "web-1"))
    async with beside(engine, cluster, tmp_path) as api:
        for asked, shown in (
            ({"name": ["web"]}, []),
            ({"name": ["^web-1$"]}, []),
            ({"name": ["web-1", "my-web"]}, ["my-web", "web-1"]),
            ({"name": ["web-1"], "id": ["n1"]}, []),
            ({"id": ["n1"]}, ["my-web"]),
            ({"dangling": ["false"]}, ["used"]),
        ):
            query = "filters=" + quote(json.dumps(asked))
            assert names((await api.get(f"/v1.41/networks?{query}")).json) == shown
            assert engine.asked[-1] == (f"GET /v1.41/networks?{query}", b"")
        assert (await api.get("/networks/web")).status == 404


@pytest.mark.parametrize("standing", [WORKER, Standing(NodeState.PENDING, "node-1", True, False)])
async def test_where_the_cluster_cannot_be_asked_the_engines_remain(
    tmp_path: Path, standing: Standing
) -> None:
    """A worker lists what its engine has (docs/design/engine-api.md E13.2)."""
    async with beside(Networks(local("e1", "bridge")), cluster_with(network("n1", "back")), tmp_path) as api:
        api.node.now = standing
        assert names((await api.get("/networks")).json) == ["bridge"]


async def test_where_a_call_fails_the_engines_remain(tmp_path: Path) -> None:
    """A manager's failure is not a failure of the list (docs/design/engine-api.md E13.2)."""
    async with beside(Networks(local("e1", "bridge")), cluster_with(network("n1", "back")), tmp_path) as api:
        api.cluster.fail_next("Control.ListNetworks", CallFailed("UNKNOWN", "no leader"))
        assert names((await api.get("/networks")).json) == ["bridge"]


async def test_one_is_found_in_either(tmp_path: Path) -> None:
    """By id, name, or the beginning of an id; the engine answers for its own (docs/design/engine-api.md E13.3)."""
    engine = Networks(local("e1", "bridge"), local("n2x", "back"), local("e1long", "own"))
    async with beside(engine, cluster_with(network("n1", "front"), network("n2", "back")), tmp_path) as api:
        for reference in ("n1", "front"):
            assert (await api.get(f"/networks/{reference}")).json["Name"] == "front"
        assert (await api.get("/v1.41/networks/bridge?verbose=1")).json == {
            "engine": "GET /v1.41/networks/bridge?verbose=1"
        }
        assert (await api.get("/networks/back?scope=swarm")).json["Id"] == "n2"
        twice, begun, none = (
            await api.get("/networks/back"),
            await api.get("/networks/n"),
            await api.get("/networks/zz"),
        )
        assert (twice.status, twice.message) == (
            400,
            "2 matches found based on name: network back is ambiguous",
        )
        assert (begun.status, begun.message) == (
            400,
            "3 matches found based on ID prefix: network n is ambiguous",
        )
        assert (none.status, none.message) == (404, "network zz not found")
        assert (await api.get("/networks/n1?verbose=perhaps")).status == 400


async def test_twins_of_predefined_networks_are_found(tmp_path: Path) -> None:
    """By id, and by name in the swarm's scope; they are in no list (docs/design/engine-api.md E13.3)."""
    twin = network("n3twin", "host", com_docker_swarm_predefined="true")
    async with beside(Networks(local("e1", "host")), cluster_with(twin), tmp_path) as api:
        for target in ("/networks/n3twin", "/networks/n3", "/networks/host?scope=swarm"):
            assert (await api.get(target)).json["Id"] == "n3twin"
        assert (await api.get("/networks/host")).json == {"engine": "GET /networks/host"}
        assert names((await api.get("/networks")).json) == ["host"]


async def test_overlay_networks_are_made_in_the_swarm_and_others_on_the_engine(tmp_path: Path) -> None:
    """Driver or scope decides; a name that the swarm has is taken, and a predefined one nobody's (docs/design/engine-api.md E13.4)."""
    engine = Networks()
    async with beside(engine, cluster_with(network("n1", "taken")), tmp_path) as api:
        made = await api.post(
            "/networks/create", b'{"Name": "back", "Driver": "overlay", "Attachable": true}'
        )
        scoped = await api.post("/networks/create", b'{"Name": "flat", "Driver": "bridge", "Scope": "swarm"}')
        assert (made.status, scoped.status) == (201, 201)
        held = api.cluster.get(Network, made.json["Id"])
        assert (held.spec.annotations.name, held.spec.attachable, made.json["Warning"]) == ("back", True, "")
        passed = await api.post("/networks/create", b'{"Name": "mine", "Driver": "bridge"}')
        assert passed.json == {"engine": "POST /networks/create"}
        assert json.loads(engine.asked[-1][1]) == {"Name": "mine", "Driver": "bridge"}
        taken = await api.post("/networks/create", b'{"Name": "taken", "Driver": "bridge"}')
        assert (taken.status, taken.message) == (409, "network with name taken already exists")
        host = await api.post("/networks/create", b'{"Name": "host", "Driver": "overlay"}')
        assert (host.status, host.message) == (403, "host is a pre-defined network and cannot be created")
        api.node.now = WORKER
        worker = await api.post("/networks/create", b'{"Name": "other", "Driver": "overlay"}')
        assert worker.status == 403
        assert worker.message.startswith("Cannot create a multi-host network from a worker node.")


async def test_one_is_removed_where_it_is(tmp_path: Path) -> None:
    """The swarm's from the swarm, the engine's by the engine (docs/design/engine-api.md E13.3)."""
    engine = Networks(local("e1", "mine"))
    async with beside(engine, cluster_with(network("n1", "back")), tmp_path) as api:
        gone = await api.delete("/networks/back")
        assert (gone.status, gone.body) == (204, b"")
        assert api.cluster.all(Network) == []
        assert (await api.delete("/networks/mine")).json == {"engine": "DELETE /networks/mine"}
        assert (await api.delete("/networks/back")).status == 404
        assert (await api.post("/networks/mine/connect", b"{}")).json == {
            "engine": "POST /networks/mine/connect"
        }


async def test_without_an_engine_the_swarms_remain(api: Api) -> None:
    """A node that runs no containers has the swarm's networks, and makes no other (docs/design/engine-api.md E13.2, E8.4)."""
    api.cluster.put(make_cluster(), network("n1", "back"))
    assert names((await api.get("/networks")).json) == ["back"]
    refused = await api.post("/networks/create", b'{"Name": "mine"}')
    assert (refused.status, refused.message) == (503, "This node has no container engine.")


async def test_a_service_cannot_use_what_the_engine_alone_has(tmp_path: Path) -> None:
    """By name or id; what nobody has is 404 (docs/design/engine-api.md E11.3)."""
    cluster = FakeCluster([make_cluster()])
    async with beside(Networks(local("l1", "mine")), cluster, tmp_path) as api:
        for target, status, begins in (
            ("mine", 403, "The network mine cannot be used with services. Only networks scoped to the swarm"),
            ("l1", 403, "The network l1 cannot be used with services."),
            ("nowhere", 404, "network nowhere not found"),
        ):
            template = {"ContainerSpec": {"Image": "nginx"}, "Networks": [{"Target": target}]}
            answer = await api.post(
                "/services/create", json.dumps({"Name": "web", "TaskTemplate": template}).encode()
            )
            assert answer.status == status
            assert answer.message.startswith(begins)
