"""Events of the cluster and of the engine as one stream (docs/design/engine-api-json.md 14.12)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from swarm_agentd.engine_api import events, filters
from swarm_agentd.engine_api.event_feed import feed
from swarm_agentd.engine_api.events import KEPT_MAX, WAITING_MAX, Events, TooSlow, span
from swarm_agentd.engine_api.managers import LocalManagers
from swarm_agentd.node.standing import Standing
from swarm_core.api.timestamps import NS_PER_S
from swarm_core.client.calls import Calls
from swarm_core.engines.client import EngineClient
from swarm_core.http.errors import BadRequest
from swarm_core.http.exchange import Exchange
from swarm_core.http.routes import Route, Routes
from swarm_core.runtime.tasks import Group
from swarm_testkit.cluster_fake import START_NS, FakeCluster
from swarm_testkit.engine_clients import MANAGER, Link, StandIn, api_at
from swarm_testkit.factories import make_network, make_secret
from swarm_testkit.http_face import WAIT_S, connected, face_at


def event(
    kind: str = "service", action: str = "update", at_ns: int = 0, id_: str = "i1", **attributes: str
) -> dict[str, Any]:
    actor = {"ID": id_, "Attributes": attributes}
    return {
        "Type": kind,
        "Action": action,
        "Actor": actor,
        "scope": "swarm",
        "time": at_ns // NS_PER_S,
        "timeNano": at_ns,
    }


# -- which are kept and asked for ---------------------------------------------------------------


async def test_what_was_and_what_comes() -> None:
    """Rule 14.12.4: the last 256 are kept, and nothing falls between them and the next."""
    told = Events()
    for number in range(KEPT_MAX + 4):
        told.tell(event(at_ns=number))
    with told.reading(lambda _: True) as (past, following):
        assert [each["timeNano"] for each in past] == list(range(4, KEPT_MAX + 4))
        told.tell(event(at_ns=999))
        assert (await following())["timeNano"] == 999
    with told.reading(lambda _: False) as (past, _):
        assert past == []


async def test_a_reader_that_is_too_slow() -> None:
    """Rule 14.12.7: it is left, and no other."""
    told = Events()
    with told.reading(lambda _: False) as (_, slow):
        for _ in range(WAITING_MAX + 1):
            told.tell(event())
        with told.reading(lambda _: False) as (_, quick):
            told.tell(event(at_ns=5))
            assert (await quick())["timeNano"] == 5
        with pytest.raises(TooSlow):
            await slow()


@pytest.mark.parametrize(
    ("asked", "is_fit"),
    [
        ({}, True),
        ({"type": ["service"], "scope": ["swarm"]}, True),
        ({"type": ["node", "service"]}, True),
        ({"type": ["node"]}, False),
        ({"scope": ["local"]}, False),
        ({"event": ["update"]}, True),
        ({"event": ["upd"]}, False),
        ({"event": ["exec_create", "upd"]}, True),
        ({"service": ["we"]}, True),
        ({"node": ["i"]}, True),
        ({"service": ["other"]}, False),
        ({"label": ["name=web", "l"]}, True),
        ({"label": ["name=db"]}, False),
        ({"image": ["busybox"]}, True),
        ({"image": ["busybox:1"]}, True),
        ({"image": ["nginx"]}, False),
        ({"unknown": ["x"]}, True),
    ],
)
def test_filters(asked: dict[str, Any], is_fit: bool) -> None:
    """Rule 14.12.6: what an event must fit."""
    read = filters.parse(json.dumps(asked), None)
    found = event(name="web", l="", image="docker.io/library/busybox:1")
    found["Actor"]["Attributes"]["image"] = "busybox:1"
    assert events.is_asked_for(read, found) is is_fit


def test_spans() -> None:
    """Rule 14.12.5: seconds with a fraction; nonsense and an end before the beginning are refused."""
    found = span({"since": "1.5", "until": "2"})
    assert (found.since_ns, found.until_ns, found.has_past) == (1_500_000_000, 2_000_000_000, True)
    assert [found.holds(event(at_ns=at)) for at in (1_499_999_999, 1_500_000_000, 2_000_000_001)] == [
        False,
        True,
        False,
    ]
    assert not span({}).has_past
    with pytest.raises(BadRequest) as refused:
        span({"since": "2", "until": "1"})
    assert refused.value.message == "`since` time (2) cannot be after `until` time (1)"
    with pytest.raises(BadRequest, match="could not parse until timestamp"):
        span({"until": "10m"})


def test_a_line() -> None:
    """Rule 14.12.7: what a page could take for markup is written as numbers."""
    sent = events.line({"a": "<b>&\u2028ä"})
    assert sent == '{"a":"\\u003cb\\u003e\\u0026\\u2028ä"}\n'.encode()
    assert json.loads(sent) == {"a": "<b>&\u2028ä"}


# -- as clients get them ------------------------------------------------------------------------


async def test_a_replay(tmp_path: Path) -> None:
    """Rule 14.12.5: with a time in the past there are only the events that were kept; without one there are none of them."""
    cluster = FakeCluster()
    async with api_at(tmp_path / "s", cluster) as api:
        for number, name in enumerate(("one", "two", "three")):
            api.events.tell(event(at_ns=START_NS + number * NS_PER_S, name=name))
        start = START_NS // NS_PER_S
        cluster.now_ns = START_NS + 60 * NS_PER_S
        answer = await api.get(f"/events?since={start + 1}&until={start + 30}")
        assert answer.headers["content-type"] == "application/json"
        names = [json.loads(each)["Actor"]["Attributes"]["name"] for each in answer.body.splitlines()]
        assert names == ["two", "three"]
        query = quote(json.dumps({"service": ["tw"]}))
        answer = await api.get(f"/events?until={start + 30}&filters={query}")
        assert [json.loads(each)["timeNano"] for each in answer.body.splitlines()] == [START_NS + NS_PER_S]
        refused = await api.get("/events?since=x")
        assert (refused.status, refused.message) == (
            400,
            'could not parse since timestamp: "x" is no number of seconds',
        )


async def test_what_comes(tmp_path: Path) -> None:
    """Rule 14.12.5: the head comes before an event, and each event as it is told; those that are not asked for do not."""
    async with api_at(tmp_path / "s", FakeCluster()) as api, connected(api.path) as (reader, writer):
        query = quote(json.dumps({"type": ["node"]}))
        writer.write(f"GET /events?filters={query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        async with asyncio.timeout(WAIT_S):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            api.events.tell(event("service", name="not-asked"))
            api.events.tell(event("node", name="asked"))
            assert b"not-asked" not in await reader.readuntil(b'"asked"')


# -- where they come from -----------------------------------------------------------------------


@asynccontextmanager
async def fed(
    cluster: FakeCluster, standing: Standing = MANAGER, engine: EngineClient | None = None
) -> AsyncIterator[Events]:
    """Events while they are brought."""

    async def opening(_: Path) -> Calls:
        return Link(cluster)

    told = Events()
    managers = LocalManagers(StandIn(standing), Path("control.sock"), opening)
    async with Group() as group:
        group.spawn(feed(told, managers, engine, cluster.clock), name="feed")
        try:
            yield told
        finally:
            group.cancel_all()


async def until_streams(cluster: FakeCluster) -> None:
    async with asyncio.timeout(WAIT_S):
        while not cluster.streams_open or not cluster.messages_given:
            await asyncio.sleep(0.01)


async def test_from_the_cluster() -> None:
    """Rule 14.12.4: what comes, changes and goes, also after the connection was lost."""
    cluster = FakeCluster()
    async with fed(cluster) as told, asyncio.timeout(WAIT_S):
        with told.reading(lambda _: False) as (_, following):
            await until_streams(cluster)
            network = make_network("n1", name="lan")
            cluster.put(network)
            assert ((await following())["Type"], "create") == ("network", "create")
            cluster.cut()
            cluster.messages_given = 0
            await until_streams(cluster)
            cluster.put(make_secret("s1", name="sek"))
            found = await following()
            assert (found["Type"], found["Action"], found["Actor"]["Attributes"]) == (
                "secret",
                "create",
                {"name": "sek"},
            )


async def test_from_the_engine(tmp_path: Path) -> None:
    """Rule 14.12.4: its own events as they are, those of a swarm of its own not; after a break from where it broke off."""
    asked: list[str] = []

    async def answer(exchange: Exchange) -> web.StreamResponse:
        asked.append(exchange.query["since"])
        response = web.StreamResponse()
        await exchange.start(response)
        for number in (0, 1):
            told = event(
                "container", "start", at_ns=START_NS + number + 10 * len(asked), id_=f"c{len(asked)}"
            )
            await response.write(
                json.dumps({**told, "scope": ("swarm", "local")[number], "status": "start"}).encode() + b"\n"
            )
        await response.write_eof()
        return response

    cluster = FakeCluster()
    async with face_at(tmp_path / "engine", Routes([Route("GET", "/events", answer)])):
        engine = EngineClient(f"unix://{tmp_path / 'engine'}")
        try:
            async with fed(cluster, engine=engine) as told, asyncio.timeout(WAIT_S):
                with told.reading(lambda _: False) as (_, following):
                    first, second = await following(), await following()
        finally:
            await engine.close()
    assert [(each["Actor"]["ID"], each["scope"], each["status"]) for each in (first, second)] == [
        ("c1", "local", "start"),
        ("c2", "local", "start"),
    ]
    assert asked[0] == f"{START_NS // NS_PER_S}.{START_NS % NS_PER_S:09d}"
    assert asked[1] == f"{START_NS // NS_PER_S}.{START_NS % NS_PER_S + 12:09d}"
