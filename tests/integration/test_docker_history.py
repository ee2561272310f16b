"""The history of a service where a Docker Engine leads: one step (docs/design/terminal.md 11.7)."""

import json

import pytest
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.programs import TUI, Outcome, run
from swarm_tui.resources.service_history import ONE_STEP

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(300)]


def ours(engine: Engine, *words: str) -> Outcome:
    return run([*TUI, "--socket", str(engine.control_socket), "service", *words])


def kept(engine: Engine) -> list[str]:
    """The environments of the specs that `service history` lists, the present one's first."""
    listed = ours(engine, "history", "--format", "json", "past")
    assert (listed.code, listed.err.strip()) == (0, ONE_STEP)
    specs = [json.loads(line)["Spec"] for line in listed.out.splitlines()]
    return [spec["task"]["container"]["env"][0] for spec in specs]


def test_one_step_back(swarm_engine: Engine) -> None:
    """The list has the present spec and the one before, and says that there is no more; `rollback` goes to that one, and --to to none."""
    create = ("service", "create", "--detach", "--no-resolve-image", "--replicas", "0", "--name", "past")
    swarm_engine.docker(*create, "--env", "A=1", IMAGE)
    try:
        for number in ("2", "3"):
            swarm_engine.docker("service", "update", "--detach", "--env-add", f"A={number}", "past")
        assert kept(swarm_engine) == ["A=3", "A=2"]
        refused = ours(swarm_engine, "rollback", "--detach", "--to", "1", "past")
        assert (refused.code, refused.out, refused.err) == (1, "", f"Error: {ONE_STEP}\n")
        assert kept(swarm_engine)[0] == "A=3"
        assert ours(swarm_engine, "rollback", "--detach", "past").code == 0
        assert kept(swarm_engine)[0] == "A=2"
    finally:
        swarm_engine.docker("service", "rm", "past")
