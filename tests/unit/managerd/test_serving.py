"""When a manager that starts again answers people."""

import asyncio
import logging
import random
from pathlib import Path

import pytest
from swarm_agentd.node.identity import found_cluster
from swarm_agentd.node.state_dir import open_state
from swarm_core.api.proto.objects_pb2 import Cluster, Config
from swarm_core.managerd import wiring
from swarm_core.managerd.config import parse
from swarm_core.managerd.wiring import ManagerDaemon
from swarm_core.runtime.clock import SystemClock
from swarm_core.runtime.tasks import Group
from swarm_core.store.transactions import Transaction

CLOCK = SystemClock()


def started(state: Path, group: Group) -> tuple[ManagerDaemon, asyncio.Event]:
    """A manager of this state directory, and what is set when its control socket serves."""
    config = parse(["-d", str(state), "--listen-control-api", str(state / "c.sock")])
    daemon = ManagerDaemon(config, CLOCK, random.SystemRandom(), kek=None, tell=lambda *_: None)
    serving = asyncio.Event()
    daemon.on_serving = serving.set
    group.spawn(daemon.run(), name="manager")
    return daemon, serving


async def test_people_are_answered_before_the_leader_s_loops_are_ready(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sole manager that starts again serves all that is committed while what only a leader runs still takes over; nothing
    had to time out for that."""
    monkeypatch.setattr(wiring, "_LEAD_WAIT_S", 100.0)  # a disk that is busy delays the election
    state = tmp_path / "s"
    found_cluster(open_state(state), CLOCK, random.SystemRandom())
    async with asyncio.timeout(150):
        async with Group() as group:
            daemon, serving = started(state, group)
            await serving.wait()

            def create(transaction: Transaction) -> None:
                for number in range(20):
                    config = Config(id=f"c{number}")
                    config.spec.annotations.name = config.id
                    transaction.create(config)

            await daemon._store.update(create)
            group.cancel_all()
        with caplog.at_level(logging.WARNING):
            async with Group() as group:
                daemon, serving = started(state, group)
                taking_over = asyncio.Event()

                async def take_over_for_ever() -> None:
                    taking_over.set()
                    await asyncio.get_running_loop().create_future()

                daemon._manager._prepare = take_over_for_ever
                await serving.wait()
                assert len(daemon._store.find(Config)) == 20 and len(daemon._store.find(Cluster)) == 1
                await taking_over.wait()
                assert not daemon._manager.is_leading
                group.cancel_all()
    assert "no leader" not in caplog.text
