"""The routes of nodes, services, tasks, secrets, configs and the swarm, before a cluster in memory."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_agentd.node.standing import NodeState, Standing
from swarm_core.api.proto.objects_pb2 import Cluster, Config, Network, Node, Secret, Service, Task
from swarm_core.ca.root_ca import RootCa
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_testkit.cluster_fake import START_NS, FakeCluster
from swarm_testkit.engine_clients import WORKER, Api, api_at
from swarm_testkit.factories import make_cluster, make_config, make_node, make_secret, make_service, make_task


def filters(**keys: list[str]) -> str:
    """A query with these filters."""
    from urllib.parse import quote

    return "filters=" + quote(json.dumps({key.replace("_", "-"): values for key, values in keys.items()}))


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def service_spec(name: str, **more: Any) -> dict[str, Any]:
    return {"Name": name, "TaskTemplate": {"ContainerSpec": {"Image": "nginx"}}, **more}


# -- which object is meant ----------------------------------------------------------------------


def kinds() -> list[tuple[str, list[Message]]]:
    """For each noun three objects: ids "aab", "aac" and "abc", of which the last is named "aab-named"."""
    made: list[tuple[str, list[Message]]] = []
    for noun, make, named in (
        ("node", make_node, "hostname"), ("service", make_service, "name"),
        ("secret", make_secret, "name"), ("config", make_config, "name"),
    ):  # fmt: skip
        names = ("first", "second", "aab-named")
        ids = ("aab", "aac", "abc")
        made.append((noun, [make(id_, **{named: name}) for id_, name in zip(ids, names, strict=True)]))  # type: ignore[operator]
    return made


@pytest.mark.parametrize(("noun", "objects"), kinds(), ids=[noun for noun, _ in kinds()])
async def test_an_id_a_name_or_the_beginning_of_an_id_is_taken(
    tmp_path: Path, noun: str, objects: list[Message]
) -> None:
    """A whole id, else an exact name, else the beginning of one id (docs/design/engine-api.md E7.1, E7.2)."""
    async with api_at(tmp_path / "s", FakeCluster(objects)) as api:
        for reference, id_ in (("aab", "aab"), ("second", "aac"), ("aab-named", "abc"), ("ab", "abc")):
            answer = await api.get(f"/{noun}s/{reference}")
            assert (answer.status, answer.json.get("ID")) == (200, id_)
        missing, several = await api.get(f"/{noun}s/first-"), await api.get(f"/{noun}s/aa")
    assert (missing.status, missing.message) == (404, f"{noun} first- not found")
    assert (several.status, several.message) == (400, f"{noun} aa is ambiguous (2 matches found)")


async def test_lists_are_in_the_order_of_ids(api: Api) -> None:
    """Lists do not change their order by themselves (docs/design/engine-api.md E7.3)."""
    api.cluster.put(*(make_service(id_) for id_ in ("c", "a", "b")))
    assert [each["ID"] for each in (await api.get("/services")).json] == ["a", "b", "c"]
    assert (await api.get("/nodes")).json == []


# -- states in which nothing can be asked -------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["/services", "/nodes/x", "/tasks", "/secrets", "/configs/x", "/swarm", "/swarm/unlockkey"]
)
async def test_without_a_manager_it_is_said_why(api: Api, target: str) -> None:
    """A worker and a manager that is being prepared answer 503 in docker's words (docs/design/engine-api.md E6.1)."""
    api.node.now = WORKER
    worker = await api.get(target)
    api.node.now = Standing(NodeState.PENDING, "node-1", True, False)
    prepared = await api.get(target)
    assert (worker.status, prepared.status) == (503, 503)
    assert "Worker nodes can't be used to view or modify cluster state." in worker.message
    assert prepared.message.endswith("Manager is being prepared or has trouble connecting to the cluster.")


async def test_after_a_lost_connection_the_next_request_is_answered(api: Api) -> None:
    """A lost connection is 503 once (docs/design/engine-api.md E6.3)."""
    api.cluster.fail_next("Control.ListNodes", Unreachable("gone"))
    assert (await api.get("/nodes")).status == 503
    assert (await api.get("/nodes")).status == 200


