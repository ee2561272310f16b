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
