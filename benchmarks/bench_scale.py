"""What each further node, task and watcher costs a manager: memory, processor time, snapshot, restart, list and watch (docs/scale.md).

    bench_scale.py [--nodes N]… [--tasks N]… [--watchers N]… [--memory-gib 8]

Without arguments a small form, as part of `make bench`; `--nodes 100 --nodes 1000 --nodes 10000 --tasks 100000 --tasks 1000000 --watchers 1000` is the whole. Every
case is a process of its own whose memory is bounded: the store with its tables and indexes, filled by transactions as a leader fills it, without raft,
sessions and sockets, which other benchmarks measure. One JSON line a case, and slopes behind them. Processor time, not the clock's: others may use the machine.
"""

import argparse
import asyncio
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from swarm_core.api.proto import control_pb2, objects_pb2, types_pb2, watch_pb2
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.manager.control_api.parts import control_handlers
from swarm_core.manager.parts import PLAIN_ERRORS
from swarm_core.manager.watch_api import WatchApi
from swarm_core.rpc.server import Services
from swarm_core.runtime.garbage import keep_what_is_loaded, look_seldom
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.factories import make_node, make_service, make_task
from swarm_testkit.in_process import find
from swarm_testkit.leader import Leader
from swarm_testkit.sole_manager import OPERATOR

_TOGETHER = 1_000
_PER_SERVICE = 1_000
_CHANGES = 200
# An answer with more tasks takes as much memory again as the store.
_LISTED_MAX = 200_000
_SMALL = ((100, 0, 0), (100, 2_000, 0), (100, 10_000, 0), (1_000, 10_000, 0), (100, 2_000, 100))


