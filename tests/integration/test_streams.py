"""Commands whose standard streams are closed, are pipes that nobody reads, or lead to a full disk."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_testkit.daemons import Daemon, daemon, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.programs import LIMIT_S, TUI

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow, pytest.mark.xdist_group("streams")]
READER_GONE = 141
HEARD = "heard"
QUIET = (
    "version",
    "--help",
    "status",
    "node ls",
    "service ls",
    "service create --help",
    "cluster join-token worker",
    "watch",
)


@pytest.fixture(scope="module")
def node() -> Iterator[Daemon]:
    with daemon() as one:
        wait_until(one.socket.exists, what="the control socket")
        yield one


def shell(script: str, node: Daemon) -> tuple[int, str, str]:
    """Run a line of shell in which `tui` is our program; its code, output and error output."""
    words = " ".join(f"'{word}'" for word in (*TUI, "--socket", str(node.socket)))
    done = subprocess.run(
        ["bash", "-c", f'tui() {{ {words} "$@"; }}; {script}'],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", QUIET)
def test_a_reader_that_goes_at_once(node: Daemon, command: str) -> None:
    """The command ends, silently, with the code of a program that wrote into a pipe that nobody reads."""
    code, _, said = shell(f"tui {command} | true; exit ${{PIPESTATUS[0]}}", node)
    assert (code, said) == (READER_GONE, "") or (code, said) == (0, ""), (code, said)


def test_a_follower_ends_with_its_reader(node: Daemon) -> None:
    """`watch | head` ends though nothing more happens."""
    code, out, said = shell("tui watch node --existing | head -1; exit ${PIPESTATUS[0]}", node)
    assert (code, said) == (READER_GONE, "")
    assert json.loads(out)["event"] == "existing"


def test_a_change_is_made_whoever_reads(node: Daemon) -> None:
    """A command that changes the cluster does so before it notices that nobody reads what it prints."""
    shell("printf x | tui secret create unread - | true", node)
    code, out, _ = shell("tui secret ls", node)
    assert code == 0 and "unread" in out


@pytest.mark.parametrize("command", QUIET[:-1])
def test_a_full_disk(node: Daemon, command: str) -> None:
    """What cannot be written is a failure with one sentence, and no traceback of the interpreter's last words."""
    code, _, said = shell(f"tui {command} > /dev/full", node)
    assert code == 1
    assert said == "Error: Input or output failed: No space left on device.\n"


def test_a_full_disk_behind_both(node: Daemon) -> None:
    """Where the failure cannot be told either, the code tells it."""
    code, out, said = shell("tui node ls > /dev/full 2>&1", node)
    assert (code, out, said) == (1, "", "")
    code, out, said = shell("tui node inspect nobody 2> /dev/full", node)
    assert (code, out) == (1, "")


@pytest.mark.parametrize("command", QUIET[:-1])
def test_a_closed_output(node: Daemon, command: str) -> None:
    """Output that has nowhere to go is a failure."""
    code, _, said = shell(f"tui {command} >&-", node)
    assert code == 1
    assert re.fullmatch(r"Error: Input or output failed: Bad file descriptor\.\n", said)


def test_closed_streams_that_are_not_needed(node: Daemon) -> None:
    """A command works with its input and its error output closed, and nothing lands in what it opens."""
    code, out, said = shell("tui node ls <&- 2>&-", node)
    assert code == 0 and "HOSTNAME" in out and said == ""
    code, out, _ = shell("tui node inspect nobody <&- >&- 2>&-", node)
    assert (code, out) == (1, "")


def test_a_closed_input_is_not_an_empty_one(node: Daemon) -> None:
    """A secret is not made of nothing because somebody closed the stream that it should come from."""
    code, _, said = shell("tui secret create hollow - <&-", node)
    assert code == 1 and "Traceback" not in said and said.startswith("Error: ")
    assert "hollow" not in shell("tui secret ls", node)[1]


def test_a_state_directory_is_opened_safely_without_streams(tmp_path: Path) -> None:
    """`up` with all streams closed starts a node whose files hold nothing of what was printed."""
    state = tmp_path / "s"
    there = ["--state-dir", str(state), "--listen-remote-api", f"127.0.0.1:{free_port()}"]
    words = " ".join([*TUI, "up", "--detach", "--executor", "process", *there])
    try:
        subprocess.run(["bash", "-c", f"{words} <&- >&- 2>&-"], timeout=LIMIT_S, check=False)
        assert set(json.loads((state / "up.json").read_text())) >= {"listen_remote_api"}
        assert b"The node is up" not in b"".join(
            path.read_bytes() for path in state.iterdir() if path.is_file()
        )
    finally:
        subprocess.run(
            [*TUI, "down", "--state-dir", str(state)], timeout=LIMIT_S, check=False, capture_output=True
        )
        node = Daemon(state)
        node.destroy()
    assert not os.path.exists(state / "control.sock")


def test_a_secret_that_is_typed(node: Daemon) -> None:
    """On a terminal a secret is asked for, twice, and not shown; one that was typed differently is asked for again."""
    master, slave = os.openpty()
    command = [*TUI, "--socket", str(node.socket), "secret", "create", "typed"]
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as creating:
        os.close(slave)
        shown = b""
        for asked, answer in (
            (b"(not shown): ", b"hunter2"), (b"Once more: ", b"hunter3"), (b"(not shown): ", b"hunter2"), (b"Once more: ", b"hunter2")
        ):  # fmt: skip
            begin = len(shown)
            while asked not in shown[begin:]:
                shown += os.read(master, 4096)
            os.write(master, answer + b"\n")
        assert creating.wait(LIMIT_S) == 0
        os.set_blocking(master, False)
        with contextlib.suppress(BlockingIOError, OSError):
            shown += os.read(master, 4096)
    os.close(master)
    assert b"hunter" not in shown
    assert "typed" in shell("tui secret ls", node)[1]


@pytest.mark.parametrize("command", ["watch node --existing", "top nodes", "service logs --follow teller"])
def test_a_terminal_that_goes_away(node: Daemon, command: str) -> None:
    """What follows ends with its terminal, without a word."""
    teller = f"service create -d --name teller --runtime process -- sh -c 'while :; do echo {HEARD}; sleep 1; done'"
    if "teller" in command:
        assert shell(f"tui {teller}", node)[0] == 0
    pid, ours = pty.fork()
    if pid == 0:
        os.execvp(TUI[0], [*TUI, "--socket", str(node.socket), *command.split()])
    shown = b""
    try:
        while not any(word in shown for word in (b"existing", b"NODE", HEARD.encode())):
            shown += os.read(ours, 4096)
    finally:
        os.close(ours)
        ended = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGHUP
