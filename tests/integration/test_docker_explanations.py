"""Explanations of a swarm that a real Docker Engine leads, from its control socket (docs/design/scheduling.md 3.12.2)."""

import json
import subprocess
import sys

import pytest
from swarm_testkit.daemons import wait_until
from swarm_testkit.engines import IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]


def why(engine: Engine, name: str) -> dict[str, object]:
    """What `service why` says of a service."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "swarm_tui.cli.main", "--socket", str(engine.control_socket)),
            *("service", "why", name, "--format", "json"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_why_in_a_docker_swarm(swarm_engine: Engine) -> None:
    """Of a service that the engine's scheduler cannot place every filter is told with its numbers, and the engine agrees that
    there is no node; once the constraint is met and the memory lowered the explanation is empty."""
    create = ("service", "create", "--detach", "--no-resolve-image", "--name", "big")
    asks = ("--reserve-memory", "100t", "--constraint", "node.labels.disk==ssd")
    swarm_engine.docker(*create, *asks, IMAGE, "sleep", "1000")
    try:
        errors = ("service", "ps", "big", "--no-trunc", "--format", "{{.Error}}")
        wait_until(lambda: "no suitable node" in swarm_engine.docker(*errors), what="the engine's own reason")
        (finding,) = why(swarm_engine, "big")["Findings"]  # type: ignore[misc]
        assert "100 TiB of memory asked, " in finding["Cause"]
        assert "the only node does not meet node.labels.disk == ssd (none there)" in finding["Cause"]
        (row,) = finding["Nodes"]
        refusing = [one["Filter"] for one in row["Filters"] if not one["Passed"]]
        assert refusing == ["resources", "constraints"]
        change = ("--reserve-memory", "0", "--constraint-rm", "node.labels.disk==ssd")
        swarm_engine.docker("service", "update", "--detach", *change, "big")
        states = (
            "service",
            "ps",
            "big",
            "--filter",
            "desired-state=running",
            "--format",
            "{{.CurrentState}}",
        )
        wait_until(lambda: "Running" in swarm_engine.docker(*states), what="a task that runs")
        assert why(swarm_engine, "big")["Findings"] == []
    finally:
        swarm_engine.docker("service", "rm", "big")