def rss() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def taken(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time, and the result."""
    begin = time.process_time()
    result = work()
    return round(time.process_time() - begin, 4), result


async def fill(store: MemoryStore, items: Any) -> float:
    """Write these in transactions; seconds of processor time."""
    begin = time.process_time()
    for some in iter(lambda: list(itertools.islice(items, _TOGETHER)), []):

        def step(transaction: Transaction, some: list[Any] = some) -> None:
            for item in some:
                transaction.create(item)

        await store.update(step)
    return round(time.process_time() - begin, 3)


def tasks(count: int, nodes: int) -> Any:
    """Running tasks, a thousand a service, spread over the nodes."""
    service = None
    for number in range(count):
        if number % _PER_SERVICE == 0:
            service = make_service(
                f"s{number // _PER_SERVICE}", name=f"app-{number // _PER_SERVICE}", replicas=_PER_SERVICE
            )
        node = f"n{number % max(nodes, 1)}"
        yield make_task(
            f"{number:025}", service=service, slot=number % _PER_SERVICE + 1, node_id=node, state="RUNNING"
        )


async def case(nodes: int, count: int, watchers: int, snapshot: Path) -> dict[str, Any]:
    """Fill a store, and measure what can be asked of it."""
    leader = Leader()
    store = leader.store
    before = rss()
    node_cpu = await fill(store, (make_node(f"n{one}", hostname=f"node-{one}") for one in range(nodes)))
    of_nodes = rss()
    await fill(
        store,
        (
            make_service(f"s{one}", name=f"app-{one}", replicas=_PER_SERVICE)
            for one in range(-(-count // _PER_SERVICE))
        ),
    )
    task_cpu = await fill(store, tasks(count, nodes))
    of_tasks = rss()
    lists = await _lists(leader, count)
    snapshot_cpu, data = taken(store.snapshot())
    snapshot.write_bytes(data)
    watch_us = await _watched(leader, watchers)
    return {
        "nodes": nodes, "tasks": count, "watchers": watchers,
        "base_mib": round(before / 2**20, 1), "mib": round(rss() / 2**20, 1), "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "node_bytes": (of_nodes - before) // max(nodes, 1), "node_write_us": round(node_cpu / max(nodes, 1) * 1e6, 1),
        "task_bytes": (of_tasks - of_nodes) // max(count, 1), "task_write_us": round(task_cpu / max(count, 1) * 1e6, 1),
        "snapshot_mb": round(len(data) / 1e6, 2), "snapshot_s": snapshot_cpu, **lists, "change_us": watch_us,
    }  # fmt: skip


def _services(leader: Leader) -> Services:
    handlers = control_handlers(
        leader.store, leader.clock, leader.rng, members=dict, can_remove=lambda raft_id: True, external=ExternalCas(_nobody)
    )  # fmt: skip
    services = Services(plain=PLAIN_ERRORS)
    services.add(control_pb2.DESCRIPTOR.services_by_name["Control"], *handlers)
    services.add(watch_pb2.DESCRIPTOR.services_by_name["Watch"], WatchApi(leader.store))
    return services


def _nobody() -> Any:
    raise AssertionError("nobody asks an external authority")


async def _lists(leader: Leader, count: int) -> dict[str, float]:
    """Seconds of processor time for the handler's answer and its bytes, and for the first list of a service: it makes the index."""
    services, found = _services(leader), {}
    of_service = control_pb2.ListTasksRequest()
    of_service.filters.service_ids.append("s0")
    asked: tuple[tuple[str, str, Message], ...] = (
        ("first_list_s", "Control.ListTasks", of_service),
        ("list_nodes_s", "Control.ListNodes", control_pb2.ListNodesRequest()),
        ("list_service_s", "Control.ListTasks", of_service),
        ("list_all_s", "Control.ListTasks", control_pb2.ListTasksRequest()),
    )
    for name, method, request in asked:
        if method == "Control.ListTasks" and request is not of_service and count > _LISTED_MAX:
            continue
        begin = time.process_time()
        answer = await find(services, method).call(request, OPERATOR)
        if isinstance(answer, Message):
            answer = answer.SerializeToString()
        found[name] = round(time.process_time() - begin, 4)
    return found


async def _watched(leader: Leader, watchers: int) -> float:
    """Microseconds of processor time a change, with so many watchers of everything, who read."""
    services = _services(leader)

    async def watch() -> None:
        request = watch_pb2.WatchRequest(entries=[watch_pb2.WatchRequest.WatchEntry(kind="node", action=7)])
        async with aclosing(find(services, "Watch.Watch").call(request, OPERATOR)) as messages:
            async for _ in messages:
                pass

    waiting = [asyncio.ensure_future(watch()) for _ in range(watchers)]
    for _ in range(5):
        await asyncio.sleep(0)
    begin = time.process_time()
    for number in range(_CHANGES):

        def step(transaction: Transaction, number: int = number) -> None:
            node = objects_pb2.Node()
            held = transaction.get(objects_pb2.Node, "n0")
            assert held is not None
            node.CopyFrom(held)
            node.status.message = str(number)
            node.status.state = types_pb2.NodeStatus.READY
            transaction.update(node)

        await leader.store.update(step)
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    used = time.process_time() - begin
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return round(used / _CHANGES * 1e6, 1)


def restart(path: Path) -> dict[str, Any]:
    """What a start does with the snapshot: seconds of processor time, and memory then."""
    leader = Leader()
    data = path.read_bytes()
    seconds, _ = taken(lambda: leader.store.restore(1, data))
    return {"restore_s": seconds, "restored_mib": round(rss() / 2**20, 1)}


def _own_process(memory_gib: float, *words: str) -> dict[str, Any]:
    bound = int(memory_gib * 2**30)
    done = subprocess.run(
        [sys.executable, __file__, *words],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (bound, bound)),
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _slopes(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Between the least and the most of one thing, the others as they are: what one more costs."""
    found = []
    for what, fixed in (
        ("nodes", ("tasks", "watchers")),
        ("tasks", ("nodes", "watchers")),
        ("watchers", ("nodes", "tasks")),
    ):
        groups: dict[Any, list[dict[str, Any]]] = {}
        for one in cases:
            groups.setdefault(tuple(one[name] for name in fixed), []).append(one)
        for key, group in groups.items():
            low, high = min(group, key=lambda one: one[what]), max(group, key=lambda one: one[what])
            more = high[what] - low[what]
            if more:
                found.append({
                    "one more of": what, **dict(zip(fixed, key, strict=True)),
                    "bytes": round((high["mib"] - low["mib"]) * 2**20 / more), "snapshot_bytes": round((high["snapshot_mb"] - low["snapshot_mb"]) * 1e6 / more),
                    "restore_us": round((high["restore_s"] - low["restore_s"]) * 1e6 / more, 2), "list_us": _list_us(low, high, more),
                    "us_a_change": round((high["change_us"] - low["change_us"]) / more, 3),
                })  # fmt: skip
    return found


def _list_us(low: dict[str, Any], high: dict[str, Any], more: int) -> float | None:
    if "list_all_s" not in high:
        return None
    return round((high["list_all_s"] - low["list_all_s"]) * 1e6 / more, 2)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, action="append")
    parser.add_argument("--tasks", type=int, action="append")
    parser.add_argument("--watchers", type=int, action="append")
    parser.add_argument("--memory-gib", type=float, default=8.0, help="what each process may have")
    parser.add_argument(
        "--case", nargs=4, metavar=("NODES", "TASKS", "WATCHERS", "FILE"), help=argparse.SUPPRESS
    )
    parser.add_argument("--restart", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    look_seldom()
    keep_what_is_loaded()
    if given.case:
        nodes, count, watchers = map(int, given.case[:3])
        print(json.dumps(asyncio.run(case(nodes, count, watchers, Path(given.case[3])))))
        return 0
    if given.restart:
        print(json.dumps(restart(given.restart)))
        return 0
    asked = list(_SMALL)
    if given.nodes or given.tasks or given.watchers:
        asked = [
            *itertools.product(given.nodes or [100], given.tasks or [0], [0]),
            *((100, 1_000, many) for many in given.watchers or ()),
        ]
        asked += [(100, 1_000, 0)] if given.watchers else []
    cases = []
    with tempfile.TemporaryDirectory(prefix="scale-") as directory:
        file = Path(directory) / "snapshot"
        for nodes, count, watchers in asked:
            found = _own_process(given.memory_gib, "--case", str(nodes), str(count), str(watchers), str(file))
            found |= _own_process(given.memory_gib, "--restart", str(file))
            cases.append(found)
            print(json.dumps(found), flush=True)
    for slope in _slopes(cases):
        print(json.dumps(slope), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
