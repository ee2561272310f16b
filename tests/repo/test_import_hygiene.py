"""What a short command loads: a command line must answer at once, so it pays only for what it uses."""

import json
import subprocess
import sys

import pytest

# Runs a command in a fresh interpreter and tells which modules it loaded.
_PROBE = """
import json, sys
from swarm_tui.cli import main
code = main.run(sys.argv[1:])
print(json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""


def loaded_by(*arguments: str) -> tuple[int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *arguments], capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["code"], set(answer["modules"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["version"],
        ["service", "--help"],
        ["service", "create", "--help"],
        ["--socket", "/nonexistent", "service", "ls"],
        ["--socket", "/nonexistent", "node", "update", "x", "--availability", "drain"],
        ["--socket", "/nonexistent", "watch"],
    ],
    ids=" ".join,
)
def test_commands_load_no_textual(arguments: list[str]) -> None:
    """No command but the dashboard loads Textual or Rich, nor grpcio before a cluster is reached."""
    _, modules = loaded_by(*arguments)
    assert not {"textual", "rich", "grpc", "swarm_tui.app"} & modules


def test_only_stacks_load_the_reader_of_compose_files() -> None:
    """YAML and compose files cost nothing but those commands that read them."""
    for arguments in (["--socket", "/nonexistent", "service", "ls"], ["stack", "--help"]):
        _, modules = loaded_by(*arguments)
        assert not {"yaml", "swarm_core.compose.project"} & modules
    _, modules = loaded_by("stack", "config", "-c", "/nonexistent")
    assert {"yaml", "swarm_core.compose.project"} <= modules
    assert "grpc" not in modules


def test_version_loads_no_protobuf() -> None:
    """What needs no cluster loads no generated messages and no event loop."""
    code, modules = loaded_by("version")
    assert code == 0
    assert not {"google.protobuf", "asyncio", "swarm_core.client"} & modules


def test_headless_halves_load_no_textual() -> None:
    """Mirror and resources are usable without Textual."""
    probe = (
        "import sys, swarm_tui.clusters.tables, swarm_tui.resources.registry, swarm_tui.resources.problems;"
        "sys.exit('textual' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", probe], timeout=60, check=False).returncode == 0


def test_broken_pipe_is_silent() -> None:
    """A reader that leaves early (head) gets no traceback on the terminal."""
    command = f"{sys.executable} -m swarm_tui.cli.main service create --help"
    done = subprocess.run(
        ["bash", "-c", f"{command} | true"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""


# What the two daemons never use, or use late: each is loaded by the first who needs it, because a start waits for every module
# and a process keeps its memory.
_NEVER_IN_A_DAEMON = {"textual", "rich", "typer", "click", "swarm_tui", "platformdirs", "yaml"}
_LATE_IN_A_DAEMON = {
    "grpc",
    "docker",
    "requests",
    "urllib3",
    "http.client",
    "importlib.metadata",
    "swarm_core.rules.templates.parse",
}
_DAEMONS = {
    "swarm_agentd.daemon": {
        "swarm_core.managerd",
        "swarm_core.manager",
        "swarm_core.raft",
        "swarm_core.store",
        "swarm_core.api.proto.control_pb2",
        "swarm_agentd.executors.docker",
        "swarm_agentd.executors.process",
        "swarm_agentd.executors.simulated",
    },
    "swarm_core.managerd.daemon": {"swarm_core.client", "swarm_agentd", "sqlite3", "psutil"},
}


def modules_after(code: str) -> set[str]:
    """What is loaded once a fresh interpreter has run `code`."""
    probe = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("daemon", sorted(_DAEMONS))
def test_daemons_load_what_every_start_needs(daemon: str) -> None:
    """Neither daemon loads, before it serves, what a start does not need: other programs, engines, templates."""
    modules = modules_after(f"import {daemon}")
    assert not (_NEVER_IN_A_DAEMON | _LATE_IN_A_DAEMON | _DAEMONS[daemon]) & modules


def test_the_daemon_reads_its_flags_first() -> None:
    """Before the daemon loads an event loop, messages or cryptography it knows its flags, and can start its manager."""
    modules = modules_after(
        "from swarm_agentd import main\nfrom swarm_agentd.node import flags\nflags.parse(['-d', '/nowhere'])"
    )
    assert not {"asyncio", "google.protobuf", "cryptography", "grpc", "swarm_agentd.daemon"} & modules


def test_a_node_that_is_no_engine_to_clients_loads_nothing_of_it() -> None:
    """The Engine's API costs nothing where it is not turned on (docs/design/engine-api.md E9.4)."""
    modules = modules_after("""
from swarm_agentd import daemon
from swarm_agentd.node import flags
assert flags.parse(["-d", "/nowhere"]).api is None
""")
    assert "swarm_agentd.daemon" in modules
    assert (
        not {
            "aiohttp",
            "swarm_core.http",
            "swarm_core.engine_json",
            "swarm_core.engines",
            "swarm_agentd.engine_api",
            "swarm_agentd.node.api_flags",
        }
        & modules
    )


def test_a_node_without_an_engine_loads_no_client_of_it() -> None:
    """The docker runtime loads the engine's client when an engine listens, not before."""
    modules = modules_after("""
import asyncio, pathlib, tempfile
from swarm_core.runtime.clock import SystemClock
from swarm_agentd.exec.errors import Temporary
from swarm_agentd.executors.docker.executor import DockerExecutor

async def describe():
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name)
        executor = DockerExecutor(f"unix://{path}/none.sock", path, SystemClock(), memory=path)
        try:
            await executor.describe()
        except Temporary as error:
            assert "does not answer" in str(error)
        else:
            raise AssertionError("there is no engine")

asyncio.run(describe())
""")
    assert "swarm_agentd.executors.docker.engine" in modules
    assert not {"docker", "requests", "urllib3"} & modules


def test_a_dashboard_of_a_cluster_loads_no_client_of_engines() -> None:
    """It knows of engines, but aiohttp is loaded with the first request to one."""
    modules = modules_after("import swarm_tui.app, swarm_tui.shell.engine_door")
    assert "swarm_core.engines.client" in modules
    assert not {"aiohttp", "yarl", "multidict"} & modules
