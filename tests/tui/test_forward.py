"""Ports of this machine that lead to tasks, from the dashboard (docs/design/exec.md 15.4.5)."""

import asyncio
import re

from swarm_core.api.proto import raft_status_pb2
from swarm_testkit.dashboard import running


async def test_a_port_is_opened_listed_and_closed(cluster):
    """F asks which port, says which one leads there now, and lists it with a way to close it; a connection that comes to nothing is told."""
    cluster.raft = raft_status_pb2.GetRaftStatusResponse(term=1)
    async with running(cluster) as run:
        await run.press("3", "F")
        await run.shows("Port of api")
        await run.type("nonsense")
        await run.shows("is no port: write 80")
        await run.press(*["backspace"] * len("nonsense"))
        await run.type(":80")
        await run.press("enter")
        await run.shows("leads to port 80 of api")
        port = int(re.search(r"127\.0\.0\.1:(\d+)", run.text)[1])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        await run.shows("Could not connect")
        writer.close()
        await run.press("F")
        await run.shows(f"close  127.0.0.1:{port} → port 80 of api  0 open, 1 in all")
        await run.press("down", "enter")
        await run.shows(f"127.0.0.1:{port} is closed")
        await run.press(":")
        await run.type("forwards")
        await run.press("enter")
        await run.shows("No port leads to a task")
        assert not run.screen.desk.forwards.lines()


async def test_why_there_is_none(cluster):
    """Under a Docker leader one sentence says so; a level that is too low is named."""
    cluster.raft = None
    async with running(cluster) as run:
        await run.press(":")
        await run.type("forward svc/api 8080:80")
        await run.press("enter")
        await run.shows("a Docker Engine leads")
        await run.press(":")
        await run.type("level 2")
        await run.press("enter", "3", "F")
        await run.shows("it needs level 3")
