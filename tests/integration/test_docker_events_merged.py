"""`docker events` at our API: what happens in the cluster and on a real engine beside it, as one stream."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from swarm_agentd.engine_api.event_feed import feed
from swarm_agentd.engine_api.managers import LocalManagers
from swarm_core.api.timestamps import NS_PER_S
from swarm_core.client.calls import Calls
from swarm_core.engines.client import EngineClient
from swarm_core.runtime.tasks import Group
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.engine_clients import MANAGER, Link, StandIn, api_at
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.factories import make_network

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.timeout(180)]

LIMIT_S = 120


async def docker(socket: Path, *arguments: str) -> list[dict[str, Any]]:
    """The events that docker's command shows until it ends."""
    process = await asyncio.create_subprocess_exec(
        "docker", "-H", f"unix://{socket}", "events", "--format", "{{json .}}", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    return [json.loads(line) for line in out.splitlines()]


async def test_one_stream(engine: Engine, tmp_path: Path) -> None:
    """Rules 14.12.4 to 14.12.6: an engine's container and a cluster's network are in one replay, and filters tell them apart."""
    cluster = FakeCluster()
    beside = EngineClient(engine.url)

    async def opening(_: Path) -> Calls:
        return Link(cluster)

    managers = LocalManagers(StandIn(MANAGER), tmp_path / "control.sock", opening)
    container = ""
    try:
        async with api_at(tmp_path / "s", cluster, engine=beside) as api, Group() as group:
            # The engine's stream begins at the cluster's time. What other tests did with the engine before is more than is kept.
            cluster.now_ns = int(time.time()) * NS_PER_S
            group.spawn(feed(api.events, managers, beside, cluster.clock), name="feed")
            try:
                with api.events.reading(lambda _: False) as (_, following):
                    async with asyncio.timeout(LIMIT_S):
                        while not cluster.messages_given:
                            await asyncio.sleep(0.01)
                        cluster.put(make_network("n1", name="lan"))
                        container = await asyncio.to_thread(engine.docker, "create", IMAGE, "true")
                        seen: set[str] = set()
                        while not {"n1", container} <= seen:
                            seen.add((await following())["Actor"]["ID"])
                now = str(int(time.time()) + 1)
                cluster.now_ns = (int(now) + 1) * NS_PER_S  # whose past the whole stream then is
                both = await docker(tmp_path / "s", "--since", "0", "--until", now)
                told = {(each["Type"], each["Action"], each["scope"], each["Actor"]["ID"]) for each in both}
                assert ("network", "create", "swarm", "n1") in told
                assert ("container", "create", "local", container) in told
                only = await docker(tmp_path / "s", "--since", "0", "--until", now, "--filter", "scope=swarm")
                assert {each["Actor"]["ID"] for each in only} == {"n1"}
            finally:
                group.cancel_all()
    finally:
        await managers.close()
        await beside.close()
        if container:
            await asyncio.to_thread(engine.docker, "rm", container)
