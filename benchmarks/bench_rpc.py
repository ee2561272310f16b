"""What calls cost a server: our control socket and remote API against grpcio's server, in the same run.

    bench_rpc.py [CALLS]

One server process holds three servers on one loop, the daemons' own: grpcio alone with TLS (the ground), our control socket, and our
remote API with authorization. This process is the client, grpcio's: small unary calls, one at a time and 64 at once, and a stream of
small messages. Then h2load, which costs the client little, calls the ground and the remote API without a certificate, where it is installed.
Three rounds, one server after the other in each. One JSON line per server and load: median rate, its ratio to the ground's, CPU of the
server per call or message and its ratio.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from functools import partial
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto import ca_pb2, control_pb2, watch_pb2
from swarm_core.ca.tls import TlsIdentity
from swarm_core.rpc.grpcio import grpc
from swarm_core.runtime import loop
from swarm_testkit import h2load
from swarm_testkit.trust import (
    EchoServices,
    control_server,
    echo_services,
    make_authority,
    remote_server,
)

IN_FLIGHT = (1, 64)
ROUNDS = 3
MESSAGES = 5_000
GET = "/docker.swarmkit.v1.Control/GetNode"
ROOT = "/docker.swarmkit.v1.CA/GetRootCACertificate"
WATCH = "/docker.swarmkit.v1.Watch/Watch"
PAYLOAD = watch_pb2.WatchMessage(events=[watch_pb2.WatchMessage.Event(action=1)]).SerializeToString() * 20


async def ground(identity: TlsIdentity) -> tuple[grpc.aio.Server, str]:
    """grpcio with TLS and nothing of ours."""

    async def get_node(request: control_pb2.GetNodeRequest, context: object) -> control_pb2.GetNodeResponse:
        answer = control_pb2.GetNodeResponse()
        answer.node.id = "m1"
        return answer

    async def root(request: bytes, context: object) -> ca_pb2.GetRootCACertificateResponse:
        return ca_pb2.GetRootCACertificateResponse(certificate=identity.roots)

    async def watch(request: watch_pb2.WatchRequest, context: Any) -> None:
        for _ in range(request.resume_from.index):
            await context.write(PAYLOAD)

    server = grpc.aio.server()
    unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    kinds = {
        GET: unary(
            get_node, control_pb2.GetNodeRequest.FromString, control_pb2.GetNodeResponse.SerializeToString
        ),
        ROOT: unary(root, None, ca_pb2.GetRootCACertificateResponse.SerializeToString),
        WATCH: stream(watch, watch_pb2.WatchRequest.FromString, None),
    }
    for path, handler in kinds.items():
        service, method = path[1:].split("/")
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    credentials = grpc.ssl_server_credentials([(identity.key, identity.certificate)])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    return server, f"127.0.0.1:{port}"


class Quiet(EchoServices):
    """The echo, without the memory of who called."""

    async def get_node(
        self, request: control_pb2.GetNodeRequest, caller: object
    ) -> control_pb2.GetNodeResponse:
        answer = control_pb2.GetNodeResponse()
        answer.node.id = "m1"
        return answer

    async def get_root_ca_certificate(
        self, request: object, caller: object
    ) -> ca_pb2.GetRootCACertificateResponse:
        return ca_pb2.GetRootCACertificateResponse(certificate=self.root)

    async def watch(self, request: watch_pb2.WatchRequest, caller: object) -> AsyncIterator[bytes]:
        for _ in range(request.resume_from.index):
            yield PAYLOAD


async def serve(pipe: Pipe, directory: Path) -> None:
    authority = make_authority()
    identity = authority.manager()
    services = echo_services(Quiet(authority.root.certificate))
    control = directory / "control.sock"
    server, address = await ground(identity)
    async with control_server(authority, services, control), remote_server(authority, services) as remote:
        targets = {"grpcio": address, "control socket": f"unix:{control}", "remote API": remote.address}
        client = authority.manager("m2")
        pipe.send((targets, client.roots, client.key, client.certificate))
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
    await server.stop(0)


def run_server(pipe: Pipe, directory: Path) -> None:
    loop.run(serve(pipe, directory))


def unary_per_s(channel: grpc.Channel, calls: int, in_flight: int) -> float:
    call = channel.unary_unary(GET)
    call(b"")
    begin = time.perf_counter()
    if in_flight == 1:
        for _ in range(calls):
            call(b"")
        return calls / (time.perf_counter() - begin)
    slots = threading.Semaphore(in_flight)
    for _ in range(calls):
        slots.acquire()
        call.future(b"").add_done_callback(lambda _: slots.release())
    for _ in range(in_flight):
        slots.acquire()
    return calls / (time.perf_counter() - begin)


def messages_per_s(channel: grpc.Channel, messages: int) -> float:
    request = watch_pb2.WatchRequest()
    request.resume_from.index = messages
    begin = time.perf_counter()
    assert sum(1 for _ in channel.unary_stream(WATCH)(request.SerializeToString())) == messages
    return messages / (time.perf_counter() - begin)


class Rounds:
    """Rates and costs by load and server."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._rates: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._costs: defaultdict[tuple[str, str], list[float]] = defaultdict(list)

    def run(self, load: str, server: str, count: int, work: Callable[[], float]) -> None:
        before = sum(self._process.cpu_times()[:2])
        rate = work()
        self._rates[load, server].append(rate)
        self._costs[load, server].append((sum(self._process.cpu_times()[:2]) - before) / count)

    def tell(self) -> None:
        for (load, server), rates in sorted(self._rates.items()):
            rate, cost = statistics.median(rates), statistics.median(self._costs[load, server])
            base_rate = statistics.median(self._rates[load, "grpcio"])
            base_cost = statistics.median(self._costs[load, "grpcio"])
            figures = {
                "load": load,
                "server": server,
                "per_s": round(rate),
                "rate_to_grpcio": round(rate / base_rate, 2),
                "server_cpu_us": round(cost * 1e6, 1),
                "cpu_to_grpcio": round(cost / base_cost, 3),
                "cores": os.cpu_count(),
            }
            print(json.dumps(figures), flush=True)


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    near, far = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        server = multiprocessing.get_context("spawn").Process(target=run_server, args=(far, directory))
        server.start()
        targets, roots, key, certificate = near.recv()
        credentials = grpc.ssl_channel_credentials(roots, key, certificate)
        options = (("grpc.ssl_target_name_override", MANAGER_ROLE),)
        assert server.pid is not None
        rounds = Rounds(psutil.Process(server.pid))
        for _ in range(ROUNDS):
            for target_name, target in targets.items():
                with grpc.secure_channel(target, credentials, options) as channel:
                    for in_flight in IN_FLIGHT:
                        load = f"unary, {in_flight} at once"
                        rounds.run(load, target_name, calls, partial(unary_per_s, channel, calls, in_flight))
                    rounds.run("stream", target_name, MESSAGES, partial(messages_per_s, channel, MESSAGES))
                if not target.startswith("unix:") and not h2load.is_missing():
                    work = partial(loaded, target, directory, calls)
                    rounds.run("h2load, 4 x 16 at once", target_name, calls, work)
        near.send("stop")
        server.join()
    rounds.tell()


def loaded(target: str, directory: Path, calls: int) -> float:
    """The rate of h2load, which shows no certificate."""
    load = h2load.load(target, ROOT, directory, calls=calls, clients=4, at_once=16)
    assert load.ok == calls
    return load.per_s


if __name__ == "__main__":
    main()
