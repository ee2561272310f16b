"""docker's own command over three real engines, through the socket of `engine serve` (docs/design/engine-commands.md 16.4), and the dashboard of
them in a terminal (docs/design/engine-views.md)."""

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from swarm_testkit.daemons import wait_until
from swarm_testkit.engines import IMAGE, Engine, own_id, private_engine
from swarm_testkit.programs import TUI, run
from swarm_testkit.terminal import COMMAND, Terminal

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.xdist_group("many-engines"),
    pytest.mark.timeout(300),
]
_COUNT = 3


class Fleet:
    """Three engines and the socket over them."""

    def __init__(self, engines: list[Engine], directory: Path) -> None:
        self.engines, self.directory = engines, directory
        self.log = directory / "log"

    def docker(self, *words: str, stdin: bytes | None = None, code: int = 0, by: str = "spread") -> str:
        """What docker's command says, through the socket of a strategy; what it says of an error, where one is due."""
        done = subprocess.run(
            ["docker", "-H", f"unix://{self.directory}/{by or 'spread'}.sock", *words],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return (done.stderr if code else done.stdout).decode().strip()

    def knows(self, name: str) -> bool:
        """Whether the socket that spreads has this container in its tables."""
        words = ["docker", "-H", f"unix://{self.directory}/spread.sock", "inspect", name]
        return not subprocess.run(words, capture_output=True, check=False, timeout=120).returncode

    def counts(self, name: str) -> Counter[str]:
        """How many containers of that name each engine has."""
        found = self.docker("ps", "-a", "--filter", f"name={name}", "--format", "{{.Names}}").splitlines()
        return Counter(one.partition("/")[0] for one in found)

    def engine_words(self) -> dict[str, str]:
        """What a command says of each engine."""
        words = ["engine", "ls", "--engines", str(self.directory / "list.toml")]
        told = run([*TUI, *words, "--format", "{{.Name}} {{.Status}}"])
        return dict(line.split() for line in told.out.splitlines())

    def answers(self) -> bool:
        sockets = [self.directory / f"{by}.sock" for by in ("spread", "binpack")]
        commands = [["docker", "-H", f"unix://{socket}", "version"] for socket in sockets]
        return not any(
            subprocess.run(one, capture_output=True, check=False, timeout=120).returncode for one in commands
        )


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
                private_engine(
                    _made(directory / f"e{number}"),
                    flags=(
                        *own_id(directory / f"e{number}"),
                        *("--label", f"zone=z{number}"),
                        *(("--label", "containerslots=9") if number == 0 else ()),
                    ),
                )
            )
            for number in range(_COUNT)
        ]
        (directory / "list.toml").write_text(
            "[engines]\n" + "".join(f'h{number} = "{engine.url}"\n' for number, engine in enumerate(engines))
        )
        for by, more in (("spread", ("--watchdog", "--watchdog-after", "1")), ("binpack", ())):
            stack.enter_context(_served(directory, by, *more))
        found = Fleet(engines, directory)
        wait_until(found.answers, what="the sockets over three engines")
        for by in ("spread", "binpack"):
            wait_until(
                lambda socket=by: found.docker("info", by=socket).count("Status: healthy") == _COUNT,  # type: ignore[misc]
                what="three engines",
            )
        yield found


