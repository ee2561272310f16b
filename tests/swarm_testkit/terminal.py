"""A real terminal (tmux) with our program in it: typed into, and read."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

from swarm_testkit.daemons import wait_until

_LONGEST_S: Final = 0.1
"""A look starts a program; some of what a screen shows stands there for a moment only."""
_END_S: Final = 60.0
"""So long what runs in a terminal has to end with it."""
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

    def run(self, *command: str) -> None:
        """A command of tmux."""
        subprocess.run([*self.base, *command], check=True)

    def type(self, text: str) -> None:
        """Literal characters."""
        self.run("send-keys", "-t", "t", "-l", text)

    def press(self, *keys: str) -> None:
        """Named keys, as tmux calls them."""
        self.run("send-keys", "-t", "t", *keys)

    def screen(self) -> str:
        done = subprocess.run(
            [*self.base, "capture-pane", "-t", "t", "-p"], check=True, capture_output=True, text=True
        )
        return done.stdout

    def history(self) -> str:
        """All that was written, lines that go on in the next row as one."""
        shown = [*self.base, "capture-pane", "-t", "t", "-p", "-J", "-S", "-"]
        return subprocess.run(shown, check=True, capture_output=True, text=True).stdout

    def until(self, text: str, seconds: float = 60) -> str:
        """Wait until the screen shows `text`; that screen."""
        return self.until_that(lambda screen: text in screen, f"{text!r} on the screen", seconds)

    def until_line(self, *words: str, seconds: float = 60) -> None:
        """Wait until one line of the screen has all of these, as words or parts of them."""
        self.until_that(
            lambda text: any(all(word in line for word in words) for line in text.splitlines()),
            f"a line with {words}",
            seconds,
        )

    def until_that(self, holds: Callable[[str], object], what: str, seconds: float = 60) -> str:
        """Wait until something holds of the screen; the one of which it holds: the next may be another."""
        seen = ""

        def look() -> bool:
            nonlocal seen
            seen = self.screen()
            return bool(holds(seen))

        try:
            wait_until(look, seconds=seconds, what=what, longest_s=_LONGEST_S)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{seen}") from None
        return seen

    def gone(self, text: str, seconds: float = 60) -> str:
        """Wait until the screen does not show `text` any more; that screen."""
        return self.until_that(lambda screen: text not in screen, f"a screen without {text!r}", seconds)

    def close(self) -> None:
        """End it, and wait for the end of what runs in it. What has left the terminal, such as a node, goes on."""
        programs = self._programs()
        subprocess.run([*self.base, "kill-server"], check=False, capture_output=True)
        end = time.monotonic() + _END_S
        while any(map(_runs, programs)) and time.monotonic() < end:
            time.sleep(_LONGEST_S)
        for one in programs:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()

    def _programs(self) -> list[psutil.Process]:
        """The shell, and whatever has this terminal."""
        shown = [*self.base, "list-panes", "-a", "-F", "#{pane_tty}"]
        terminals = subprocess.run(shown, check=False, capture_output=True, text=True).stdout.split()
        every = psutil.process_iter(["terminal"])
        return [one for one in every if one.info["terminal"] in terminals]


def _runs(program: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(program.is_running() and program.status() != psutil.STATUS_ZOMBIE)
    return False
