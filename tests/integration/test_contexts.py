"""Contexts on a real manager: by its socket, through ssh, and over its remote API (docs/design/terminal.md 11.14). A program
stands in for ssh and forwards within this machine."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_testkit.daemons import Daemon, daemon, private_directory, wait_until
from swarm_testkit.programs import TUI, Outcome, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.xdist_group("contexts")]
SSH = Path(__file__).parents[1] / "data" / "programs" / "ssh_fake.py"


@pytest.fixture
def directory() -> Iterator[Path]:
    with private_directory() as path:
        yield path


@pytest.fixture
def node() -> Iterator[Daemon]:
    with daemon() as one:
        ready(one)
        yield one


def ready(node: Daemon) -> None:
    wait_until(lambda: "the node is ready" in node.log.read_text(), what="the node")


def test_one_cluster_by_three_ways(directory: Path, node: Daemon) -> None:
    """Each way leads to the same cluster; a certificate that the manager does not believe leads nowhere."""
    programs = directory / "bin"
    programs.mkdir()
    ssh = programs / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {SSH} "$@"\n')
    ssh.chmod(0o755)
    environment = {
        "XDG_CONFIG_HOME": str(directory),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "SSH_FAKE_SAID": str(directory / "said"),
        "SWARM_TUI_SOCKET": "",
    }

    def swarm(*words: str) -> Outcome:
        return run((*TUI, *words), environment=environment)

    strange = directory / "strange"
    certificates = node.state / "certificates"
    for words in (
        ("here", "--socket", str(node.socket)),
        ("far", "--ssh", "ana@m1", "--socket", str(node.socket)),
        ("edge", "--address", node.address, "--certificates", str(certificates)),
        ("nobody", "--ssh", "nobody", "--socket", str(node.socket)),
        ("bare", "--address", node.address, "--certificates", str(strange)),
    ):
        assert swarm("context", "add", *words).code == 0
    answers = [swarm("--context", name, "node", "ls", "-q") for name in ("here", "far", "edge")]
    assert [answer.code for answer in answers] == [0, 0, 0], [answer.err for answer in answers]
    assert answers[0].out and answers[0].out == answers[1].out == answers[2].out
    assert "ssh to nobody ended" in swarm("--context", "nobody", "status").err
    assert "cannot be used" in swarm("--context", "bare", "status").err
    with daemon() as other:
        ready(other)
        shutil.copytree(other.state / "certificates", strange)
    refused = swarm("--context", "bare", "status")
    assert refused.code == 1 and "Traceback" not in refused.err, refused
    assert swarm("context", "use", "far").code == 0
    assert swarm("node", "ls", "-q").out == answers[0].out
