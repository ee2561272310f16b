"""A manager whose figures are told: what it tells, and that the page and the dashboard know the same names."""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from swarm_agentd.node.identity import found_cluster
from swarm_agentd.node.state_dir import open_state
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import RUNNING, STARTING
from swarm_core.api.timestamps import timestamp
from swarm_core.http.hosts import UnixHost
from swarm_core.managerd.config import parse
from swarm_core.managerd.measured import APPLIED_BEHIND_MAX, Measured, checks
from swarm_core.managerd.meters import Watched
from swarm_core.managerd.wiring import ManagerDaemon
from swarm_core.runtime.clock import SystemClock
from swarm_core.runtime.tasks import Group
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction
from swarm_testkit.figures import listed, series_names

CLOCK = SystemClock()
DASHBOARD = Path(__file__).parents[3] / "docs" / "grafana" / "swarm-tui.json"
_NEVER_A_USERS_WORD = re.compile(r"[A-Za-z0-9_.+]*")


@asynccontextmanager
async def manager(state: Path, *, measured: bool = True) -> AsyncIterator[ManagerDaemon]:
    """A sole manager that serves, with figures at `m.sock`."""
    found_cluster(open_state(state), CLOCK, random.SystemRandom())
    config = parse(["-d", str(state), "--listen-control-api", str(state / "c.sock")])
    meters = Measured(UnixHost(state / "m.sock"), CLOCK) if measured else None
    daemon = ManagerDaemon(
        config, CLOCK, random.SystemRandom(), kek=None, tell=lambda *_: None, meters=meters
    )
    serving = asyncio.Event()
    daemon.on_serving = serving.set
    async with asyncio.timeout(150), Group() as group:
        group.spawn(daemon.run(), name="manager")
        await serving.wait()
        yield daemon
        group.cancel_all()


async def ask(state: Path, path: str) -> tuple[int, str]:
    """Status and body."""
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(state / "m.sock"))) as session:
        async with session.get(f"http://x{path}") as answer:
            return answer.status, await answer.text()


async def figures(state: Path) -> dict[str, Metric]:
    """All families, by the name that their series have."""
    _, text = await ask(state, "/metrics")
    found = {}
    for family in text_string_to_metric_families(text):
        found[family.name + "_total" if family.type == "counter" else family.name] = family
    return found


def value(found: dict[str, Metric], name: str, **labels: str) -> float:
    """Of one series, whose own name it is."""
    for family in found.values():
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    raise LookupError(name)


def run_a_task(transaction: Transaction) -> None:
    """One that began to run two seconds after it was made."""
    task = Task(id="t1", service_id="secret name of a user")
    task.status.state = STARTING
    task.annotations.name = "secret name of a user"
    transaction.create(task)


