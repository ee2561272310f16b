"""A running cluster of one side: what the measurements ask of it, and what its processes use."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2

from peer.caller import Caller, CallRefused
from peer.sides import Manager, Side
from peer.wire import ConnectionEnded

T = TypeVar("T")

FAILURES = (OSError, CallRefused, ConnectionEnded)
BENCHMARKS = Path(__file__).parents[1]
_PROBE_S = 0.15
_MIB = 1024 * 1024


def until(condition: Callable[[], T], what: str, *, step_s: float = 0.05, limit_s: float = 120) -> T:
    """The first true value of `condition`, over lost connections and refused calls. Raises TimeoutError."""
    end = time.monotonic() + limit_s
    last: object = None
    while True:
        try:
            if last := condition():
                return last
        except FAILURES as error:
            last = error
        if time.monotonic() > end:
            raise TimeoutError(f"{what} not within {limit_s} s; last seen: {last!r}")
        time.sleep(step_s)


def answers(manager: Manager) -> bool:
    """Whether it answers a fresh connection with its cluster."""
    if not manager.socket.exists() or not manager.root.exists():
        return False
    with Caller(manager.socket, manager.root, timeout=_PROBE_S) as caller:
        return bool(clusters(caller))


def clusters(caller: Caller) -> list[objects_pb2.Cluster]:
    answer = caller.call(
        "Control.ListClusters", control_pb2.ListClustersRequest(), control_pb2.ListClustersResponse
    )
    return list(answer.clusters)


def nodes(caller: Caller) -> list[objects_pb2.Node]:
    answer = caller.call("Control.ListNodes", control_pb2.ListNodesRequest(), control_pb2.ListNodesResponse)
    return list(answer.nodes)


def tree(pid: int) -> list[psutil.Process]:
    """A process and what it started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def cpu_s(pid: int) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in tree(pid))


def memory_mib(pid: int) -> float:
    return sum(process.memory_info().rss for process in tree(pid)) / _MIB


class Cluster:
    """Managers that are started one after the other, drained; `open` gives callers that are closed with it."""

    def __init__(self, managers: list[Manager], stack: contextlib.ExitStack) -> None:
        self.managers = managers
        self._stack = stack
        self._agents: list[subprocess.Popen[bytes]] = []
        self._agents_total = 0

    def found(self) -> None:
        """Start and join all managers, and let none of them have tasks."""
        first = self.managers[0]
        first.start()
        until(lambda: answers(first), "the first manager")
        with self.open(first) as caller:
            token = clusters(caller)[0].root_ca.join_tokens.manager
            for manager in self.managers[1:]:
                manager.start(first.address, token)
                until(lambda manager=manager: answers(manager), "another manager")  # type: ignore[misc]
            until(lambda: self._are_reachable(caller), "all managers")
            for node in nodes(caller):
                until(lambda node=node: self.drain(caller, node.id), "a drained manager")  # type: ignore[misc]

    @contextlib.contextmanager
    def open(self, manager: Manager | None = None) -> Iterator[Caller]:
        """A connection to a manager, the first one when none is named."""
        manager = manager or self.managers[0]
        with Caller(manager.socket, manager.root) as caller:
            yield caller

    def leader(self) -> Manager:
        """The manager that leads."""

        def find() -> Manager | None:
            for manager in self.managers:
                with contextlib.suppress(*FAILURES), self.open(manager) as caller:
                    leading = [one.manager_status.addr for one in nodes(caller) if one.manager_status.leader]
                    return next(one for one in self.managers if one.address in leading)
            return None

        return until(find, "a leader")

    def start_agents(self, count: int, how: str) -> None:
        """Pretended workers in one process (see agents); returns when all are ready."""
        manager = self.managers[0]
        with self.open() as caller:
            token = clusters(caller)[0].root_ca.join_tokens.worker
            command = [*manager.enter, sys.executable, "-m", "peer.agents", manager.address, str(count), how]
            self._agents.append(
                subprocess.Popen(
                    command,
                    cwd=BENCHMARKS,
                    env={**os.environ, "SWARM_JOIN_TOKEN": token},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                )
            )
            self._agents_total += count
            until(lambda: len(ready_workers(caller)) >= self._agents_total, "all agents")
        self._stack.callback(self.end_agents)

    def end_agents(self) -> None:
        for process in self._agents:
            process.kill()
            process.wait()
        self._agents.clear()

    def kill_newest_agents(self) -> None:
        """kill -9 of the process that was started last, which has one agent."""
        process = self._agents.pop()
        process.kill()
        process.wait()
        self._agents_total -= 1

    def drain(self, caller: Caller, node_id: str) -> bool:
        """Let a node have no tasks."""
        node = next(one for one in nodes(caller) if one.id == node_id)
        request = control_pb2.UpdateNodeRequest(
            node_id=node.id, node_version=node.meta.version, spec=node.spec
        )
        request.spec.availability = specs_pb2.NodeSpec.DRAIN
        caller.call("Control.UpdateNode", request, control_pb2.UpdateNodeResponse)
        return True

    @property
    def pids(self) -> list[int]:
        return [manager.pid for manager in self.managers]

    def cpu_s(self) -> float:
        """What all its managers have used so far."""
        return sum(cpu_s(pid) for pid in self.pids)

    def agents_cpu_s(self) -> float:
        return sum(cpu_s(process.pid) for process in self._agents)

    def _are_reachable(self, caller: Caller) -> bool:
        reachable = types_pb2.RaftMemberStatus.REACHABLE
        seen = [one for one in nodes(caller) if one.manager_status.reachability == reachable]
        return len(seen) == len(self.managers)


def ready_workers(caller: Caller) -> list[objects_pb2.Node]:
    """Nodes that are no managers and have a session."""
    return [
        one
        for one in nodes(caller)
        if one.status.state == types_pb2.NodeStatus.READY and not one.HasField("manager_status")
    ]


@contextlib.contextmanager
def cluster(side: Side, count: int = 1) -> Iterator[Cluster]:
    """A founded cluster that is gone afterwards."""
    with contextlib.ExitStack() as stack:
        made = Cluster(stack.enter_context(side.managers(count)), stack)
        made.found()
        yield made
