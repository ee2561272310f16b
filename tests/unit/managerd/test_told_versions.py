"""What a manager tells its daemon of changes, without a call (docs/design/store.md 1.11)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from swarm_core.api import store_versions
from swarm_core.api.proto.objects_pb2 import Config, Node
from swarm_core.managerd.told_versions import ToldVersions, announced
from swarm_core.runtime.clock import SystemClock
from swarm_core.runtime.shared_numbers import SharedNumbers
from swarm_core.store.memory import MemoryStore
from swarm_core.store.tables import SCHEMAS
from swarm_testkit.factories import make_config

CONFIG, NODE = store_versions.PLACE_OF[Config], store_versions.PLACE_OF[Node]


@dataclass
class Leading:
    """Who leads, and where calls go."""

    leads: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def become(self, *, leader: bool) -> None:
        self.leads = leader
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


def read(path: Path) -> SharedNumbers:
    return SharedNumbers.read(path, store_versions.COUNT)


@asynccontextmanager
async def running(told: ToldVersions, leading: Leading) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(told.run(leading, leading, SystemClock()))  # type: ignore[arg-type]
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_every_kind_has_a_place() -> None:
    """Of its own: 1.11.1."""
    assert {schema.kind for schema in SCHEMAS} == set(store_versions.PLACE_OF)


async def test_a_change_is_told_with_its_version(tmp_path: Path) -> None:
    """Of the kinds that it changes, before its writer goes on: 1.11.2. So is what a snapshot restores."""
    path = tmp_path / "versions"
    store, told = MemoryStore(clock=SystemClock()), ToldVersions(path, Random(1))
    store.tell_changed = told.changed
    await store.update(lambda tx: tx.create(make_config("a")))
    numbers = read(path)
    assert (numbers[CONFIG], numbers[NODE]) == (store.version, 0)
    await store.update(lambda tx: tx.create(Node(id="n")))
    assert (numbers[CONFIG], numbers[NODE]) == (store.version - 1, store.version)
    restored = MemoryStore(clock=SystemClock())
    restored.tell_changed = told.changed
    restored.restore(40, store.snapshot()())
    assert (numbers[CONFIG], numbers[NODE]) == (40, 40)


async def test_who_does_not_lead_says_so(tmp_path: Path) -> None:
    """When it begins to lead, when it is told that it does not any more, and at its end, when the file goes: 1.11.3."""
    path, leading, heard = tmp_path / "versions", Leading(), list[tuple[bool, int]]()
    told = ToldVersions(path, Random(1))
    numbers = read(path)
    announce = announced(told, lambda leads: heard.append((leads, numbers[store_versions.LEADS])))
    async with running(told, leading):
        await asyncio.sleep(0)
        assert not numbers[store_versions.LEADS]
        leading.become(leader=True)
        while not numbers[store_versions.LEADS]:
            await asyncio.sleep(0)
        announce(False)
        assert heard == [(False, 0)]
        leading.become(leader=True)
        while not numbers[store_versions.LEADS]:
            await asyncio.sleep(0)
    assert not numbers[store_versions.LEADS]
    assert not path.exists()


def test_two_managers_never_look_alike(tmp_path: Path) -> None:
    """Their numbers may be those of two clusters: 1.11.4."""
    lives = []
    for seed in range(2):
        ToldVersions(tmp_path / "versions", Random(seed))
        lives.append(read(tmp_path / "versions")[store_versions.LIFE])
    assert lives[0] != lives[1]
