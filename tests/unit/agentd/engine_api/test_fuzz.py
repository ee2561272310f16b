"""Malformed requests: a share of what `make fuzz-api` sends."""

import asyncio
from pathlib import Path

from swarm_testkit.api_fuzz import hunt, hunted_cluster, judge, play, request_of, status_of
from swarm_testkit.engine_clients import api_at


async def test_malformed_requests_break_nothing(tmp_path: Path) -> None:
    """Wrong shapes and wrong bytes are answered in HTTP, leave nothing behind and change nothing else (docs/design/engine-api.md E2.4, E4.7, E4.11)."""
    before = len(asyncio.all_tasks())
    report = await hunt(tmp_path / "s", range(800))
    assert report.broken == []
    assert {200, 400, 404} <= set(report.statuses)
    assert len(asyncio.all_tasks()) == before


def test_a_seed_makes_one_request() -> None:
    """What is found can be found again."""
    assert [request_of(seed) for seed in range(50)] == [request_of(seed) for seed in range(50)]


def test_a_broken_promise_is_seen() -> None:
    """No answer, no HTTP, another status, a mistake of ours, and a failure that nobody means."""
    for answer in (
        b"",
        b"hello\r\n",
        b"HTTP/1.1 599 X\r\n\r\n",
        b'HTTP/1.1 500 X\r\n\r\n{"message":"internal error"}',
        b'HTTP/1.1 500 X\r\n\r\n{"message":"rpc error: code = Unknown desc = name conflicts"}',
    ):
        assert judge(answer, is_whole=True)
    assert not judge(b"", is_whole=False)
    assert not judge(b"HTTP/1.1 404 Not Found\r\n\r\n", is_whole=True)


async def test_a_request_that_is_not_whole_ends(tmp_path: Path) -> None:
    """The end of a stream ends what waits for the rest of it."""
    async with api_at(tmp_path / "s", hunted_cluster()):
        assert status_of(await play(tmp_path / "s", b"GET /_ping HT", is_whole=False)) in (0, 400)
