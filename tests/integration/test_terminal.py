"""The built program in a real terminal (tmux): from nothing to a running service with the keyboard alone."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.host import lacking
from swarm_testkit.terminal import COMMAND, Terminal

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


@pytest.fixture
def home() -> Iterator[Path]:
    if shutil.which("tmux") is None:
        lacking("tmux is not installed")
    with private_directory() as directory:
        yield directory
        Daemon(directory / "s").destroy()


def _running(*texts: str) -> list[psutil.Process]:
    """Processes whose command line has all of these."""
    lines = ((one, " ".join(one.info["cmdline"] or [])) for one in psutil.process_iter(["cmdline"]))
    return [one for one, line in lines if all(text in line for text in texts)]


def test_from_nothing_to_a_running_service(home: Path) -> None:
    """`up`, a service made with the form, scaled, its log read, removed; `down` leaves nothing behind."""
    terminal = Terminal(home, 132, 40)
    state = home / "s"
    try:
        terminal.type(f"{COMMAND} up --state-dir {state} --executor process")
        terminal.press("Enter")
        terminal.until("Services")
        terminal.until("● ready")
        terminal.press("n")
        terminal.until("New service")
        terminal.type("ticker")
        terminal.until("✓ free")
        terminal.press("Tab")
        terminal.until("(•) process")  # as no node runs containers
        terminal.press("Tab")
        terminal.type("sh -c 'while true; do echo tick; sleep 0.2; done'")
        terminal.until("✓ runs sh")
        terminal.press("Tab", "Tab")
        terminal.type("3")  # instead of the one that stands there
        terminal.until("Tasks         3")
        terminal.press("C-g")
        terminal.until("y go on")
        terminal.press("y")
        terminal.until("3/3")
        terminal.press("3")
        terminal.until("SERVICE↑")
        terminal.press("l")
        terminal.until("Logs · ticker")
        terminal.until("│ tick")
        terminal.press("Escape")
        terminal.until("IMAGE")  # an escape with a letter right behind it would be another key
        terminal.press("s")
        terminal.until("Scale")
        terminal.type("=1")
        terminal.press("Enter")
        terminal.until("y go on")
        terminal.press("y")
        terminal.until("1/1")
        dashboard = COMMAND, f"up --state-dir {state}"
        assert _running(*dashboard)
        terminal.press("q")
        terminal.until("In motion")
        terminal.press("q")
        terminal.until("goes on without the dashboard")
        terminal.press("y")
        terminal.until("$" if os.geteuid() else "#")
        # It gives the terminal back a moment before it ends.
        wait_until(lambda: not _running(*dashboard), what="the dashboard's end")
        assert _running("echo tick"), "leaving the dashboard stopped the tasks"
        done = subprocess.run(
            [COMMAND, "down", "--state-dir", str(state), "--stop-tasks"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert _running(str(state)) == []
    finally:
        terminal.close()


def test_connection_loss_is_shown_and_mended(home: Path) -> None:
    """When the daemon is killed the screen says so and keeps what it knew; when it is back, it is live again."""
    terminal = Terminal(home, 120, 30)
    node = Daemon(home / "s").start()
    try:
        wait_until(node.socket.exists, what="the control socket")
        terminal.type(f"{COMMAND} --socket {node.socket}")
        terminal.press("Enter")
        terminal.until("live")
        node.kill_manager()
        node.kill()
        shown = terminal.until("STALE")
        assert "Traceback" not in shown
        assert "Nodes" in shown
        node.start()
        assert "STALE" not in terminal.until("live")
    finally:
        terminal.close()
        node.destroy()


def test_down_while_the_dashboard_that_up_opened_is_open(home: Path) -> None:
    """`down` ends the node though the program that started it has not taken it away; the dashboard says what is so and how the
    node comes back, and is live again once it has."""
    terminal = Terminal(home, 120, 30)
    state = home / "s"
    there = ["--state-dir", str(state)]
    try:
        port = f"127.0.0.1:{free_port()}"
        terminal.type(f"{COMMAND} up --executor process --state-dir {state} --listen-remote-api {port}")
        terminal.press("Enter")
        terminal.until("live")
        down = subprocess.run([COMMAND, "down", *there], capture_output=True, text=True)
        assert (down.returncode, down.stdout) == (0, "The node has ended.\n"), down.stderr
        terminal.until("STALE")
        terminal.until("brings it back")
        up = subprocess.run([COMMAND, "up", "--detach", *there], capture_output=True, text=True)
        assert up.returncode == 0, up.stderr
        terminal.until("live")
    finally:
        terminal.close()
        subprocess.run([COMMAND, "down", *there], capture_output=True)


FOLLOWED = {
    "service logs --follow teller": r"line-(\d+)-",
    "watch service --existing": r'"event": ?"(existing|created?)"',
    "top nodes": r"(MEM %)",
}
"""Commands that go on, with what each shows of something that happens."""


@pytest.mark.parametrize("command", FOLLOWED, ids=lambda command: command.split(" -")[0])
def test_what_follows_is_stopped_and_goes_on(home: Path, command: str) -> None:
    """ctrl+z gives the terminal back to the shell at once; after fg nothing that happened meanwhile is missing or told twice, and ctrl+c ends it."""
    terminal = Terminal(home, 100, 30)
    node = Daemon(home / "s").start()

    def made(name: str, script: str) -> None:
        words = [
            "--socket",
            str(node.socket),
            "service",
            "create",
            "-d",
            "--name",
            name,
            "--runtime",
            "process",
        ]
        done = subprocess.run([COMMAND, *words, "--", "sh", "-c", script], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def shown() -> list[str]:
        return re.findall(FOLLOWED[command], terminal.history())

    try:
        wait_until(node.socket.exists, what="the control socket")
        made("teller", "n=0; while :; do n=$((n+1)); echo line-$n-; sleep 0.5; done")
        terminal.type(f"{COMMAND} --socket {node.socket} {command}")
        terminal.press("Enter")
        wait_until(shown, what=f"what {command} shows")
        terminal.press("C-z")
        terminal.until("Stopped")
        before = shown()
        made("late-2", "sleep 86403")
        terminal.type("echo the shell answers")
        terminal.press("Enter")
        wait_until(lambda: terminal.history().count("the shell answers") == 2, what="the shell's answer")
        assert shown() == before
        terminal.type("fg")
        terminal.press("Enter")
        if command.startswith("top"):
            terminal.gone("the shell answers")
            terminal.until("MEM %")
        else:
            wait_until(lambda: len(shown()) > len(before), what="what happened meanwhile")
        terminal.press("C-c")
        terminal.type("echo code-$?-")
        terminal.press("Enter")
        wait_until(lambda: "code-130-" in terminal.history(), what="its end")
        found = shown()
        if command.startswith("service"):
            numbers = [int(number) for number in found]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        elif command.startswith("watch"):
            assert [one[:6] for one in found] == ["existi", "create"]
    finally:
        terminal.close()
        node.destroy()
