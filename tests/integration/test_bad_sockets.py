"""Control sockets that are none, readers that go away, and terminals that are not there: a sentence, never a hang."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from swarm_testkit.daemons import Daemon, daemon, private_directory, wait_until
from swarm_testkit.host import lacking
from swarm_testkit.programs import TUI, Case, as_nobody, faults, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("bad-sockets")]
HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.fixture
def directory() -> Iterator[Path]:
    with private_directory() as path:
        path.chmod(0o755)
        yield path


@contextlib.contextmanager
def answering(path: Path, answer: Callable[[socket.socket], object]) -> Iterator[Path]:
    """A socket where somebody else answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen(64)
        held: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    one, _ = listening.accept()
                    held.append(one)
                    with contextlib.suppress(OSError):
                        answer(one)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield path
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for one in held:
                one.close()


def say(data: bytes) -> Callable[[socket.socket], object]:
    def answer(one: socket.socket) -> None:
        one.recv(1)
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)

    return answer


def no_answer(one: socket.socket) -> None:
    """The connection stays open."""


def refused(cases: list[Case]) -> None:
    found = faults(TUI, "Error", cases)
    assert not found, "\n".join(found)


def status(path: Path | str, text: str, **more: object) -> Case:
    return Case(["--socket", str(path), "status"], 1, text, **more)  # type: ignore[arg-type]


def test_places_without_a_manager(directory: Path) -> None:
    """Whatever stands where a control socket is expected is named for what it is."""
    file = directory / "file"
    file.touch()
    dead = directory / "dead.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left_over:
        left_over.bind(str(dead))
    refused(
        [
            status(directory / "nothing", "does not exist"),
            status(file / "below", "does not exist"),
            status(file, "is not a socket"),
            status(directory, "is not a socket"),
            status(dead, "nobody listening"),
            status("", "path of a unix socket"),
            status("http://example.org", "path of a unix socket"),
            status("/" + "x" * 300, "File name too long"),
            Case(["status"], 1, "$SWARM_TUI_SOCKET", environment={"SWARM_TUI_SOCKET": str(file)}),
            Case(["service", "ls"], 1, "is not a socket", environment={"SWARM_TUI_SOCKET": str(file)}),
        ]
    )


def test_places_where_somebody_else_answers(directory: Path) -> None:
    """Servers of other kinds, silent ones and ones that hang up are told apart from a manager within seconds."""
    with (
        answering(directory / "http", say(HTTP)) as http,
        answering(directory / "garbage", say(os.urandom(5000))) as garbage,
        answering(directory / "closing", lambda one: one.close()) as closing,
        answering(directory / "silent", no_answer) as silent,
    ):
        refused(
            [
                status(http, str(http)),
                status(garbage, str(garbage)),
                status(closing, str(closing)),
                status(silent, "did not answer within"),
                Case(["--socket", str(silent), "watch"], 1, "did not answer within"),
                Case(["--socket", str(http), "secret", "create", "s", "/etc/hostname"], 1, str(http)),
            ]
        )


@pytest.mark.root
def test_a_socket_without_permission(directory: Path) -> None:
    """Another user's socket may not be opened, and that is what is said."""
    closed = directory / "closed.sock"
    with answering(closed, no_answer):
        closed.chmod(0o600)
        refused([status(closed, "may not be opened by this user", before=as_nobody())])
        directory.chmod(0o700)
        refused([status(closed, "may not be opened by this user", before=as_nobody())])


def test_contexts(directory: Path) -> None:
    """A context that is not there, in a file that is not there or is no TOML, is a sentence."""
    places = {"XDG_CONFIG_HOME": str(directory)}
    wanted = Case(["--context", "prod", "status"], 1, "does not exist", environment=places)
    refused([wanted])
    file = directory / "swarm-tui" / "contexts.toml"
    file.parent.mkdir()
    for content, text in (
        (b"not toml", "no valid TOML"),
        (b"\xff\xfe", "no valid TOML"),
        (b"contexts = 3", "'contexts' is no table"),
        (b"[contexts]\nprod = 3", "the context 'prod' is neither a path nor a table of texts"),
        (b"[contexts]\ntest = '/x'", "known are: test"),
    ):
        file.write_bytes(content)
        refused([Case(wanted.words, 1, text, environment=places)])
    file.unlink()
    file.mkdir()
    refused([Case(wanted.words, 1, str(file), environment=places)])


def test_no_cluster_at_all(directory: Path) -> None:
    """Without a node anywhere the first line says how to get one, and each further one a place that was tried."""
    outcome = run((*TUI, "status"), environment={"XDG_STATE_HOME": str(directory), "SWARM_TUI_SOCKET": ""})
    if outcome.code == 0:
        lacking("this machine has a swarm of its own")
    first, *others = outcome.err.splitlines()
    assert outcome.code == 1 and outcome.out == ""
    assert first.startswith("Error: No cluster found. Start one with 'swarm-tui up'")
    assert others and all(line.startswith("  ") for line in others)


@pytest.mark.root
def test_up_where_nothing_may_be_written(directory: Path) -> None:
    """`up` without a place for its state says so, and so does `down` where it may not look."""
    (directory / "file").touch()
    (directory / "closed").mkdir(mode=0o700)
    home = {"HOME": str(directory), "XDG_STATE_HOME": ""}
    refused(
        [
            Case(["up", "-d"], 1, "Permission denied", environment=home, before=as_nobody()),
            Case(
                ["down", "--state-dir", str(directory / "closed" / "x")],
                1,
                "Permission denied",
                before=as_nobody(),
            ),
            Case(["up", "-d", "--state-dir", str(directory / "file")], 1, str(directory / "file")),
            Case(["up", "-d", "--state-dir", str(directory / "file" / "below")], 1, "Not a directory"),
            Case(["up", "-d", "--state-dir", f"/{'x' * 300}/{'x' * 100}"], 1, "File name too long"),
        ]
    )


@pytest.fixture(scope="module")
def node() -> Iterator[Daemon]:
    with daemon() as node:
        wait_until(lambda: "the node is ready" in node.log.read_text(), what="the node")
        for number in range(3):
            name = ("config", "create", f"c{number}", "/etc/hostname")
            assert run((*TUI, "--socket", str(node.socket), *name)).code == 0
        yield node


def test_a_dashboard_without_a_terminal(node: Daemon) -> None:
    """Without a terminal the dashboard is not opened, and that is said."""
    refused([Case(["--socket", str(node.socket)], 2, "needs a terminal"), Case([], 2, "needs a terminal")])


def piped(node: Daemon, line: str) -> subprocess.CompletedProcess[str]:
    """A shell line in which $TUI is the command."""
    command = " ".join([*TUI, "--socket", str(node.socket)])
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], env={**os.environ, "TUI": command},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", ["config ls", "config inspect c0 c1 c2", "status", "--help"])
def test_a_reader_that_leaves(node: Daemon, command: str) -> None:
    """A reader that has seen enough ends the command without a word."""
    done = piped(node, f"$TUI {command} | head -c 1")
    assert done.stderr == ""
    assert len(done.stdout) == 1


@pytest.mark.parametrize("command", ["config ls", "status", "--help"])
def test_output_that_cannot_be_written(node: Daemon, command: str) -> None:
    """A full disk behind standard output is a sentence and an exit code, not a short listing."""
    done = piped(node, f"$TUI {command} > /dev/full")
    assert (done.returncode, done.stderr) == (1, "Error: Input or output failed: No space left on device.\n")


@pytest.fixture(scope="module")
def talker(node: Daemon) -> str:
    """A service whose task writes a line now and then."""
    script = "while echo x; do sleep 0.1; done"
    create = ("service", "create", "--name", "talker", "--runtime", "process", "--", "sh", "-c", script)
    assert run((*TUI, "--socket", str(node.socket), *create)).code == 0
    return "talker"


@pytest.mark.parametrize(
    "command", ["watch", "service logs -f {talker}", "service create --name late --constraint node.id==x img"]
)
def test_an_interrupt(node: Daemon, talker: str, command: str) -> None:
    """Ctrl-C ends a command that goes on, at once, with 130 and no message."""
    words = [*TUI, "--socket", str(node.socket), *command.format(talker=talker).split()]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.read(1)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in err and b"Error" not in err
