"""What a daemon says of itself: `/_ping`, `/version`, `/info`."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from swarm_agentd.engine_api import local_engine
from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.kept_answers import KeptAnswers
from swarm_agentd.engine_api.local_engine import LocalEngine
from swarm_agentd.engine_api.managers import LocalManagers, opening
from swarm_agentd.engine_api.routers import system
from swarm_agentd.engine_api.server import make_routes
from swarm_agentd.node.standing import Standing
from swarm_core.api.proto.types_pb2 import ManagerStatus, Peer
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_core.engines.client import EngineClient
from swarm_core.http.server import Face
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.engine_clients import WORKER, Api, StandIn, api_at
from swarm_testkit.factories import make_cluster, make_node
from swarm_testkit.http_face import WAIT_S, ask, face_at


async def test_a_ping_is_answered_at_once_in_every_state(api: Api) -> None:
    """GET says OK, HEAD nothing; both tell builder, swarm and versions (docs/design/engine-api.md E5.1)."""
    api.cluster.hang("Control.ListNodes")
    for standing, word in (
        (Standing(), "pending"),
        (WORKER, "active/worker"),
        (api.node.now, "active/manager"),
    ):
        api.node.now = standing
        got, head = await ask(api.path, "GET", "/_ping"), await ask(api.path, "HEAD", "/v1.40/_ping")
        assert (got.status, got.body, head.status, head.body) == (200, b"OK", 200, b"")
        assert got.headers["content-type"] == "text/plain; charset=utf-8"
        assert head.headers["content-length"] == "0"
        for answer in (got, head):
            assert answer.headers["swarm"] == word
            assert answer.headers["builder-version"] == "1"
            assert answer.headers["api-version"] == "1.47"
            assert answer.headers["cache-control"] == "no-cache, no-store, must-revalidate"
            assert answer.headers["pragma"] == "no-cache"


async def test_the_version_names_engine_and_daemon(api: Api) -> None:
    """Without an engine the machine's own version has all that clients read (docs/design/engine-api.md E5.2)."""
    found = (await api.get("/version")).json
    assert (found["ApiVersion"], found["MinAPIVersion"]) == ("1.47", "1.24")
    assert [component["Name"] for component in found["Components"]] == ["Engine", "swarm-agentd"]
    assert found["Components"][0]["Details"]["ApiVersion"] == "1.47"
    assert {"Version", "Os", "Arch", "GitCommit", "GoVersion", "KernelVersion", "Platform"} <= found.keys()


async def test_info_of_a_manager_shows_the_cluster(api: Api) -> None:
    """A manager tells nodes, managers and the cluster (docs/design/engine-api.md E5.3)."""
    manager = make_node("node-1", role="MANAGER")
    manager.manager_status.reachability = ManagerStatus().reachability
    manager.manager_status.addr = "10.0.0.1:4242"
    api.cluster.put(manager, make_node("node-2"), make_cluster("cluster-1"))
    found = (await api.get("/info")).json
    swarm = found["Swarm"]
    assert (found["Name"], found["OSType"], found["Containers"]) == ("the-host", "linux", 0)
    assert swarm["NodeID"] == "node-1"
    assert swarm["NodeAddr"] == "10.0.0.1"
    assert (swarm["LocalNodeState"], swarm["ControlAvailable"], swarm["Error"]) == ("active", True, "")
    assert swarm["RemoteManagers"] == [{"NodeID": "node-1", "Addr": "10.0.0.1:4242"}]
    assert (swarm["Nodes"], swarm["Managers"]) == (2, 1)
    assert swarm["Cluster"]["ID"] == "cluster-1"
    assert "Warnings" not in swarm


async def test_info_warns_of_two_managers(api: Api) -> None:
    """Two managers bear no failure, and info says so (docs/design/engine-api.md E5.3)."""
    for number in (1, 2):
        node = make_node(f"node-{number}", role="MANAGER")
        node.manager_status.addr = f"10.0.0.{number}:4242"
        api.cluster.put(node)
    api.cluster.put(make_cluster())
    (warning,) = (await api.get("/info")).json["Swarm"]["Warnings"]
    assert warning.startswith("WARNING: Running Swarm in a two-manager configuration.")


async def test_info_of_others_has_no_cluster(api: Api) -> None:
    """A worker, and a node without an identity, tell what they know (docs/design/engine-api.md E5.3)."""
    for standing, state in ((WORKER, "active"), (Standing(), "pending")):
        api.node.now = standing
        swarm = (await api.get("/v1.25/info")).json["Swarm"]
        assert (swarm["LocalNodeState"], swarm["ControlAvailable"], swarm["NodeID"]) == (
            state,
            False,
            standing.node_id,
        )
        assert not {"Cluster", "Nodes", "Managers"} & swarm.keys()
    assert swarm["RemoteManagers"] is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (CallFailed("UNKNOWN", "The swarm does not have a leader."), "rpc error: code = Unknown desc = The swarm does not have a leader."),
        (CallFailed("DEADLINE_EXCEEDED", "whatever"), "rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
        (Unreachable("gone"), "This node is not a swarm manager. Manager is being prepared or has trouble connecting to the cluster."),
    ],
)  # fmt: skip
async def test_info_says_why_the_cluster_cannot_be_asked(api: Api, error: BaseException, text: str) -> None:
    """A failed call is told in `Error`, and the answer is 200 (docs/design/engine-api.md E5.3)."""
    api.cluster.put(make_cluster())
    api.cluster.fail_next("Control.ListNodes", error)
    answer = await api.get("/info")
    assert answer.status == 200
    assert answer.json["Swarm"]["Error"] == text
    assert "Cluster" not in answer.json["Swarm"]
    assert (await api.get("/info")).json["Swarm"]["Error"] == ""


