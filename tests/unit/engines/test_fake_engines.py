"""The faults of fake engines, and many of them at once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from swarm_core.engines.client import EngineClient
from swarm_core.engines.errors import EngineAway
from swarm_core.runtime.tasks import Group
from swarm_testkit.fake_engines.engine import FakeEngine
from swarm_testkit.fake_engines.serving import FakeEngines, fake_engines


@asynccontextmanager
async def some(count: int = 1, containers: int = 0) -> AsyncIterator[FakeEngines]:
    with TemporaryDirectory(prefix="fe-") as directory:
        async with fake_engines(Path(directory), count, containers=containers) as engines:
            yield engines


async def answer(engine: FakeEngine, target: str = "/info") -> tuple[int, bytes]:
    """Status and body. Raises EngineAway."""
    client = EngineClient(engine.url)
    try:
        async with client.request("GET", target) as response:
            return response.status, await response.read()
    finally:
        await client.close()


async def test_many_engines_are_strangers_to_each_other() -> None:
    """Each has an id, a name and containers of its own."""
    async with some(3, containers=10) as engines:
        infos = [json.loads((await answer(engine))[1]) for engine in engines]
        assert len({info["ID"] for info in infos}) == 3
        assert [info["Name"] for info in infos] == ["host-0", "host-1", "host-2"]
        assert [(info["Containers"], info["ContainersRunning"]) for info in infos] == [(10, 9)] * 3


async def test_engines_may_listen_on_ports() -> None:
    """Without a directory they are reached over TCP."""
    async with fake_engines(None, 2) as engines:
        assert all(engine.url.startswith("tcp://127.0.0.1:") for engine in engines)
        ids = [json.loads((await answer(engine))[1])["ID"] for engine in engines]
        assert ids == [engine.id for engine in engines]


async def test_an_engine_that_vanishes_takes_its_connections_with_it() -> None:
    """Streams break off, nobody answers, until it comes back with what it had."""
    async with some() as engines:
        client = EngineClient(engines[0].url)
        with pytest.raises(EngineAway):
            async with client.request("GET", "/events") as stream:
                await engines.vanish(0)
                await stream.read()
        await client.close()
        with pytest.raises(EngineAway):
            await answer(engines[0])
        await engines.come_back(0)
        assert json.loads((await answer(engines[0]))[1])["ID"] == engines[0].id


async def test_an_engine_that_hangs_answers_later() -> None:
    """It takes the request, and answers when it hangs no longer."""
    async with some() as engines:
        engines.hang(0)
        async with Group() as group:
            asked = group.spawn(answer(engines[0]), name="asked")
            while not engines[0].counters.requests:
                await asyncio.sleep(0)
            assert not asked.done()
            engines.hang(0, hangs=False)
            assert (await asked)[0] == 200


@pytest.mark.parametrize("garbage", ["bytes", "half"])
async def test_what_is_no_http_is_garbage_to_a_client(garbage: Any) -> None:
    """A client finds no answer in it."""
    async with some() as engines:
        engines[0].faults.garbage = garbage
        with pytest.raises(EngineAway):
            await answer(engines[0])


async def test_garbage_may_be_well_formed() -> None:
    """A page of a web server; JSON of another shape; an error for everything."""
    async with some() as engines:
        faults = engines[0].faults
        faults.garbage = "html"
        assert b"<html>" in (await answer(engines[0]))[1]
        faults.garbage = "json"
        assert "zork" in json.loads((await answer(engines[0]))[1])
        faults.garbage, faults.error = "", 503
        assert await answer(engines[0]) == (503, b'{"message":"the fake engine fails"}\n')


async def test_an_engine_may_have_another_clock_version_and_id() -> None:
    """An hour ahead, too old, and another one's id."""
    async with some(2) as engines:
        first, second = engines[0], engines[1]
        second.faults.skew_s = 3600
        second.id = first.id
        second.about.api = "1.12"
        infos = [json.loads((await answer(engine))[1]) for engine in engines]
        assert infos[0]["ID"] == infos[1]["ID"]
        at = [datetime.fromisoformat(info["SystemTime"]) for info in infos]
        assert 3590 < (at[1] - at[0]).total_seconds() < 3900
        assert (await answer(second, "/v1.24/info"))[0] == 400