@pytest.mark.parametrize(
    ("code", "status"),
    [("UNKNOWN", 500), ("FAILED_PRECONDITION", 400), ("DEADLINE_EXCEEDED", 500), ("PERMISSION_DENIED", 403)],
)
async def test_a_managers_refusal_is_handed_on(api: Api, code: str, status: int) -> None:
    """What the manager refuses has its status and Go's words (docs/design/engine-api.md E2.3)."""
    api.cluster.fail_next("Control.ListServices", CallFailed(code, "no"))
    answer = await api.get("/services")
    assert answer.status == status
    assert answer.message.startswith("rpc error: code = ")


# -- nodes --------------------------------------------------------------------------------------


async def test_nodes_are_listed_updated_and_removed(api: Api) -> None:
    """Filters select nodes; an update needs the version that was read; a node that is up is removed by force only
    (docs/design/engine-api.md E10.1, E10.2, E10.3)."""
    api.cluster.put(
        make_cluster(), make_node("n1", hostname="one"), make_node("n2", hostname="two", labels={"zone": "a"})
    )
    found = (
        await api.get("/nodes?" + filters(node_label=["zone=a"]).replace("node-label", "node.label"))
    ).json
    assert [node["Description"]["Hostname"] for node in found] == ["two"]
    (node,) = [node for node in (await api.get("/nodes")).json if node["ID"] == "n1"]
    wanted = body({**node["Spec"], "Availability": "drain", "Labels": {"a": "b"}})
    done = await api.post(f"/nodes/one/update?version={node['Version']['Index']}", wanted)
    assert (done.status, done.body) == (200, b"")
    held = api.cluster.get(Node, "n1")
    assert (held.spec.availability, dict(held.spec.annotations.labels)) == (held.spec.DRAIN, {"a": "b"})
    again = await api.post(f"/nodes/n1/update?version={node['Version']['Index']}", wanted)
    assert (again.status, again.message) == (500, "rpc error: code = Unknown desc = update out of sequence")
    for text in ("", "x", "-1", "99999999999999999999999"):
        refused = await api.post(f"/nodes/n1/update?version={text}", wanted)
        assert refused.status == 400
        assert refused.message.startswith(f"invalid node version '{text}': ")
    assert (await api.delete("/nodes/n2")).status == 400
    assert (await api.delete("/nodes/n2?force=1")).status == 200
    assert (await api.get("/nodes/n2")).status == 404


# -- services and tasks -------------------------------------------------------------------------


async def test_a_service_lives(api: Api) -> None:
    """Created, listed with its counts, changed, rolled back and removed (docs/design/engine-api.md E10.1, E10.2, E11.1)."""
    api.cluster.put(make_cluster())
    made = await api.post(
        "/services/create", body(service_spec("web", Labels={"a": "1"})), X_Registry_Auth="key"
    )
    assert made.status == 201
    assert made.json["Warnings"] is None
    id_ = made.json["ID"]
    assert api.cluster.get(Service, id_).spec.task.container.pull_options.registry_auth == "key"
    twice = await api.post("/services/create", body(service_spec("web")))
    assert twice.status == 409
    assert "service web already exists" in twice.message
    (listed,) = (await api.get(f"/services?status=true&{filters(name=['we'])}")).json
    assert listed["ServiceStatus"]["RunningTasks"] == 0
    assert "ServiceStatus" not in (await api.get("/services")).json[0]
    assert "key" not in json.dumps(listed)
    assert (await api.get("/services?" + filters(label=["a=2"]))).json == []

    version = listed["Version"]["Index"]
    spec = {**listed["Spec"], "Labels": {"a": "2"}}
    assert (await api.post(f"/services/web/update?version={version}", body(spec))).json == {"Warnings": None}
    held = api.cluster.get(Service, id_)
    assert held.spec.annotations.labels["a"] == "2"
    assert held.spec.task.container.pull_options.registry_auth == "key", (
        "an update without credentials keeps them"
    )
    version = held.meta.version.index
    back = await api.post(f"/services/web/update?version={version}&rollback=previous", body(spec))
    assert back.status == 200
    assert api.cluster.get(Service, id_).spec.annotations.labels["a"] == "1"
    assert (await api.delete("/services/web")).status == 200
    assert (await api.get("/services")).json == []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("rollback=maybe", "unrecognized rollback option maybe"),
        ("registryAuthFrom=nowhere", "unsupported registryAuthFrom value"),
        ("registryAuthFrom=previous-spec", "service does not have a previous spec"),
    ],
)
async def test_an_update_that_makes_no_sense_is_refused(api: Api, query: str, text: str) -> None:
    """Words in the query that are not known are 400 (docs/design/engine-api.md E11.2)."""
    api.cluster.put(make_service("s1", name="web"))
    answer = await api.post(f"/services/web/update?version=1&{query}", body(service_spec("web")))
    assert (answer.status, answer.message) == (400, text)


