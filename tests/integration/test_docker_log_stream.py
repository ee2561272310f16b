"""Bytes of a log stream beside a real engine in swarm mode: of the same messages we make what the engine sends."""

import asyncio
import time
from collections.abc import Callable

import pytest
from swarm_agentd.engine_api import log_stream
from swarm_core.api.proto import logbroker_pb2, objects_pb2
from swarm_core.api.proto.types_pb2 import COMPLETE
from swarm_core.client.cluster import Cluster
from swarm_core.client.sockets import Candidate
from swarm_testkit.engine_http import ask, ask_raw
from swarm_testkit.engines import IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.timeout(300)]

LIMIT_S = 120
LINES = "echo one; echo zwei=ä >&2; printf 'no end'"


def read(engine: Engine, service: str) -> tuple[list[logbroker_pb2.LogMessage], bool]:
    """The service's lines from the managers, and whether its task has ended."""

    async def run() -> tuple[list[logbroker_pb2.LogMessage], bool]:
        cluster = await Cluster.open(Candidate(engine.control_socket, "test"))
        try:
            tasks = await cluster.control.find(objects_pb2.Task, service_ids=[service])
            selector = logbroker_pb2.LogSelector(service_ids=[service])
            options = logbroker_pb2.LogSubscriptionOptions(
                streams=[1, 2]
            )  # this engine ends itself without any
            request = logbroker_pb2.SubscribeLogsRequest(selector=selector, options=options)
            messages = []
            async with asyncio.timeout(60):
                async for batch in cluster.calls.stream("Logs.SubscribeLogs", request):
                    messages += batch.messages
            return messages, any(task.status.state == COMPLETE for task in tasks)
        finally:
            await cluster.close()

    return asyncio.run(run())


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("is_tty", [False, True])
def test_the_same_bytes(swarm_engine: Engine, is_tty: bool) -> None:
    """Rule 14.11.2: frames, times and details of lines on both streams, one of them without an end, and of a terminal."""
    engine = swarm_engine
    spec = {"Image": IMAGE, "Command": ["sh", "-c", LINES], "TTY": is_tty, "Labels": {"k": "v"}}
    body = {
        "TaskTemplate": {
            "ContainerSpec": spec,
            "RestartPolicy": {"Condition": "none"},
            "LogDriver": {"Name": "json-file", "Options": {"labels": "k"}},
        }
    }
    service = ask(engine.socket, "POST", "/v1.41/services/create", body).body["ID"]
    try:
        until(lambda: read(engine, service)[1])
        for switches in ({}, {"timestamps": "1"}, {"details": "1"}, {"timestamps": "true", "details": "yes"}):
            query = {"stdout": "1", "stderr": "1", **switches}
            asked = log_stream.log_request(query, lambda name, query=query: bool(query.get(name)))  # type: ignore[misc]
            sent = [log_stream.encoded(each, asked, is_tty=is_tty) for each in read(engine, service)[0]]
            assert len(sent) == 3
            parameters = "&".join(f"{name}={value}" for name, value in query.items())
            answer = ask_raw(engine.socket, f"/v1.41/services/{service}/logs?{parameters}")
            assert sorted(answer) == sorted(b"".join(sent))
            assert all(each in answer for each in sent)
    finally:
        ask(engine.socket, "DELETE", f"/v1.41/services/{service}")
