"""A cluster's life in front of the dashboard: no update is lost, and the journal keeps its bound. `benchmarks/day.py` is a whole day."""

from pathlib import Path

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.day import day
from swarm_testkit.factories import make_task

BYTES_MAX = 1 << 20


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_update_is_lost(seed: int, tmp_path: Path) -> None:
    """After hours with rollouts, lost nodes, broken streams and lost histories the mirror is the store, object for object, and so is the
    journal's newest moment."""
    async with day(seed, tmp_path, bytes_max=BYTES_MAX) as one:
        for _ in range(2):
            await one.pass_hour()
            assert one.differing() == []
            assert one.journal_bytes() <= BYTES_MAX
        assert await one.differing_in_journal() == []
        assert one.life.changes > 1000
        assert one.life.cuts


async def test_a_lost_update_would_be_seen(tmp_path: Path) -> None:
    """What compares mirror and store names the object that only one of them has, or that they hold differently."""
    async with day(3, tmp_path, bytes_max=BYTES_MAX) as one:
        assert one.differing() == []
        tasks = one.run.app._session.mirror._objects[objects_pb2.Task]
        gone, other, *_ = sorted(tasks)
        del tasks[gone]
        tasks[other] = make_task(other)
        assert one.differing() == [f"Task {gone}", f"Task {other}"]