async def test_a_service_names_its_networks(api: Api) -> None:
    """Names of networks become ids; one that there is not is 404 (docs/design/engine-api.md E11.3)."""
    network = Network(id="net1")
    network.spec.annotations.name = "back"
    network.spec.driver_config.name = "overlay"
    api.cluster.put(network, make_cluster())

    def on(target: str, name: str) -> bytes:
        template = {"ContainerSpec": {"Image": "nginx"}, "Networks": [{"Target": target}]}
        return body({"Name": name, "TaskTemplate": template})

    made = await api.post("/services/create", on("back", "web"))
    assert api.cluster.get(Service, made.json["ID"]).spec.task.networks[0].target == "net1"
    missing, local = (
        await api.post("/services/create", on("nowhere", "x")),
        await api.post("/services/create", on("host", "x")),
    )
    assert (missing.status, missing.message) == (404, "network nowhere not found")
    assert local.status == 404
    assert local.message.startswith("could not find the corresponding predefined swarm network: ")


async def test_a_service_without_a_name_gets_one(api: Api) -> None:
    """An adjective and a surname (docs/design/engine-api.md E11.4)."""
    api.cluster.put(make_cluster())
    made = [await api.post("/services/create", body(service_spec(""))) for _ in range(3)]
    names = [api.cluster.get(Service, one.json["ID"]).spec.annotations.name for one in made]
    assert all(re.fullmatch("[a-z]+_[a-z]+", name) for name in names)
    assert len(set(names)) == 3


async def test_defaults_are_shown_when_they_are_asked_for(api: Api) -> None:
    """`insertDefaults` shows a service as it is run (docs/design/engine-api.md E10.4)."""
    api.cluster.put(make_service("s1", name="web"))
    plain, full = (
        (await api.get("/services/web")).json,
        (await api.get("/services/web?insertDefaults=true")).json,
    )
    assert "RestartPolicy" not in plain["Spec"]["TaskTemplate"]
    assert full["Spec"]["TaskTemplate"]["RestartPolicy"]["Condition"] == "any"
    assert (await api.get("/services/web?insertDefaults=perhaps")).status == 400


async def test_tasks_are_found_by_service_and_node(api: Api) -> None:
    """Services and nodes in a filter may be named; unknown ones are 404 (docs/design/engine-api.md E10.5)."""
    web, db = make_service("s1", name="web"), make_service("s2", name="db")
    node = make_node("n1", hostname="one")
    task = make_task("t1", service=web, slot=1, node_id="n1", state="RUNNING")
    api.cluster.put(web, db, node, task, make_task("t2", service=db, slot=1))
    assert [each["ID"] for each in (await api.get("/tasks?" + filters(service=["web"]))).json] == ["t1"]
    assert [each["ID"] for each in (await api.get("/tasks?" + filters(node=["one"]))).json] == ["t1"]
    assert len((await api.get("/tasks")).json) == 2
    found = (await api.get("/tasks/t1")).json
    assert (found["ServiceID"], found["Slot"], found["Status"]["State"]) == ("s1", 1, "running")
    missing = await api.get("/tasks?" + filters(service=["nobody"]))
    assert (missing.status, missing.message) == (404, "service nobody not found")
    assert (await api.get("/tasks?" + filters(desired_state=["sideways"]))).status == 400
    assert api.cluster.get(Task, "t1").id == "t1"


@pytest.mark.parametrize("noun", ["services", "nodes", "tasks", "secrets", "configs"])
async def test_filters_that_are_none_are_refused(api: Api, noun: str) -> None:
    """A key that is not known, and what is no filter, are 400 (docs/design/engine-api.md E10.1)."""
    unknown, broken = (
        await api.get(f"/{noun}?" + filters(colour=["red"])),
        await api.get(f"/{noun}?filters=x"),
    )
    assert (unknown.status, unknown.message) == (400, "invalid filter 'colour'")
    assert (broken.status, broken.message) == (400, "invalid filter")