@contextmanager
def _served(directory: Path, strategy: str, *more: str) -> Iterator[None]:
    """A socket over all engines that places so."""
    words = ["engine", "serve", "--engines", str(directory / "list.toml"), "--strategy", strategy, *more]
    words += ["-H", f"unix://{directory}/{strategy}.sock"]
    environment = {**os.environ, "XDG_STATE_HOME": str(directory)}
    name = "log" if strategy == "spread" else f"log-{strategy}"
    with (directory / name).open("wb") as log:
        serving = subprocess.Popen(
            [*TUI, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        )
        try:
            yield
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


def test_thirty_containers_and_a_killed_engine(fleet: Fleet) -> None:
    """N8, N10, 16.4: placed by spread and by binpack with filters; one daemon killed; what asks for it runs elsewhere; the engine is back."""
    sleeping = (IMAGE, "sleep", "100000")

    def create(name: str, *words: str, by: str = "", code: int = 0) -> str:
        return fleet.docker("create", "--name", name, *words, *sleeping, by=by, code=code)

    for number in range(15):
        create(f"spread-{number}")
    assert fleet.counts("spread") == {"h0": 5, "h1": 5, "h2": 5}
    part = str(int(fleet.engines[0].docker("info", "--format", "{{.MemTotal}}")) * 3 // 10)
    for number in range(8):
        create(f"pack-{number}", "--memory", part, by="binpack")
    assert sorted(fleet.counts("pack").values()) == [2, 3, 3]
    for number in range(3):
        create(f"port-{number}", "-p", "8080:80")
    assert set(fleet.counts("port")) == {"h0", "h1", "h2"}
    refused = create("port-3", "-p", "8080:80", code=1)
    assert "h1 port 8080/tcp is taken by" in refused
    create("there", "-e", "constraint:zone==z1")
    create("near", "-e", "affinity:container==there")
    assert fleet.counts("there") == fleet.counts("near") == {"h1": 1}
    # What was made through the other socket is known here within a second.
    for number in range(8):
        wait_until(lambda name=f"pack-{number}": fleet.knows(name), what="the containers of the other")  # type: ignore[misc]
    # Which of three equal engines binpack takes last is chance: h0 has room for none, or for one more.
    filling = 9 - fleet.counts("")["h0"]
    for number in range(filling):
        create(f"fill-{number}", "-e", "constraint:node==h0")
    assert "has 9 of at most 9 containers" in create("full", "-e", "constraint:node==h0", code=1)
    for name, asked in (("moves", ("-e", "reschedule:on-node-failure")), ("stays", ())):
        fleet.docker("run", "-d", "--name", name, "-e", "constraint:node==~h2", *asked, *sleeping)
    assert len(fleet.docker("ps", "-aq").splitlines()) == 30 + filling
    with _dashboard(fleet) as terminal:
        _run_from_form(terminal, "formed")
        _lose_and_regain(fleet, terminal)
    names = [
        name.partition("/")[2] for name in fleet.docker("ps", "-a", "--format", "{{.Names}}").splitlines()
    ]
    assert len(names) == len(set(names)) == 31 + filling
    told = fleet.log.read_text()
    assert "engine h2 is not reached any more" in told and "engine h2 is back." in told
    assert "container moves of engine h2 is made anew on h" in told
    fleet.docker("rm", "-f", *names)


@contextmanager
def _dashboard(fleet: Fleet) -> Iterator[Terminal]:
    """The engines' own dashboard in a terminal."""
    terminal = Terminal(fleet.directory, 150, 40)
    try:
        terminal.type(f"{COMMAND} engine ui --engines {fleet.directory / 'list.toml'}")
        terminal.press("Enter")
        terminal.until("engines: 3")
        for name in ("h0", "h1", "h2"):
            terminal.until_line(name, "healthy")
        yield terminal
    finally:
        terminal.close()


def _run_from_form(terminal: Terminal, name: str) -> None:
    """18.5.6: the plan says where it goes; it is in the list, and runs."""
    terminal.press("V")
    terminal.until("─ Containers ─")
    terminal.press("n")
    terminal.until("─ New container ─")
    terminal.type(name)
    terminal.until("✓ free")
    terminal.press("Tab")
    terminal.type(IMAGE)
    terminal.press("Tab")
    terminal.type("sleep 100000")
    terminal.press("C-g")
    terminal.until("made and started on h")
    terminal.press("y")
    terminal.until(f"{name} runs")
    _only(terminal, name)
    terminal.until_line(name, "running")


def _only(terminal: Terminal, name: str) -> None:
    """Cut the list of containers down to a name."""
    terminal.type("/")
    terminal.press("C-u")
    terminal.type(name)
    terminal.press("Enter")


def _lose_and_regain(fleet: Fleet, terminal: Terminal) -> None:
    """N10, 16.4: one daemon is killed; what asks for it runs elsewhere, and the engine is back; on screen and by docker's command."""
    _only(terminal, "moves")
    terminal.until_line("h2", "moves", "running")
    fleet.engines[2].stop(signal.SIGKILL)

    def statuses(name: str) -> str:
        return fleet.docker("ps", "-a", "--filter", f"name={name}", "--format", "{{.Names}} {{.Status}}")

    wait_until(lambda: "Status: unhealthy" in fleet.docker("info"), what="the engine that is unhealthy")
    assert fleet.engine_words()["h2"] == "unhealthy"
    terminal.until("· 1 unhealthy")
    assert "h2/stays Host Down" in fleet.docker("ps", "-a", "--format", "{{.Names}} {{.Status}}")
    wait_until(lambda: "Up" in statuses("moves"), what="the container elsewhere")
    assert fleet.docker("exec", "moves", "hostname")
    where = statuses("moves").partition("/")[0]
    terminal.until_line(where, "moves", "running")
    _only(terminal, "stays")
    terminal.until_line("h2", "stays")
    terminal.press("x")
    terminal.until("Could not run sh in stays")  # and the screen is there again
    terminal.press(*["V"] * 5)
    terminal.until("─ Engines ─")
    terminal.until_line("h2", "unhealthy", "does not answer")

    fleet.engines[2].start()
    wait_until(lambda: statuses("stays").startswith("h2/stays Exited"), what="the engine")
    wait_until(lambda: fleet.engine_words() == dict.fromkeys(("h0", "h1", "h2"), "healthy"), what="its word")
    wait_until(lambda: len(statuses("moves").splitlines()) == 1, what="one container of two")
    assert not statuses("moves").startswith("h2/")
    terminal.until_line("h2", "healthy")
    terminal.press("V")
    terminal.until("─ Containers ─")
    _only(terminal, "moves")
    terminal.until_line(where, "moves", "running")
    # The dashboard hears by itself, and later, that the other one is gone.
    terminal.until_that(
        lambda text: not any(line.split()[1:3] == ["h2", "moves"] for line in text.splitlines()),
        "one line of two",
    )
