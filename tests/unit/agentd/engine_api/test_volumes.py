"""Volumes: the engine's and the cluster's as one list."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from swarm_core.api.proto.objects_pb2 import Volume
from swarm_core.api.proto.specs_pb2 import VolumeSpec
from swarm_core.client.errors import CallFailed
from swarm_core.engines.client import EngineClient
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.engine_clients import WORKER, Api, api_at
from swarm_testkit.factories import make_cluster, make_secret, make_volume
from swarm_testkit.http_face import WAIT_S, Answer, ask


class Volumes:
    """An engine that knows volumes by their names. `asked` are the requests' first lines with their bodies."""

    def __init__(self, *names: str) -> None:
        self.names, self.asked = names, list[tuple[str, bytes]]()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length: ")[2].partition("\r")[0] or 0)
        line = head.partition(" HTTP")[0]
        self.asked.append((line, await reader.readexactly(length)))
        status, answered = self._answered(line)
        body = json.dumps(answered).encode()
        writer.write(
            b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (status, len(body))
            + body
        )
        writer.close()

    def _answered(self, line: str) -> tuple[int, Any]:
        method, _, target = line.partition(" ")
        _, _, name = target.partition("?")[0].partition("/volumes")
        if not name and method == "GET":
            return 200, {
                "Volumes": [{"Name": each, "Driver": "local"} for each in self.names],
                "Warnings": None,
            }
        if name == "/create" or name.strip("/") in self.names:
            return 200, {"engine": line}
        return 404, {"message": f"get {name.strip('/')}: no such volume"}


@asynccontextmanager
async def beside(engine: Volumes, cluster: FakeCluster, tmp_path: Path) -> AsyncIterator[Api]:
    """The API of a node beside this engine."""
    client = EngineClient(f"unix://{tmp_path / 'engine'}")
    async with asyncio.timeout(WAIT_S), await asyncio.start_unix_server(engine.answer, tmp_path / "engine"):
        async with api_at(tmp_path / "s", cluster, engine=client) as api:
            yield api
        await client.close()


def cluster_with(*volumes: Volume) -> FakeCluster:
    return FakeCluster([make_cluster(), *volumes])


def names(answer: Answer) -> list[str]:
    return [one["Name"] for one in answer.json["Volumes"]]


async def put(api: Api, target: str, body: object) -> Answer:
    return await ask(api.path, "PUT", target, json.dumps(body).encode(), Content_Type="application/json")


async def test_both_are_listed_the_engines_first(tmp_path: Path) -> None:
    """Filters hold for the cluster's too, and the engine gets them; below 1.42 and on a worker there are the engine's alone
    (docs/design/engine-api.md E15.1)."""
    engine = Volumes("own")
    volumes = make_volume("v2", name="two", driver="csi"), make_volume("v1", name="one", driver="other")
    async with beside(engine, cluster_with(*volumes), tmp_path) as api:
        whole = await api.get("/volumes")
        assert names(whole) == ["own", "one", "two"]
        assert whole.json["Warnings"] is None
        query = "filters=" + quote('{"driver":{"csi":true}}')
        assert names(await api.get(f"/v1.42/volumes?{query}")) == ["own", "two"]
        assert engine.asked[-1][0] == f"GET /v1.42/volumes?{query}"
        assert names(await api.get("/v1.41/volumes")) == ["own"]
        assert (await api.get("/volumes?filters=" + quote('{"x":["y"]}'))).status == 400
        assert (await api.get("/volumes?filters=" + quote('{"dangling":["y"]}'))).status == 400
        api.node.now = WORKER
        assert names(await api.get("/volumes")) == ["own"]


async def test_what_one_of_the_two_cannot_tell_is_a_warning(tmp_path: Path) -> None:
    """A manager's failure, and an engine that is away, leave the other's volumes (docs/design/engine-api.md E15.1)."""
    async with beside(Volumes("own"), cluster_with(make_volume("v1", name="one")), tmp_path) as api:
        api.cluster.fail_next("Control.ListVolumes", CallFailed("UNKNOWN", "no leader"))
        failed = await api.get("/volumes")
        assert names(failed) == ["own"]
        assert failed.json["Warnings"] == ["rpc error: code = Unknown desc = no leader"]
    away = EngineClient(f"unix://{tmp_path / 'nobody'}")
    async with api_at(tmp_path / "t", cluster_with(make_volume("v1", name="one")), engine=away) as api:
        alone = await api.get("/volumes")
        assert names(alone) == ["one"]
        assert "does not answer" in alone.json["Warnings"][0]
        assert (await api.get("/volumes/one")).json["ClusterVolume"]["ID"] == "v1"
    await away.close()


async def test_one_is_found_on_the_engine_first(tmp_path: Path) -> None:
    """By name there, by id, name or the beginning of an id in the cluster (docs/design/engine-api.md E15.2)."""
    cluster = cluster_with(make_volume("v1long", name="one"), make_volume("v2", name="own"))
    async with beside(Volumes("own", "a/b"), cluster, tmp_path) as api:
        for reference in ("v1long", "one", "v1"):
            assert (await api.get(f"/volumes/{reference}")).json["ClusterVolume"]["ID"] == "v1long"
        for name in ("own", "a/b"):
            assert (await api.get(f"/v1.42/volumes/{name}")).json == {"engine": f"GET /v1.42/volumes/{name}"}
        missing, older = await api.get("/volumes/none"), await api.get("/v1.41/volumes/one")
        assert (missing.status, missing.message) == (404, "volume none not found")
        assert (older.status, older.message) == (404, "get one: no such volume")


