"""The one way to grpcio keeps its core from writing over the terminal."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MODULE = Path("core/swarm_core/rpc/grpcio.py")
IMPORT = re.compile(r"^\s*(import grpc|from grpc)\b", re.MULTILINE)


def test_nobody_else_loads_grpcio() -> None:
    """An import past it would make it too late for the setting."""
    found = [
        path.relative_to(ROOT)
        for room in ("core", "agentd", "tui")
        for path in (ROOT / room).rglob("*.py")
        if IMPORT.search(path.read_text())
    ]
    assert found == [MODULE]


def test_a_failed_handshake_writes_nothing() -> None:
    """What grpcio's core has to say of a refused certificate does not reach standard error."""
    code = """
import asyncio
from swarm_core.rpc import channel
from swarm_core.rpc.grpcio import grpc
from swarm_testkit.trust import EchoServices, echo_services, make_authority, remote_server

async def main():
    one, other = make_authority(), make_authority()
    async with remote_server(one, echo_services(EchoServices())) as server:
        opened = channel.secure(server.address, roots=other.root.certificate, server_name="swarm-manager")
        try:
            await opened.unary_unary("/a/b", None, None)(b"")
        except grpc.aio.AioRpcError as error:
            print(error.code().name)
        await opened.close(None)

asyncio.run(main())
"""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    environ.pop("GRPC_VERBOSITY", None)
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True
    )
    assert (ran.stdout, ran.stderr) == ("UNAVAILABLE\n", "")
