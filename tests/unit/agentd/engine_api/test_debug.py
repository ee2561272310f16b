"""`/debug/vars`: what a daemon that is debugged tells of itself (docs/design/engine-api.md E18.1)."""

import logging

import pytest
from swarm_testkit.engine_clients import Api


async def test_tasks_and_threads_are_told_with_their_places(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """A task's place is told from its coroutine inwards to what it waits for."""
    caplog.set_level(logging.DEBUG)
    found = (await api.get("/debug/vars")).json
    assert found["process"]["memory_bytes"] > 0
    assert found["node"] == {"state": "active", "is_manager": True, "serves": True}
    assert found["engine"] == {"answers": False, "newest": "1.47"}
    assert found["events"] == {"kept": 0, "readers": 0}
    stacks = found["stacks"]
    assert found["tasks"] == len(stacks["tasks"])
    places = [place for task in stacks["tasks"] for place in task["at"]]
    assert any(
        place.startswith("swarm_testkit.http_face:") and place.endswith(" ask_raw") for place in places
    )
    (here,) = [thread["at"] for thread in stacks["threads"] if thread["name"] == "MainThread"]
    assert here[-1].endswith(" variables")


async def test_it_is_not_there_unless_debugging_is_on(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """And `pprof`, which is Go's, never is."""
    caplog.set_level(logging.INFO)
    for target in ("/debug/vars", "/v1.41/debug/vars", "/debug/pprof/", "/debug/pprof/heap"):
        answer = await api.get(target)
        assert (answer.status, answer.message) == (404, "page not found")