class FixedEngine:
    """An engine that answers GET with JSON from a table; `answers` may be changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[str, Any] = {}
        self.ping_headers = "Api-Version: 1.41\r\nBuilder-Version: 2\r\nDocker-Experimental: true\r\n"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        body, kind, extra = json.dumps(self.answers.get(target)).encode(), "application/json", ""
        if target == "/_ping":
            body, kind, extra = b"OK", "text/plain", self.ping_headers
        status = "200 OK" if target in self.answers or target == "/_ping" else "404 Not Found"
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
        writer.write(head.encode() + body)
        writer.close()


async def test_an_engine_tells_of_itself_and_limits_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions that the engine does not know are not offered; its info and version are kept but for the swarm
    (docs/design/engine-api.md E5.2, E5.4, E8.9)."""
    monkeypatch.setattr(local_engine, "_PING_S", WAIT_S)
    monkeypatch.setattr(system, "_ENGINE_S", WAIT_S)
    fixed = FixedEngine(tmp_path / "engine")
    fixed.answers["/version"] = {
        "Version": "20.10", "ApiVersion": "1.41", "Components": [{"Name": "Engine", "Details": {"ApiVersion": "1.41"}}],
    }  # fmt: skip
    fixed.answers["/v1.41/info"] = {
        "Name": "engine-host",
        "Swarm": {"LocalNodeState": "inactive"},
        "Driver": "overlay2",
    }
    engine = EngineClient(f"unix://{fixed.path}")
    local = LocalEngine(engine, SystemClock())
    node = StandIn(WORKER)
    managers = LocalManagers(node, tmp_path / "none", opening(tmp_path / "store-versions"))
    context = Context(node, managers, local, SystemClock(), KeptAnswers(managers, SystemClock()))
    face = Face("Docker/test (linux)", newest=local.newest)
    async with asyncio.timeout(WAIT_S), face_at(tmp_path / "s", make_routes(context), face) as path:
        assert (await ask(path, "HEAD", "/_ping")).headers["api-version"] == "1.47"
        async with await asyncio.start_unix_server(fixed.answer, fixed.path):
            await local.learn()
            ping = await ask(path, "HEAD", "/_ping")
            assert (ping.headers["api-version"], ping.headers["builder-version"]) == ("1.41", "2")
            assert local.is_experimental
            assert (await ask(path, "GET", "/v1.42/info")).status == 400
            version = (await ask(path, "GET", "/version")).json
            assert (version["Version"], version["MinAPIVersion"], version["Components"][1]["Name"]) == (
                "20.10", "1.24", "swarm-agentd",
            )  # fmt: skip
            info = (await ask(path, "GET", "/v1.41/info")).json
            assert (info["Name"], info["Driver"], info["Swarm"]["LocalNodeState"]) == (
                "engine-host",
                "overlay2",
                "active",
            )
        await local.learn()
        assert (await ask(path, "HEAD", "/_ping")).headers["api-version"] == "1.47"
        assert (await ask(path, "GET", "/info")).json["Driver"] == ""
    await engine.close()


@pytest.mark.parametrize("is_experimental", [False, True])
async def test_experimental_is_told_everywhere(tmp_path: Path, is_experimental: bool) -> None:
    """In the headers of every answer, in info and in the version (docs/design/engine-api.md E5.5)."""
    async with api_at(tmp_path / "s", FakeCluster(), is_experimental=is_experimental) as api:
        version, info = await api.get("/version"), await api.get("/info")
    for answer in (version, info):
        assert answer.headers["docker-experimental"] == str(is_experimental).lower()
    assert info.json["ExperimentalBuild"] is is_experimental
    assert version.json.get("Experimental", False) is is_experimental
    assert version.json["Components"][0]["Details"]["Experimental"] == str(is_experimental).lower()


async def test_the_address_of_a_manager_has_no_port(api: Api) -> None:
    """An IPv6 address loses its brackets too; without a cluster object info says so (docs/design/engine-api.md E5.3)."""
    peer = Peer(node_id="node-1", addr="[2001:db8::1]:4242")
    api.node.now = replace(api.node.now, managers=(peer,))
    swarm = (await api.get("/info")).json["Swarm"]
    assert (swarm["NodeAddr"], swarm["Error"]) == ("2001:db8::1", "This node is not part of a swarm")
