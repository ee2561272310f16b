"""docker's own command over three real engines, through the socket of `engine serve` (docs/design/engine-commands.md 16.4)."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from swarm_testkit.daemons import wait_until
from swarm_testkit.engines import IMAGE, Engine, own_id, private_engine
from swarm_testkit.programs import TUI

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.xdist_group("many-engines"),
    pytest.mark.timeout(300),
]
_COUNT = 3


class Fleet:
    """Three engines and the socket over them."""

    def __init__(self, engines: list[Engine], socket: Path) -> None:
        self.engines, self.socket = engines, socket

    def docker(self, *words: str, stdin: bytes | None = None, code: int = 0) -> str:
        """What docker's command says."""
        done = subprocess.run(
            ["docker", "-H", f"unix://{self.socket}", *words],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout.decode().strip()

    def answers(self) -> bool:
        command = ["docker", "-H", f"unix://{self.socket}", "version"]
        return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode == 0


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """The engines are h0, h1 and h2 in the list."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="me-")))
        engines = [
            stack.enter_context(
                private_engine(_made(directory / f"e{number}"), flags=own_id(directory / f"e{number}"))
            )
            for number in range(_COUNT)
        ]
        (directory / "list.toml").write_text(
            "[engines]\n" + "".join(f'h{number} = "{engine.url}"\n' for number, engine in enumerate(engines))
        )
        socket = directory / "all.sock"
        log = stack.enter_context((directory / "log").open("wb"))
        words = ["engine", "serve", "--engines", str(directory / "list.toml"), "-H", f"unix://{socket}"]
        serving = subprocess.Popen([*TUI, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            found = Fleet(engines, socket)
            wait_until(found.answers, what="the socket over three engines")
            wait_until(lambda: found.docker("info").count("Status: healthy") == _COUNT, what="three engines")
            yield found
        finally:
            serving.send_signal(signal.SIGTERM)
            assert serving.wait(60) == 128 + signal.SIGTERM


def test_containers_are_run_listed_and_read(fleet: Fleet) -> None:
    """16.4.1 to 16.4.3: run, ps, logs, exec and rm by docker's command, one container on each engine."""
    for number in range(_COUNT):
        fleet.docker(
            "run", "-d", "--name", f"web-{number}", IMAGE, "sh", "-c", f"echo said {number}; exec sleep 1000"
        )
    names = fleet.docker("ps", "--format", "{{.Names}}").splitlines()
    assert {name.partition("/")[0] for name in names} == {"h0", "h1", "h2"}
    assert {name.partition("/")[2] for name in names} == {"web-0", "web-1", "web-2"}
    wait_until(lambda: fleet.docker("logs", "web-1") == "said 1", what="the log")
    assert fleet.docker("exec", "web-2", "sh", "-c", "echo in; exit 0") == "in"
    fleet.docker("exec", "web-2", "sh", "-c", "exit 5", code=5)
    assert fleet.docker("exec", "-i", "web-0", "cat", stdin=b"typed\n") == "typed"
    whole = json.loads(fleet.docker("inspect", "web-0"))[0]
    assert whole["Node"]["Name"] == whole["Name"].split("/")[1]
    assert fleet.docker("run", "--rm", IMAGE, "echo", "once") == "once"
    fleet.docker("run", "--rm", IMAGE, "sh", "-c", "exit 7", code=7)
    assert "Nodes: 3" in fleet.docker("info")
    for number in range(_COUNT):
        fleet.docker("rm", "-f", f"web-{number}")
    assert fleet.docker("ps", "-aq") == ""


def test_volumes_networks_and_constraints(fleet: Fleet) -> None:
    """16.4.3, 16.4.6: a container goes where its constraint says; volumes are made everywhere."""
    fleet.docker("volume", "create", "data")
    assert fleet.docker("volume", "ls", "-q").splitlines() == ["h0/data", "h1/data", "h2/data"]
    fleet.docker(
        "run",
        "-d",
        "--name",
        "there",
        "-e",
        "constraint:node==h1",
        "-v",
        "data:/data",
        IMAGE,
        "sleep",
        "1000",
    )
    assert fleet.docker("ps", "--format", "{{.Names}}") == "h1/there"
    fleet.docker("rm", "-f", "there")
    fleet.docker("volume", "rm", "data")
    assert fleet.docker("volume", "ls", "-q") == ""
    fleet.docker("network", "create", "h2/front")
    assert "h2/front" in fleet.docker("network", "ls", "--format", "{{.Name}}").splitlines()
    fleet.docker("network", "rm", "h2/front")


def test_an_engine_that_is_killed_is_left_out_and_comes_back(fleet: Fleet) -> None:
    """16.4.4: its containers are shown as down, and as they are once it is back."""
    fleet.docker("run", "-d", "--name", "stays", "-e", "constraint:node==h2", IMAGE, "sleep", "1000")
    fleet.engines[2].stop(signal.SIGKILL)

    def statuses() -> str:
        return fleet.docker("ps", "-a", "--format", "{{.Names}} {{.Status}}")

    wait_until(lambda: statuses() == "h2/stays Host Down", what="the host that is down")
    assert fleet.docker("run", "--rm", IMAGE, "echo", "elsewhere") == "elsewhere"
    fleet.engines[2].start()
    wait_until(lambda: statuses().startswith("h2/stays") and "Host Down" not in statuses(), what="the engine")
    fleet.docker("rm", "-f", "stays")