# -- secrets and configs ------------------------------------------------------------------------


@pytest.mark.parametrize(("noun", "kind"), [("secret", Secret), ("config", Config)])
async def test_a_payload_lives(api: Api, noun: str, kind: Any) -> None:
    """Created once per name, shown with its data only where it is no secret, relabelled, removed
    (docs/design/engine-api.md E10.1, E10.2, E10.6)."""
    data = base64.b64encode(b"content").decode()
    made = await api.post(f"/{noun}s/create", body({"Name": "a", "Data": data, "Labels": {"x": "1"}}))
    assert made.status == 201
    twice = await api.post(f"/{noun}s/create", body({"Name": "a", "Data": data}))
    assert (twice.status, f"{noun} a already exists" in twice.message) == (409, True)
    id_ = made.json["ID"]
    assert api.cluster.get(kind, id_).spec.data == b"content"
    (found,) = (await api.get(f"/{noun}s?" + filters(label=["x=1"]))).json
    assert found["Spec"].get("Data") == (None if noun == "secret" else data)
    spec = {**found["Spec"], "Labels": {"x": "2"}}
    changed = await api.post(f"/{noun}s/a/update?version={found['Version']['Index']}", body(spec))
    assert (changed.status, changed.body) == (200, b"")
    assert api.cluster.get(kind, id_).spec.annotations.labels["x"] == "2"
    refused = await api.post(f"/{noun}s/a/update?version=", body(spec))
    assert refused.message.startswith(f"invalid {noun} version ''")
    gone = await api.delete(f"/{noun}s/a")
    assert (gone.status, gone.body) == (204, b"")
    assert (await api.delete(f"/{noun}s/a")).status == 404


# -- the swarm ----------------------------------------------------------------------------------


async def test_the_swarm_is_shown_and_changed(api: Api) -> None:
    """Its settings with the join tokens; an update keeps the numbers that it does not name (docs/design/engine-api.md E12.1, E12.2)."""
    none = await api.get("/swarm")
    assert (none.status, none.message) == (503, "This node is not part of a swarm")
    cluster = make_cluster("c1", history_limit=7)
    root = RootCa.create(START_NS)
    cluster.root_ca.ca_cert, cluster.root_ca.ca_key = root.certificate, root.key or b""
    cluster.root_ca.join_tokens.worker = "SWMTKN-1-w"
    api.cluster.put(cluster)
    found = (await api.get("/swarm")).json
    assert (found["ID"], found["JoinTokens"]["Worker"]) == ("c1", "SWMTKN-1-w")
    assert found["Spec"]["Orchestration"]["TaskHistoryRetentionLimit"] == 7
    target = f"/swarm/update?version={found['Version']['Index']}"
    spec = {"Name": "default", "Dispatcher": {"HeartbeatPeriod": 9_000_000_000}}
    assert (await api.post(target, body(spec))).status == 200
    held = api.cluster.get(Cluster, "c1").spec
    assert (held.dispatcher.heartbeat_period.seconds, held.orchestration.task_history_retention_limit) == (
        9,
        7,
    )
    other = await api.post(target, body({"Name": "mine"}))
    assert (other.status, other.message) == (400, 'swarm spec must be named "default"')
    wrong = await api.post("/swarm/update?version=x", body(spec))
    assert wrong.message.startswith("invalid swarm version 'x': ")
    strict = await api.post(target + "&rotateWorkerToken=perhaps", body(spec))
    assert strict.message.startswith("invalid value for rotateWorkerToken: perhaps")
    assert (await api.get("/swarm/unlockkey")).json == {"UnlockKey": ""}


@pytest.mark.parametrize("is_experimental", [False, True])
async def test_services_of_plugins_are_experimental(tmp_path: Path, is_experimental: bool) -> None:
    """Refused in docker's words unless the daemon or its engine is (docs/design/engine-api.md E11.5)."""
    spec = {"Name": "p", "TaskTemplate": {"Runtime": "plugin", "PluginSpec": {"Name": "p", "Remote": "r/p"}}}
    async with api_at(tmp_path / "s", FakeCluster(), is_experimental=is_experimental) as api:
        answer = await api.post("/services/create", body(spec))
    if is_experimental:
        assert answer.status == 201
    else:
        assert (answer.status, answer.message) == (
            500,
            'runtime type "plugin" only supported in experimental',
        )
