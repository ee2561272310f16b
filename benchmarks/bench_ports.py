"""What a published port costs beside a direct connection to the task, in the same run.

    bench_ports.py [MEGABYTES]

The task is a plain server in a process of its own; two nodes of ours run in a process each, on the daemons' loop: the task's node, and
another one. This process is the client, with blocking sockets. The ways are: direct to the task, by the task's node (one forwarder), by the
other node (a forwarder and a gate). Three rounds, one way after the other in each. One JSON line per way: throughput of one stream, time
of a small request on a new connection and on an open one (median of the rounds' medians), CPU of both nodes per megabyte and per new connection,
and memory of both nodes per idle connection; ratios to direct.
"""

import asyncio
import json
import multiprocessing
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_agentd.config import PortsConfig
from swarm_agentd.ports.published import PublishedPorts
from swarm_agentd.ports.tasks import LocalTasks
from swarm_core.api.proto.endpoints_pb2 import Backend, EndpointsMessage, Place, Route
from swarm_core.api.proto.types_pb2 import RUNNING, PortConfig
from swarm_core.runtime import loop
from swarm_core.runtime.clock import SystemClock
from swarm_core.runtime.tasks import Group
from swarm_testkit.free_ports import free_port
from swarm_testkit.port_nodes import KEYS, process_task, tcp

ROUNDS, REQUESTS, IDLE = 3, 300, 500
TARGET, CHUNK = 80, 1 << 18
ADDRESSES = ("127.0.0.21", "127.0.0.22")
SMALL = b"x" * 100


def task(number: int, ready: Pipe) -> None:
    """Answers each message of SMALL's length with as much; `P` at the beginning asks for a stream of that many bytes."""

    def serve(sock: socket.socket) -> None:
        with sock:
            while head := sock.recv(1, socket.MSG_PEEK):
                if head == b"P":
                    left = int(sock.recv(64)[1:])
                    block = bytes(CHUNK)
                    while left > 0:
                        sock.sendall(block[: min(left, CHUNK)])
                        left -= CHUNK
                    return
                got = 0
                while got < len(SMALL) and (data := sock.recv(len(SMALL) - got)):
                    got += len(data)
                sock.sendall(SMALL)

    with socket.create_server(("127.0.0.1", number), backlog=1024) as server:
        ready.send(True)
        while True:
            sock, _ = server.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(sock,), daemon=True).start()


def node(index: int, published: int, number: int, gates: tuple[int, int], ready: Pipe) -> None:
    """One node; the task is node 0's."""
    port = tcp(TARGET, published)
    made = process_task("t0", port, node_id="n0", state="RUNNING")
    made.status.state = RUNNING
    own = made.status.port_status.ports.add()
    own.CopyFrom(port)
    own.published_port = number
    route = Route(protocol=PortConfig.TCP, published_port=published, target_port=TARGET, service_id="s")
    backend = Backend(task_id="t0", service_id="s", node_id="n0", ports=[route])
    place = Place(node_id="n0", host="127.0.0.1", gate_port=gates[0])

    async def serve() -> None:
        clock = SystemClock()
        tasks = LocalTasks(clock)
        with tempfile.TemporaryDirectory() as directory:
            config = PortsConfig(ADDRESSES[index], gates[index])
            ports = PublishedPorts(tasks, Path(directory), clock, random.Random(index), config)
            ports.set_keys(KEYS)
            if index == 0:
                ports.resume(made)
            ports.apply(
                EndpointsMessage(is_complete=True, routes=[route], backends=[backend], places=[place])
            )
            async with Group() as group:
                group.spawn(ports.run(f"n{index}", lambda: None), name="ports")
                while not ports.listening or (index == 0 and not ports.gate_is_open):
                    await clock.sleep(0.02)
                ready.send(True)
                await asyncio.Event().wait()

    loop.run(serve())


