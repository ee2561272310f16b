"""Events of the cluster's objects beside a real engine in swarm mode: of the same changes we tell what the engine tells."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import quote

import pytest
from swarm_core.api.proto import watch_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.sockets import Candidate
from swarm_core.engine_json import event
from swarm_testkit.engine_http import ask, ask_raw
from swarm_testkit.engines import IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.timeout(300)]

LIMIT_S = 120
SWARM = quote(json.dumps({"scope": ["swarm"]}))
_ALL = watch_pb2.WATCH_ACTION_CREATE | watch_pb2.WATCH_ACTION_UPDATE | watch_pb2.WATCH_ACTION_REMOVE
REQUEST = watch_pb2.WatchRequest(
    entries=[watch_pb2.WatchRequest.WatchEntry(kind=kind, action=_ALL) for kind in event.KINDS],  # type: ignore[arg-type]
    include_old_object=True,
)


def change_everything(engine: Engine) -> None:
    """Objects of every kind come, change and go."""
    node = ask(engine.socket, "GET", "/v1.41/nodes").body[0]
    for availability, labels in (("pause", {"e": "1"}), ("active", {})):
        spec = {"Role": "manager", "Availability": availability, "Labels": labels, "Name": "evented"}
        _update(engine, "nodes", node["ID"], spec)
    _update(engine, "nodes", node["ID"], {"Role": "manager", "Availability": "active"})
    secret = _make(engine, "secrets", {"Name": "e-s", "Data": "eA=="})
    _update(engine, "secrets", secret, {"Name": "e-s", "Labels": {"l": "1"}, "Data": "eA=="})
    config = _make(engine, "configs", {"Name": "e-c", "Data": "eA=="})
    network = _make(engine, "networks", {"Name": "e-n", "Driver": "overlay"})
    template = {
        "ContainerSpec": {"Image": IMAGE},
        "Placement": {"Constraints": ["node.labels.there == never"]},
    }
    spec = {"Name": "e-w", "TaskTemplate": template, "Mode": {"Replicated": {"Replicas": 0}}}
    service = _make(engine, "services", spec)
    template["ContainerSpec"] = {"Image": "busybox:other"}
    _update(engine, "services", service, {**spec, "Mode": {"Replicated": {"Replicas": 2}}})
    for path in (f"services/{service}", f"secrets/{secret}", f"configs/{config}"):
        assert ask(engine.socket, "DELETE", f"/v1.41/{path}").status in (200, 204)
    deadline = time.monotonic() + LIMIT_S
    while ask(engine.socket, "DELETE", f"/v1.41/networks/{network}").status != 204:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _make(engine: Engine, noun: str, body: object) -> str:
    answer = ask(engine.socket, "POST", f"/v1.41/{noun}/create", body)
    assert answer.status == 201, answer.body
    return str(answer.body.get("ID") or answer.body["Id"])


def _update(engine: Engine, noun: str, id_: str, spec: object) -> None:
    """Again while somebody else was faster."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        index = ask(engine.socket, "GET", f"/v1.41/{noun}/{id_}").body["Version"]["Index"]
        answer = ask(engine.socket, "POST", f"/v1.41/{noun}/{id_}/update?version={index}", spec)
        if answer.status == 200:
            return
        assert "out of sequence" in answer.message
        assert time.monotonic() < deadline


def told(engine: Engine, since: float) -> list[dict[str, Any]]:
    """What the engine has told since then."""
    target = f"/v1.41/events?since={since:.6f}&until={time.time():.6f}&filters={SWARM}"
    return [json.loads(line) for line in ask_raw(engine.socket, target).splitlines() if line]


def comparable(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The time of a removal is that of whoever tells it."""
    return [
        {
            key: value
            for key, value in each.items()
            if each["Action"] != "remove" or not key.startswith("time")
        }
        for each in events
    ]


def is_last(one: dict[str, Any]) -> bool:
    return (one["Action"], one["Actor"]["Attributes"]["name"]) == ("remove", "e-n")


async def test_the_same_events(swarm_engine: Engine) -> None:
    """Rules 14.12.1 to 14.12.3: nodes, services, networks, secrets and configs that come, change and go, with what changed of them."""
    engine = swarm_engine
    cluster = await Cluster.open(Candidate(engine.control_socket, "test"))
    try:
        async with asyncio.timeout(240), aclosing(watched(cluster)) as messages:  # type: ignore[type-var]
            await anext(messages)  # from here on nothing is missed
            since = time.time()
            changing = asyncio.create_task(asyncio.to_thread(change_everything, engine))
            ours: list[dict[str, Any]] = []
            while not ours or not is_last(ours[-1]):
                message = await anext(messages)
                ours += [shown for each in message.events if (shown := event.to_json(each, 0)) is not None]
            await changing
        theirs: list[dict[str, Any]] = []
        deadline = time.monotonic() + LIMIT_S
        while not theirs or not is_last(theirs[-1]):
            assert time.monotonic() < deadline
            theirs = await asyncio.to_thread(told, engine, since)
    finally:
        await cluster.close()
    assert {each["Type"] for each in ours} == set(event.KINDS)
    assert comparable(ours) == comparable(theirs)


def watched(cluster: Cluster) -> AsyncIterator[watch_pb2.WatchMessage]:
    return cast("AsyncIterator[watch_pb2.WatchMessage]", cluster.calls.stream("Watch.Watch", REQUEST))