async def test_what_a_manager_tells(tmp_path: Path) -> None:
    """Every figure of the page that is a manager's, with its type and labels, and no other; labels hold no word of a user; a write, a sync, an
    applied entry and a start are counted; it is ready."""
    async with manager(tmp_path / "s") as daemon:
        store = daemon._store
        before = await figures(tmp_path / "s")
        await store.update(run_a_task)

        def start(transaction: Transaction) -> None:
            task = Task()
            task.CopyFrom(transaction.get(Task, "t1"))
            task.status.state = RUNNING
            task.status.applied_at.CopyFrom(timestamp(CLOCK.wall_ns() + 2_000_000_000))
            transaction.update(task)

        with store.subscribe(Task) as changes:
            await store.update(start)
            await changes.next()
        while not daemon._manager.is_leading:
            await CLOCK.sleep(0)
        after = await figures(tmp_path / "s")
        # What its loops write may be committed and not applied yet.
        while value(after, "swarm_raft_applied_index") != value(after, "swarm_raft_commit_index"):
            after = await figures(tmp_path / "s")
        assert await ask(tmp_path / "s", "/readyz") == (
            200,
            "".join(
                f"[+]{name} ok\n" for name in ("raft", "leader", "applied", "store", "control", "leading")
            )
            + "ready\n",
        )
    managers = {
        name: row
        for name, row in listed().items()
        if not name.startswith(("swarm_node_", "swarm_agent_", "process_"))
    }
    # Nobody called this manager yet: its calls have no series, only a name.
    assert {name: family.type for name, family in after.items()} == {
        name: kind for name, (kind, _) in managers.items()
    }
    for name, family in after.items():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels <= managers[name][1], name
        for sample in family.samples:
            texts = [text for label, text in sample.labels.items() if label != "le"]
            assert all(_NEVER_A_USERS_WORD.fullmatch(text) for text in texts), sample
    for name in (
        "swarm_store_write_tx_latency_seconds",
        "swarm_raft_transaction_latency_seconds",
        "swarm_raft_apply_seconds",
    ):
        assert value(after, f"{name}_count") >= value(before, f"{name}_count") + 2
    assert value(after, "swarm_raft_fsync_seconds_count") > value(before, "swarm_raft_fsync_seconds_count")
    assert value(after, "swarm_manager_tasks_total", state="running") == 1
    assert value(after, "swarm_dispatcher_scheduling_delay_seconds_count") == 1
    assert value(after, "swarm_raft_applied_index") == value(after, "swarm_raft_commit_index") > 0
    assert value(after, "swarm_manager_leader") == value(after, "swarm_raft_has_leader") == 1


async def test_who_is_not_asked_measures_nothing(tmp_path: Path) -> None:
    """The parts are the plain ones, and nothing listens."""
    async with manager(tmp_path / "s", measured=False) as daemon:
        assert type(daemon._store) is MemoryStore
        assert daemon._meters.synced is daemon._meters.calls is daemon._meters.decided is None
        assert not (tmp_path / "s" / "m.sock").exists()


async def test_a_manager_that_is_not_ready_says_why(tmp_path: Path) -> None:
    """Without a leader, behind with its log, without the control socket, not yet a member: a check names each."""
    async with manager(tmp_path / "s") as daemon:
        raft = daemon._raft
        watched = Watched(daemon._store, raft, daemon._parts, lambda: daemon._identity, lambda: False)

        def failing() -> list[str]:
            return [one.name for one in checks(watched) if not one.is_fine]

        while not daemon._manager.is_leading:
            await CLOCK.sleep(0)
        assert failing() == ["control"]
        raft._applier.index -= APPLIED_BEHIND_MAX + 1
        assert failing() == ["applied", "control"]
        raft._applier.index += APPLIED_BEHIND_MAX + 1
        daemon._manager._leading.clear()
        assert failing() == ["control", "leading"]
        raft._core.standing.is_removed = True
        assert failing() == ["raft"]
        raft._core.standing.is_removed = False


def test_the_dashboard_asks_for_what_there_is() -> None:
    """Every name in its queries is a series of the page, and it shows every figure but a few that are for other eyes."""
    board = json.loads(DASHBOARD.read_text())
    panels = board["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    queries += [one["query"] for one in board["templating"]["list"]]
    used = {name for query in queries for name in re.findall(r"\b(?:swarm|grpc_server|process)_\w+", query)}
    assert used - series_names() == set()
    shown = {name for name in listed() if used & {name, f"{name}_bucket", f"{name}_count"}}
    assert listed().keys() - shown == {
        "swarm_node_manager", "swarm_node_manager_serving", "swarm_agent_queued_reports", "swarm_agent_tasks", "swarm_raft_last_index",
        "swarm_manager_certificate_expiry_timestamp_seconds", "swarm_manager_process_virtual_memory_bytes",
        "swarm_manager_process_start_time_seconds", "process_virtual_memory_bytes", "process_start_time_seconds", "process_open_fds",
        "process_max_fds",
    }  # fmt: skip
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    assert all(panel["title"] for panel in panels)
