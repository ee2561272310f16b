"""A day's walk in a real terminal (tmux): create, scale, update, failing update, why, rollback, drain, logs, shell, rewind, by keys alone.

The same keys walk on a cluster of ours with processes and on a Docker Engine's swarm; what the engine has no counterpart for is said on
screen. Every step waits for what the step shows.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.host import lacking
from swarm_testkit.terminal import COMMAND, Terminal

pytestmark = [pytest.mark.timeout(480), pytest.mark.slow]

# Ends with 0 when it is asked to: a task that the drain stops is no incident.
_TALK = 'trap "exit 0" TERM; while :; do echo hello; sleep 0.2; done'
_BREAK = "echo boom >&2; exit 3"


@pytest.fixture
def home() -> Iterator[Path]:
    if shutil.which("tmux") is None:
        lacking("tmux is not installed")
    with private_directory() as directory:
        yield directory


@dataclass(frozen=True, slots=True)
class Walk:
    """The keys, and what each must show."""

    at: Terminal
    has_image: bool
    """Whether it is containers: the dialog of updates has one more field."""

    def enter(self, socket: Path) -> None:
        self.at.type(f"{COMMAND} --socket {socket}")
        self.at.press("Enter")
        self.at.until("no services yet · n creates one")
        self.at.until("● ready")

    def agree(self, *sentences: str) -> None:
        """Read the plan and go on."""
        self.at.until("y go on")
        for sentence in sentences:
            self.at.until(sentence)
        self.at.press("y")
        self.at.gone("y go on")

    def services(self) -> None:
        self.at.press("3")
        self.at.until("SERVICE↑")

    def scale(self) -> None:
        self.services()
        self.at.press("s")
        self.at.until("1 replica now")
        self.at.type("3")
        self.at.until("✓ 1 → 3")
        self.at.press("Enter")
        self.agree("~ web: scaled 1 → 3", "docker service scale web=3")
        self.at.until(" 3/3 ")

    def update(self) -> None:
        """Another environment, task by task, until it is complete."""
        self.at.press("u")
        self.at.until("Nothing is changed yet.")
        self.at.press(*["Tab"] * (1 + self.has_image))
        self.at.type("GREETING=hi")
        self.at.until("3 of 3 tasks restart, one at a time.")
        self.at.press("Enter")
        self.agree("env +GREETING")
        self.at.until("⟳  web")
        self.at.until("●  web")

    def fail(self) -> None:
        """A version that ends at once: the update is held, and the screen says why."""
        self.at.press("u")
        self.at.until("Nothing is changed yet.")
        if self.has_image:
            self.at.press("Tab")
        self.at.press("End", "C-u")
        self.at.type(f'sh -c "{_BREAK}"')
        self.at.until("A new task that fails")
        self.at.press("Enter")
        self.agree("boom")
        self.at.until("▲  web")

    def why(self) -> None:
        self.at.press("w")
        self.at.until("Its update is paused")
        shown = self.at.until("[1] roll web back to the spec before")
        assert "3" in shown

    def roll_back(self) -> None:
        """By the nearest fix of the screen that says why."""
        self.at.press("Enter")
        self.agree("docker service rollback web")
        self.at.press("Escape")
        self.at.until("SERVICE↑")
        self.at.until("●  web")
        self.at.until(" 3/3 ")

    def drain(self) -> None:
        """The only node: the plan counts what has nowhere to go, and why says how to mend it."""
        self.at.press("2")
        self.at.until("AVAIL")
        self.at.press("a")
        self.at.until("its tasks move to other nodes")
        self.at.press("Down", "Down", "Enter")
        self.at.until("3 running tasks will stop")
        asked = re.compile(r"Type (\S+) to go on")
        found = asked.search(self.at.until_that(asked.search, "the word to type"))
        assert found is not None
        name = found[1]
        self.at.type(name)
        self.at.press("Enter")
        self.at.until("drain  ")
        self.services()
        self.at.until("✖  web")
        self.at.until(" 0/3 ")
        self.at.press("w")
        self.at.until(f"[1] activate {name}")
        self.at.press("Enter")
        self.agree("drain → active")
        self.at.press("Escape")
        self.at.until("SERVICE↑")
        self.at.until(" 3/3 ")

    def logs(self) -> None:
        self.at.press("l")
        self.at.until("Logs · web")
        self.at.until("│ hello")
        self.at.press("Escape")
        self.at.until("SERVICE↑")
        self.at.press("p")
        self.at.until("ended attempts")
        self.at.type("!")
        self.at.until("│ boom")
        self.at.type("!")
        self.at.until("│ hello")
        self.at.press("Escape")
        self.at.until("SERVICE↑")

    def rewind(self) -> None:
        """Back to the failing update, where nothing can be changed, and to now."""
        self.at.press("C-t")
        self.at.until("◀ REWIND")
        self.at.press("<")
        # What has changed since: the command was rolled back.
        self.at.until("web  command" if self.has_image else f"web  sh -c {_BREAK} →")
        self.at.press("s")
        self.at.until("this is the past")
        self.at.press("C-t")
        self.at.until("● live")
        self.at.until(" 3/3 ")

    def leave(self) -> None:
        self.at.press("C-q")
        self.at.gone("● live")


def test_on_a_cluster_of_ours(home: Path) -> None:
    """Processes on an embedded cluster of one node, from the form to the past."""
    node = Daemon(home / "s").start()
    terminal = Terminal(home, 132, 40)
    walk = Walk(terminal, has_image=False)
    try:
        wait_until(node.socket.exists, what="the control socket")
        walk.enter(node.socket)
        terminal.press("n")
        terminal.until("New service")
        terminal.type("web")
        terminal.until("✓ free")
        terminal.press("Tab")
        terminal.until("(•) process")
        terminal.press("Tab")
        terminal.type(f"sh -c '{_TALK}'")
        terminal.until("✓ runs sh")
        terminal.press("C-g")
        walk.agree("~ web: created", "Tasks: 1 new.")
        terminal.until("1/1")
        walk.scale()
        walk.update()
        walk.fail()
        walk.why()
        walk.roll_back()
        walk.drain()
        walk.logs()
        terminal.press("x")
        terminal.until("Shell in")
        terminal.press("Enter")
        terminal.until("web.1: sh, until it ends")
        terminal.type("echo inside-$GREETING; exit")
        terminal.press("Enter")
        terminal.until("sh in web.1 ended with 0")
        walk.rewind()
        walk.leave()
    finally:
        terminal.close()
        node.destroy()


@pytest.mark.docker
def test_on_a_docker_swarm(swarm_engine: Engine, home: Path) -> None:
    """Containers of an engine's own swarm by the same keys; the engine takes nobody inside a task, and the screen says so."""
    terminal = Terminal(home, 132, 40)
    walk = Walk(terminal, has_image=True)
    try:
        walk.enter(swarm_engine.control_socket)
        terminal.press("n")
        terminal.until("New service")
        terminal.type("web")
        terminal.until("✓ free")
        terminal.press("Tab")
        terminal.until("(•) container")
        terminal.press("Tab")
        terminal.type(IMAGE)
        terminal.press("Tab")
        terminal.type(f"sh -c '{_TALK}'")
        terminal.press("C-g")
        walk.agree("~ web: created", "docker service create")
        terminal.until("1/1")
        walk.scale()
        walk.update()
        walk.fail()
        walk.why()
        walk.roll_back()
        walk.drain()
        walk.logs()
        terminal.press("x")
        terminal.until("is a Docker Engine")
        terminal.until("docker exec")
        walk.rewind()
        walk.leave()
    finally:
        terminal.close()
        swarm_engine.docker("service", "rm", "web")