async def test_those_with_a_spec_for_the_cluster_are_made_in_it(tmp_path: Path) -> None:
    """Others, and those of older clients, are made on the engine; secrets may be named (docs/design/engine-api.md E15.3)."""
    engine = Volumes()
    cluster = FakeCluster([make_cluster(), make_secret("s1", name="word")])
    wanted = {
        "Name": "data", "Driver": "csi", "Labels": {"a": "b"}, "DriverOpts": {"c": "d"},
        "ClusterVolumeSpec": {
            "Group": "g", "AccessMode": {"Scope": "multi", "Sharing": "onewriter", "MountVolume": {"FsType": "xfs"}},
            "Secrets": [{"Key": "k", "Secret": "word"}], "CapacityRange": {"RequiredBytes": 5},
        },
    }  # fmt: skip
    async with beside(engine, cluster, tmp_path) as api:
        made = await api.post("/volumes/create", json.dumps(wanted).encode())
        assert (made.status, made.json["Name"]) == (201, "data")
        (held,) = cluster.all(Volume)
        assert (held.id, held.spec.group, held.spec.access_mode.mount.fs_type) == (
            made.json["ClusterVolume"]["ID"], "g", "xfs",
        )  # fmt: skip
        assert [(one.key, one.secret) for one in held.spec.secrets] == [("k", "s1")]
        assert made.json["ClusterVolume"]["Spec"]["AccessMode"]["Sharing"] == "onewriter"
        assert engine.asked == []
        for target, body in (
            ("/volumes/create", {"Name": "mine"}),
            ("/v1.41/volumes/create", wanted),
        ):
            assert (await api.post(target, json.dumps(body).encode())).json == {"engine": f"POST {target}"}
            assert json.loads(engine.asked[-1][1]) == body
        twice = await api.post("/volumes/create", json.dumps(wanted).encode())
        assert twice.status == 409
        assert twice.message.endswith(
            f"volume {wanted['Name']} already exists: name conflicts with an existing object"
        )
        wanted["ClusterVolumeSpec"] = {"Secrets": [{"Key": "k", "Secret": "none"}]}
        unknown = await api.post("/volumes/create", json.dumps(wanted).encode())
        assert (unknown.status, unknown.message) == (404, "secret none not found")
        api.node.now = WORKER
        refused = await api.post("/volumes/create", json.dumps(wanted).encode())
        assert refused.status == 503


async def test_an_update_changes_the_availability_alone(api: Api) -> None:
    """It refers to the version that was read, and changes nothing else (docs/design/engine-api.md E15.4)."""
    api.cluster.put(make_cluster(), make_volume("v1", name="one", availability="DRAIN"))
    held = api.cluster.get(Volume, "v1")
    version = held.meta.version.index
    spec = {"Group": "other", "Availability": "pause"}
    assert (await put(api, f"/volumes/one?version={version}", {"Spec": spec})).status == 200
    changed = api.cluster.get(Volume, "v1")
    assert (changed.spec.availability, changed.spec.group) == (VolumeSpec.PAUSE, held.spec.group)
    late = await put(api, f"/volumes/one?version={version}", {"Spec": spec})
    assert (late.status, "update out of sequence" in late.message) == (500, True)
    assert (
        await put(api, f"/volumes/v1?version={changed.meta.version.index}", {"Spec": {"Group": "x"}})
    ).status == 200
    assert api.cluster.get(Volume, "v1").spec.availability == VolumeSpec.PAUSE
    nonsense, unknown = (
        await put(api, "/volumes/one?version=x", {}),
        await put(api, "/volumes/two?version=1", {}),
    )
    assert (nonsense.status, unknown.status) == (400, 404)
    assert nonsense.message.startswith("invalid swarm object version 'x': ")
    bad = await put(api, "/volumes/one?version=1", {"Spec": {"Availability": "x"}})
    assert (bad.status, bad.message) == (400, 'invalid Availability: "x"')
    api.node.now = WORKER
    refused = await put(api, "/volumes/one?version=1", {})
    assert (refused.status, refused.message) == (
        503,
        "volume update only valid for cluster volumes, but swarm is unavailable",
    )


@pytest.mark.parametrize("force", ["", "?force=1"])
async def test_one_is_removed_where_it_is(tmp_path: Path, force: str) -> None:
    """Of two with one name the engine's goes; of the cluster's one in use only by force, as one that is not there (E15.5)."""
    cluster = cluster_with(
        make_volume("v1", name="own"),
        make_volume("v2", name="used", published={"n1": "PUBLISHED"}),
        make_volume("v3", name="free"),
    )
    async with beside(Volumes("own"), cluster, tmp_path) as api:
        target = f"/volumes/own{force}"
        assert (await api.delete(target)).json == {"engine": f"DELETE {target}"}
        free = await api.delete(f"/volumes/free{force}")
        assert (free.status, free.body) == (204, b"")
        used, missing = await api.delete(f"/volumes/used{force}"), await api.delete(f"/volumes/none{force}")
        assert (used.status, missing.status) == ((204, 204) if force else (400, 404))
        assert [one.id for one in cluster.all(Volume) if not one.pending_delete] == (
            ["v1"] if force else ["v1", "v2"]
        )


async def test_without_an_engine_the_clusters_remain(api: Api) -> None:
    """A node that runs no containers has the cluster's volumes, and makes no other (docs/design/engine-api.md E15.1, E8.4)."""
    api.cluster.put(make_cluster(), make_volume("v1", name="one"))
    assert names(await api.get("/volumes")) == ["one"]
    assert (await api.get("/v1.41/volumes")).json == {"Volumes": [], "Warnings": None}
    refused = await api.post("/volumes/create", b'{"Name": "mine"}')
    assert (refused.status, refused.message) == (503, "This node has no container engine.")
