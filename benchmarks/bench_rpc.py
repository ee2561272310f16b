"""What a call costs: the control socket and the TLS listener against grpcio itself, in the same run.

    bench_rpc.py [CALLS]

One server process holds three servers on one loop: grpcio alone with TLS (the ground), our control socket, and our
remote API behind the TLS listener with authorization. This process keeps 64 small unary calls in flight against each
in turn, three rounds. One JSON line per server: median calls per second, its ratio to the ground, server CPU per call.
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
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto import control_pb2
from swarm_core.ca.tls import TlsIdentity
from swarm_core.rpc.grpcio import grpc
from swarm_testkit.trust import (
    EchoServices,
    control_server,
    echo_services,
    make_authority,
    remote_server,
)

IN_FLIGHT = 64
ROUNDS = 3
PATH = "/docker.swarmkit.v1.Control/GetNode"


async def ground(identity: TlsIdentity) -> tuple[grpc.aio.Server, str]:
    """grpcio with TLS and nothing of ours."""

    async def get_node(request: control_pb2.GetNodeRequest, context: object) -> control_pb2.GetNodeResponse:
        answer = control_pb2.GetNodeResponse()
        answer.node.id = "m1"
        return answer

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        get_node, control_pb2.GetNodeRequest.FromString, control_pb2.GetNodeResponse.SerializeToString
    )
    service, method = PATH[1:].split("/")
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
    asyncio.run(serve(pipe, directory))


def calls_per_s(channel: grpc.Channel, calls: int) -> float:
    call = channel.unary_unary(PATH)
    slots = threading.Semaphore(IN_FLIGHT)
    call(b"")
    begin = time.perf_counter()
    for _ in range(calls):
        slots.acquire()
        call.future(b"").add_done_callback(lambda _: slots.release())
    for _ in range(IN_FLIGHT):
        slots.acquire()
    return calls / (time.perf_counter() - begin)


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    near, far = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as directory:
        context = multiprocessing.get_context("spawn")
        server = context.Process(target=run_server, args=(far, Path(directory)))
        server.start()
        targets, roots, key, certificate = near.recv()
        credentials = grpc.ssl_channel_credentials(roots, key, certificate)
        options = (("grpc.ssl_target_name_override", MANAGER_ROLE),)
        rates: dict[str, list[float]] = {name: [] for name in targets}
        costs: dict[str, list[float]] = {name: [] for name in targets}
        process = psutil.Process(server.pid)
        for _ in range(ROUNDS):
            for name, target in targets.items():
                before = sum(process.cpu_times()[:2])
                with grpc.secure_channel(target, credentials, options) as channel:
                    rates[name].append(calls_per_s(channel, calls))
                costs[name].append((sum(process.cpu_times()[:2]) - before) / calls)
        near.send("stop")
        server.join()
    floor = statistics.median(rates["grpcio"])
    for name in targets:
        rate = statistics.median(rates[name])
        figures = {
            "server": name,
            "in_flight": IN_FLIGHT,
            "calls_per_s": round(rate),
            "ratio_to_grpcio": round(rate / floor, 2),
            "server_cpu_us_per_call": round(statistics.median(costs[name]) * 1e6),
            "cores": os.cpu_count(),
        }
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
