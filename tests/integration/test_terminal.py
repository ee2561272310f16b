"""The built program in a real terminal (tmux): from nothing to a running service with the keyboard alone."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from swarm_testkit.daemons import Daemon, private_directory, wait_until

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]
COMMAND = str(Path(sys.executable).parent / "swarm-tui")


class Terminal:
    """One tmux server of its own, one window."""

    def __init__(self, directory: Path, columns: int, rows: int) -> None:
        self.base = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        environment = {**os.environ, "HOME": str(directory), "LANG": "C.UTF-8", "TERM": "xterm-256color"}
        subprocess.run(
            [*self.base, "new-session", "-d", "-s", "t", "-x", str(columns), "-y", str(rows)],
            check=True,
            env=environment,
        )

    def type(self, text: str) -> None:
        """Literal characters."""
        subprocess.run([*self.base, "send-keys", "-t", "t", "-l", text], check=True)

    def press(self, *keys: str) -> None:
        """Named keys, as tmux calls them."""
        subprocess.run([*self.base, "send-keys", "-t", "t", *keys], check=True)

    def screen(self) -> str:
        done = subprocess.run(
            [*self.base, "capture-pane", "-t", "t", "-p"], check=True, capture_output=True, text=True
        )
        return done.stdout

    def until(self, text: str, seconds: float = 30) -> str:
        """Wait until the screen shows `text`."""
        try:
            wait_until(lambda: text in self.screen(), seconds=seconds, what=f"{text!r} on the screen")
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None
        return self.screen()

    def close(self) -> None:
        subprocess.run([*self.base, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def home() -> Iterator[Path]:
    if shutil.which("tmux") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("tmux is not installed")
        pytest.skip("tmux is not installed")
    with private_directory() as directory:
        yield directory
        Daemon(directory / "s").destroy()


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
        terminal.press("Tab", "Right")
        terminal.until("(•) process")
        terminal.press("Tab")
        terminal.type("sh -c 'while true; do echo tick; sleep 0.2; done'")
        terminal.until("✓ runs sh")
        terminal.press("Tab")
        terminal.press("BSpace")
        terminal.until("needed")
        terminal.type("3")
        terminal.until("Replicas      3")
        terminal.press("C-g")
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
        terminal.until("1/1")
        terminal.press("q")
        terminal.press("y")
        terminal.until("$" if os.geteuid() else "#")
        ticking = [
            p for p in psutil.process_iter(["cmdline"]) if "echo tick" in " ".join(p.info["cmdline"] or [])
        ]
        assert ticking, "leaving the dashboard stopped the tasks"
        done = subprocess.run(
            [COMMAND, "down", "--state-dir", str(state), "--stop-tasks"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        left = [
            p for p in psutil.process_iter(["cmdline"]) if str(state) in " ".join(p.info["cmdline"] or [])
        ]
        assert left == []
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
        terminal.until("live")
        assert "STALE" not in terminal.screen()
    finally:
        terminal.close()
        node.destroy()
