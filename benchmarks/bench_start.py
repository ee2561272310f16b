"""How soon a node is there, and what it takes: a first start, a restart with 10 000 tasks, and the way back to the next leader.

    bench_start.py [PART…]      imports, start, restart, agents; all without

Where a peer can be had (see bench_peer) the first start and the restart are measured on both sides in turn, as ratios. Seconds of
the wall suffer from whatever else runs; the CPU seconds beside them hardly do.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from peer import figures, sides
from peer.caller import Caller
from peer.cluster import Cluster, answers, clusters, cpu_s, ready_workers, tree, until
from peer.figures import Figure
from peer.load import METHOD, requests
from peer.rows import TASKS, Pair, count_tasks, tasks_up

ROUNDS = 5
FLEET = 30
_MIB_KIB = 1024
_LOADED = "import time, sys; import {}; print(time.process_time(), len(sys.modules))"


def imports(pair: Pair) -> list[Figure]:
    """What each of the two programs loads before it does anything."""
    found = []
    for what, module in (("daemon", "swarm_agentd.daemon"), ("manager", "swarm_core.managerd.daemon")):
        cpu, count = Figure(f"{what}: CPU to load it", "s"), Figure(f"{what}: modules", "")
        for _ in range(ROUNDS):
            done = subprocess.run(
                [sys.executable, "-c", _LOADED.format(module)], capture_output=True, text=True, check=True
            )
            seconds, modules = done.stdout.split()
            cpu.take("ours", float(seconds))
            count.take("ours", float(modules))
        found += [cpu, count]
    return found


def start(pair: Pair) -> list[Figure]:
    """An empty directory, until the socket answers; then, a second later, the memory."""
    seconds = Figure("first start, until it answers", "s")
    cpu = Figure("  CPU of daemon and manager until then", "s")
    resident = Figure("idle, resident, daemon and manager added up", "MiB")
    own = Figure("  what they share counted once", "MiB")
    for _ in range(ROUNDS):
        for name, side in pair.sides():
            with side.managers(1) as (manager,):
                begin = time.perf_counter()
                manager.start()
                until(lambda manager=manager: answers(manager), "the manager", step_s=0.005)
                seconds.take(name, time.perf_counter() - begin)
                cpu.take(name, cpu_s(manager.pid))
                time.sleep(1)
                resident.take(name, _memory_mib(manager.pid, "Rss:"))
                own.take(name, _memory_mib(manager.pid, "Pss:"))
    return [seconds, cpu, resident, own]


def restart(pair: Pair) -> list[Figure]:
    """kill -9 of daemon and manager with TASKS tasks in the log; until every one of them is answered."""
    seconds = Figure(f"restart with {TASKS} tasks, until every task is answered", "s", aim=1.0)
    cpu = Figure("  CPU of daemon and manager until then", "s")
    resident = Figure("  resident then", "MiB")
    with pair.clusters() as both:
        services = {}
        for name, found in both.items():
            found.start_agents(10, "batch")
            with found.open() as caller:
                services[name] = tasks_up(caller).id
            found.end_agents()
        for _ in range(ROUNDS):
            for name, found in both.items():
                manager = found.managers[0]
                manager.kill()
                begin = time.perf_counter()
                manager.start()
                until(_counts(found, services[name]), "every task", step_s=0.01)
                seconds.take(name, time.perf_counter() - begin)
                cpu.take(name, cpu_s(manager.pid))
                resident.take(name, _memory_mib(manager.pid, "Rss:"))
    return [seconds, cpu, resident]


def agents(pair: Pair) -> list[Figure]:
    """FLEET agents of ours on three managers of ours; kill -9 of the leader."""
    written = Figure("leader lost, until a write succeeds", "s")
    back = Figure(f"  from then until {FLEET} agents of ours have a session again", "s")
    with Pair(pair.ours, None).clusters(3) as both, contextlib.ExitStack() as stack:
        found = both["ours"]
        stack.enter_context(_fleet(found))
        for round_ in range(ROUNDS):
            leader = found.leader()
            other = next(one for one in found.managers if one is not leader)
            with found.open(other) as caller:
                versions = {one.id: one.meta.version.index for one in ready_workers(caller)}
            leader.kill()
            begin = time.perf_counter()
            prepared = requests(f"back-{round_}", 10_000)
            until(lambda other=other, prepared=prepared: _write(other, prepared), "a write")
            led = time.perf_counter()
            written.take("ours", led - begin)
            until(lambda other=other, versions=versions: _are_back(other, versions), "all agents")
            back.take("ours", time.perf_counter() - led)
            leader.start()
            until(lambda leader=leader: answers(leader), "the manager that was lost")
            time.sleep(2)
    return [written, back]


@contextlib.contextmanager
def _fleet(found: Cluster) -> Iterator[None]:
    """FLEET simulated nodes in one process, each with an agent as real nodes have."""
    with found.open() as caller:
        token = clusters(caller)[0].root_ca.join_tokens.worker
        command = [
            sys.executable, "-m", "swarm_agentd.fleet",
            "--join", found.managers[0].address, "--nodes", str(FLEET),
        ]  # fmt: skip
        process = subprocess.Popen(
            command,
            env={**os.environ, "SWARM_JOIN_TOKEN": token},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda: len(ready_workers(caller)) == FLEET, "the fleet")
            yield
        finally:
            process.terminate()
            process.wait()


def _counts(found: Cluster, service_id: str) -> Callable[[], bool]:
    def complete() -> bool:
        manager = found.managers[0]
        if not manager.socket.exists():
            return False
        with Caller(manager.socket, manager.root, timeout=5) as caller:
            return count_tasks(caller, service_id) >= TASKS

    return complete


def _write(manager: sides.Manager, prepared: Iterator[bytes]) -> bool:
    with Caller(manager.socket, manager.root, timeout=1) as caller:
        caller.call_bytes(METHOD, next(prepared))
    return True


def _are_back(manager: sides.Manager, versions: dict[str, int]) -> bool:
    with Caller(manager.socket, manager.root, timeout=5) as caller:
        newer = [one for one in ready_workers(caller) if one.meta.version.index > versions[one.id]]
    return len(newer) == len(versions)


def _memory_mib(pid: int, what: str) -> float:
    """Of a process and what it started: resident pages (Rss:), or with shared ones divided among those who share (Pss:)."""
    total = 0
    for process in tree(pid):
        try:
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
        for line in lines:
            if line.startswith(what):
                total += int(line.split()[1])
    return total / _MIB_KIB


_PARTS: dict[str, Callable[[Pair], list[Figure]]] = {
    "imports": imports,
    "start": start,
    "restart": restart,
    "agents": agents,
}


def main() -> int:
    wanted = sys.argv[1:] or list(_PARTS)
    if unknown := [name for name in wanted if name not in _PARTS]:
        sys.stderr.write(f"no part is called {', '.join(unknown)}; there are {', '.join(_PARTS)}\n")
        return 2
    peer = sides.peer_side()
    print(f"load {os.getloadavg()[0]:.2f}", flush=True)
    print(figures.head("no peer" if peer is None else peer.name), flush=True)
    for name in wanted:
        for figure in _PARTS[name](Pair(sides.our_side(), peer)):
            print(figure.line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
