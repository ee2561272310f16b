"""Logs of services and tasks as streams."""

import asyncio

import pytest
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_testkit.cluster_fake import log_line
from swarm_testkit.engine_clients import Api
from swarm_testkit.factories import make_node, make_service, make_task
from swarm_testkit.http_face import WAIT_S, connected


def put_two_tasks(api: Api, *, tty: bool = False) -> None:
    """A service "web" with the tasks t1 and t2 on one node, each of which has written a line."""
    service = make_service("s1", name="web")
    service.spec.task.container.tty = tty
    tasks = [
        make_task(
            f"t{slot}", service=service, slot=slot, node_id="n1", state="RUNNING", spec=service.spec.task
        )
        for slot in (1, 2)
    ]
    api.cluster.put(make_node("n1"), service, *tasks)
    api.cluster.log_lines(log_line(tasks[0], "one"), log_line(tasks[1], "two", is_stderr=True))


def frame(stream: int, line: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(line).to_bytes(4, "big") + line


async def test_lines_come_in_frames_of_their_streams(api: Api) -> None:
    """Each line is a frame; one task's logs are its own (docs/design/engine-api.md E14.1)."""
    put_two_tasks(api)
    both = await api.get("/services/web/logs?stdout=1&stderr=1")
    assert both.status == 200
    assert both.headers["content-type"] == "application/vnd.docker.multiplexed-stream"
    assert sorted((frame(1, b"one\n"), frame(2, b"two\n"))) == sorted((both.body[:12], both.body[12:]))
    assert (await api.get("/tasks/t2/logs?stdout=1&stderr=1")).body == frame(2, b"two\n")
    old = await api.get("/v1.41/tasks/t1/logs?stdout=1&details=1")
    assert old.headers["content-type"] == "application/vnd.docker.raw-stream"
    assert b"com.docker.swarm.task.id=t1 one\n" in old.body


async def test_a_terminals_bytes_have_no_frames(api: Api) -> None:
    """What a terminal showed is sent as it is (docs/design/engine-api.md E14.1)."""
    put_two_tasks(api, tty=True)
    answer = await api.get("/tasks/t1/logs?stdout=1")
    assert (answer.headers["content-type"], answer.body) == ("application/vnd.docker.raw-stream", b"one\n")


async def test_what_makes_no_sense_is_refused_before_the_stream(api: Api) -> None:
    """No stream chosen, a wrong tail, and nothing of that name are errors (docs/design/engine-api.md E14.2)."""
    put_two_tasks(api)
    none, tail, missing = (
        await api.get("/services/web/logs"),
        await api.get("/services/web/logs?stdout=1&tail=x"),
        await api.get("/services/nobody/logs?stdout=1"),
    )
    assert (none.status, none.message) == (400, "Bad parameters: you must choose at least one stream")
    assert (tail.status, missing.status, missing.message) == (400, 404, "service nobody not found")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (CallFailed("UNKNOWN", "incomplete"), b"rpc error: code = Unknown desc = incomplete\n"),
        (Unreachable("the manager is gone"), b"the manager is gone\n"),
    ],
)
async def test_a_later_error_is_a_line_of_the_stream(api: Api, error: BaseException, text: bytes) -> None:
    """A stream that has begun tells in itself what went wrong (docs/design/engine-api.md E14.3)."""
    put_two_tasks(api)
    api.cluster.fail_next("Logs.SubscribeLogs", error)
    answer = await api.get("/services/web/logs?stdout=1")
    assert (answer.status, answer.body) == (200, frame(3, b"Error grabbing logs: " + text))


async def test_a_follower_has_its_answer_at_once_and_lines_as_they_come(api: Api) -> None:
    """The head comes before any line; a client that leaves ends the subscription (docs/design/engine-api.md E14.2, E14.4)."""
    service = make_service("s1", name="web")
    task = make_task("t1", service=service, slot=1, node_id="n1", state="RUNNING")
    api.cluster.put(make_node("n1"), service, task)
    async with asyncio.timeout(WAIT_S):
        async with connected(api.path) as (reader, writer):
            writer.write(b"GET /services/web/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
            while not api.cluster.streams_open:
                await asyncio.sleep(0)
            for word in ("early", "late"):
                api.cluster.log_lines(log_line(task, word))
                assert (await reader.readuntil(word.encode() + b"\n")).endswith(
                    frame(1, word.encode() + b"\n")
                )
        while api.cluster.streams_open:
            await asyncio.sleep(0)