class Way:
    """A way to the task, with what was measured on it."""

    def __init__(self, name: str, address: tuple[str, int], nodes: list[psutil.Process]) -> None:
        self.name, self.address, self._nodes = name, address, nodes
        self.stream: list[float] = []
        self.fresh: list[float] = []
        self.kept: list[float] = []
        self.cpu_per_mb: list[float] = []
        self.cpu_per_connection: list[float] = []
        self.bytes_per_idle = 0.0

    def cpu(self) -> float:
        return sum(sum(one.cpu_times()[:2]) for one in self._nodes)

    def memory(self) -> int:
        return sum(one.memory_info().rss for one in self._nodes)

    def connect(self) -> socket.socket:
        sock = socket.create_connection(self.address, 20)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def round(self, megabytes: int) -> None:
        before, begin = self.cpu(), time.perf_counter()
        with self.connect() as sock:
            sock.sendall(b"P%d" % (megabytes << 20))
            while sock.recv(CHUNK):
                pass
        self.stream.append(megabytes / (time.perf_counter() - begin))
        self.cpu_per_mb.append((self.cpu() - before) / megabytes)
        before = self.cpu()
        self.fresh.append(statistics.median(self._fresh() for _ in range(REQUESTS)))
        self.cpu_per_connection.append((self.cpu() - before) / REQUESTS)
        with self.connect() as sock:
            self.kept.append(statistics.median(_asked(sock) for _ in range(REQUESTS)))

    def idle(self) -> None:
        """Memory of connections that do nothing."""
        before = self.memory()
        held = []
        for _ in range(IDLE):
            held.append(self.connect())
            _asked(held[-1])
        self.bytes_per_idle = (self.memory() - before) / IDLE
        for sock in held:
            sock.close()

    def _fresh(self) -> float:
        begin = time.perf_counter()
        with self.connect() as sock:
            _asked(sock)
        return time.perf_counter() - begin

    def result(self, ground: "Way") -> dict[str, object]:
        def median(name: str) -> float:
            return statistics.median(getattr(self, name))

        def ratio(name: str) -> float:
            return round(median(name) / statistics.median(getattr(ground, name)), 2)

        return {
            "way": self.name,
            "stream_mb_per_s": round(median("stream")),
            "stream_ratio": ratio("stream"),
            "new_connection_us": round(median("fresh") * 1e6),
            "new_connection_ratio": ratio("fresh"),
            "open_connection_us": round(median("kept") * 1e6),
            "open_connection_ratio": ratio("kept"),
            "cpu_us_per_mb": round(median("cpu_per_mb") * 1e6),
            "cpu_us_per_new_connection": round(median("cpu_per_connection") * 1e6),
            "bytes_per_idle_connection": round(self.bytes_per_idle),
        }


def _asked(sock: socket.socket) -> float:
    begin = time.perf_counter()
    sock.sendall(SMALL)
    got = 0
    while got < len(SMALL) and (data := sock.recv(len(SMALL) - got)):
        got += len(data)
    assert got == len(SMALL), "the task did not answer"
    return time.perf_counter() - begin


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    published, number, gates = free_port(), free_port(), (free_port(), free_port())
    context = multiprocessing.get_context("spawn")
    started = []
    for target, arguments in (
        (task, (number,)),
        (node, (0, published, number, gates)),
        (node, (1, published, number, gates)),
    ):
        ours, theirs = context.Pipe()
        process = context.Process(target=target, args=(*arguments, theirs), daemon=True)
        process.start()
        assert ours.poll(60), "a process did not begin"
        started.append(psutil.Process(process.pid))
    nodes = started[1:]
    ways = [
        Way("direct", ("127.0.0.1", number), nodes),
        Way("by the task's node", (ADDRESSES[0], published), nodes),
        Way("by another node", (ADDRESSES[1], published), nodes),
    ]
    for _ in range(ROUNDS):
        for way in ways:
            way.round(megabytes)
    for way in ways:
        way.idle()
        print(json.dumps(way.result(ways[0])), flush=True)
    for process in started:
        process.kill()


if __name__ == "__main__":
    main()
