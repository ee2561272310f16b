"""A machine's way into swarms and out of them by docker's own command: ours beside a real engine, in the same words.

The same story is told to two engines and to two daemons of ours. Every command's exit code and output must be the same once ids, tokens,
keys and ports are masked. What differs is listed with its reason.
"""

import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.engines import ADDRESS, Engine, private_engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400), pytest.mark.xdist_group("docker-membership")]
START_S = 120.0
_MASKS = (
    (r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}", "TOKEN"),
    (r"SWMKEY-1-[A-Za-z0-9+/]{43}", "KEY"),
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"\b[0-9a-z]{25}\b", "ID"),
    (rf"{re.escape(ADDRESS)}:\d+", f"{ADDRESS}:PORT"),
)
_WRONG_TOKEN = "SWMTKN-1-" + "0" * 50 + "-" + "0" * 25
_WRONG_KEY = "SWMKEY-1-7c37Cc8654o6p38HnroywCi19pllOnGtbdZEgtKxZu8"
_ENDS_ALIKE = (
    "Error response from daemon: manager stopped: ",
    "Error response from daemon: rpc error: code = Unavailable desc = ",
)
"""What follows is Go's text of a network error on one side, and the system's on the other."""


class Machine(Protocol):
    """What docker's command is told of one machine, and how its daemon ends and comes back."""

    @property
    def url(self) -> str: ...

    @property
    def port(self) -> int: ...

    def again(self) -> None: ...


@dataclass
class EngineMachine:
    engine: Engine
    port: int

    @property
    def url(self) -> str:
        return self.engine.url

    def again(self) -> None:
        self.engine.stop()
        self.engine.start()


@dataclass
class OurMachine:
    daemon: Daemon
    port: int

    @property
    def url(self) -> str:
        return f"unix://{self.daemon.state}/docker.sock"

    def again(self) -> None:
        if self.daemon.process is not None:
            assert self.daemon.stop() == 0
        self.daemon.start()
        wait_until(lambda: run(self, "version").returncode == 0, seconds=START_S, what="docker is answered")


def run(machine: Machine, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "-H", machine.url, *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@dataclass
class Story:
    """What two machines of one kind say. `told`: each command with what came of it, masked."""

    first: Machine
    second: Machine
    told: list[str] = field(default_factory=list)

    def say(self, machine: Machine, *words: str, stdin: str = "", alike: bool = True, again: str = "") -> str:
        """Run a command and note what comes of it; what it printed. Not `alike`: the exit code alone is compared. As long as it is refused with
        the words `again`, it is run again."""

        def answered() -> "subprocess.CompletedProcess[str] | None":
            done = run(machine, *words, stdin=stdin)
            return None if again and again in done.stderr else done

        done = wait_until(answered, seconds=START_S, what=" ".join(words))
        assert done is not None
        text = f"{done.stdout}{done.stderr}" if alike else ""
        for begin in _ENDS_ALIKE:
            text = f"{begin}...\n" if text.startswith(begin) else text
        shown = " ".join(words)
        for pattern, mask in _MASKS:
            text, shown = re.sub(pattern, mask, text), re.sub(pattern, mask, shown)
        shown = re.sub(r"0\.0\.0\.0:\d+", "0.0.0.0:PORT", shown)
        who = "first" if machine is self.first else "second"
        self.told.append(f"{who}: docker {shown} -> {done.returncode}\n{text}")
        return done.stdout.strip()

    def at(self, machine: Machine) -> list[str]:
        """Where it is to others."""
        return ["--listen-addr", f"0.0.0.0:{machine.port}", "--advertise-addr", f"{ADDRESS}:{machine.port}"]

    def until(self, machine: Machine, state: str) -> None:
        """Return when the machine says that of itself: state, and whether it controls a swarm."""
        wait_until(lambda: self.state(machine) == state, seconds=START_S, what=f"{machine.url} is {state!r}")

    def state(self, machine: Machine) -> str:
        shown = "{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}"
        return run(machine, "info", "--format", shown).stdout.strip()

    def nodes(self, *expected: str) -> None:
        """Return when the first machine sees one of these, the roles and states of nodes."""
        shown = ("node", "ls", "--format", "{{.Status}} {{.Availability}} {{.ManagerStatus}}")

        def seen() -> str:
            return ", ".join(sorted(line.strip() for line in run(self.first, *shown).stdout.splitlines()))

        last = ""

        def is_so() -> bool:
            nonlocal last
            last = seen()
            return last in expected

        try:
            wait_until(is_so, seconds=START_S, what=f"the nodes are {' or '.join(expected)}")
        except TimeoutError as error:
            error.add_note(last)
            raise

    def retried(self, machine: Machine, *words: str) -> None:
        """A change, as often as somebody else was faster."""

        def done() -> bool:
            return "update out of sequence" not in run(machine, *words).stderr

        wait_until(done, seconds=START_S, what=" ".join(words))


def inactive(story: Story) -> None:
    """Everything of a swarm is refused."""
    for words in (
        ("swarm", "leave"), ("swarm", "leave", "--force"), ("swarm", "unlock"), ("swarm", "unlock-key"),
        ("swarm", "join-token", "worker"), ("swarm", "update", "--autolock"), ("swarm", "ca"), ("node", "ls"),
        ("service", "ls"), ("secret", "ls"), ("config", "ls"), ("stack", "ls"), ("node", "inspect", "self"),
        ("swarm", "init", "--listen-addr", "nonsense:1"), ("swarm", "init", "--advertise-addr", "nonsense"),
        ("swarm", "init", "--advertise-addr", "0.0.0.0"), ("swarm", "init", "--data-path-addr", "nonsense"),
        ("swarm", "init", "--data-path-port", "80"),
        ("swarm", "init", "--default-addr-pool", "10.0.0.0/8", "--default-addr-pool-mask-length", "33"),
        ("swarm", "init", "--default-addr-pool", "10.0.0.0/28", "--default-addr-pool-mask-length", "24"),
        ("swarm", "init", "--availability", "lazy"),
        ("swarm", "init", "--listen-addr", "192.0.2.1:2377", "--advertise-addr", ADDRESS),
        ("swarm", "join", "--token", "x", f"{ADDRESS}:1"),
        ("swarm", "join", "--token", _WRONG_TOKEN, f"{ADDRESS}:1"),
        ("info", "--format", "{{json .Swarm}}"),
    ):  # fmt: skip
        story.say(story.first, *words)


def beginning(story: Story) -> dict[str, str]:
    """The first machine begins a swarm; its join tokens."""
    first = story.first
    story.say(
        first, "swarm", "init", *story.at(first), "--task-history-limit", "3", "--availability", "pause"
    )
    story.say(
        first,
        "info",
        "--format",
        "{{.Swarm.LocalNodeState}} {{.Swarm.NodeAddr}} {{.Swarm.Managers}} {{.Swarm.Error}}",
    )
    story.say(
        first,
        "info",
        "--format",
        "{{.Swarm.Cluster.Spec.Orchestration.TaskHistoryRetentionLimit}} {{.Swarm.Cluster.SubnetSize}}",
    )
    story.nodes("Ready Pause Leader")
    for words in (
        ("swarm", "init"), ("swarm", "join", "--token", "x", f"{ADDRESS}:1"), ("swarm", "unlock"), ("swarm", "leave"),
        ("swarm", "join-token", "worker"), ("swarm", "join-token", "manager"), ("swarm", "unlock-key"),
    ):  # fmt: skip
        story.say(first, *words)
    return {role: story.say(first, "swarm", "join-token", "-q", role) for role in ("worker", "manager")}


def joining(story: Story, tokens: dict[str, str]) -> None:
    """The second one joins, is promoted and demoted, and leaves."""
    first, second = story.first, story.second
    manager = f"{ADDRESS}:{first.port}"
    secret = tokens["worker"][:-1] + ("0" if tokens["worker"][-1] != "0" else "1")
    story.say(second, "swarm", "join", "--token", secret, manager)
    digest = tokens["worker"].replace(tokens["worker"][9:13], "0000", 1)
    story.say(second, "swarm", "join", "--token", digest, manager)
    story.say(second, "info", "--format", "{{.Swarm.LocalNodeState}}")
    story.say(second, "swarm", "join", "--token", tokens["worker"], *story.at(second), manager)
    story.say(
        second,
        "info",
        "--format",
        "{{.Swarm.LocalNodeState}} {{.Swarm.NodeAddr}} {{.Swarm.ControlAvailable}}",
    )
    for words in (
        ("node", "ls"), ("service", "ls"), ("swarm", "init"), ("swarm", "init", "--force-new-cluster"), ("swarm", "unlock"),
    ):  # fmt: skip
        story.say(second, *words)
    story.nodes("Ready Active, Ready Pause Leader")
    own = run(second, "info", "--format", "{{.Swarm.NodeID}}").stdout.strip()
    story.retried(first, "node", "promote", own)
    story.until(second, "active true")
    story.nodes("Ready Active Reachable, Ready Pause Leader")
    story.say(first, "swarm", "leave")
    story.say(second, "swarm", "leave")
    story.retried(first, "node", "demote", own)
    story.until(second, "active false")
    # A demoted manager has ended its control API a moment before it is a worker.
    story.say(second, "swarm", "leave", again="participating as a manager")
    story.say(second, "info", "--format", "{{json .Swarm}}")
    story.nodes("Down Active, Ready Pause Leader")
    story.say(first, "node", "rm", own)


def locking(story: Story, tokens: dict[str, str]) -> None:
    """The second one joins as a manager, is locked, unlocked, and leaves by force; the first goes on alone."""
    first, second = story.first, story.second
    manager = f"{ADDRESS}:{first.port}"
    story.say(second, "swarm", "join", "--token", tokens["manager"], *story.at(second), manager)
    story.until(second, "active true")
    story.nodes("Ready Active Reachable, Ready Pause Leader")
    story.say(first, "swarm", "update", "--autolock")
    key = story.say(first, "swarm", "unlock-key", "-q")
    story.say(second, "swarm", "unlock-key")
    until_locked(second)
    story.until(second, "locked false")
    story.say(
        second,
        "info",
        "--format",
        "{{.Swarm.NodeID}} {{.Swarm.NodeAddr}} {{.Swarm.Error}} {{.Swarm.RemoteManagers}}",
    )
    for words in (
        ("node", "ls"), ("swarm", "init"), ("swarm", "init", "--force-new-cluster"),
        ("swarm", "join", "--token", "x", manager), ("swarm", "leave"),
    ):  # fmt: skip
        story.say(second, *words)
    for text in ("nonsense", _WRONG_KEY, key):
        story.say(second, "swarm", "unlock", stdin=f"{text}\n")
    story.until(second, "active true")
    story.say(second, "swarm", "unlock", stdin=f"{key}\n")
    # The first had no quorum while the second was locked: either may be elected now.
    story.nodes("Ready Active Reachable, Ready Pause Leader", "Ready Active Leader, Ready Pause Reachable")
    story.say(second, "swarm", "leave", "--force")
    story.say(second, "info", "--format", "{{json .Swarm}}")


def until_locked(machine: Machine) -> None:
    """Restart it until its key file is under the key, which managers put it under by and by."""

    def is_locked() -> bool:
        machine.again()
        settled = wait_until(
            lambda: run(machine, "info", "--format", "{{.Swarm.LocalNodeState}}").stdout.strip().replace("pending", ""),
            seconds=START_S, what="the state is known",
        )  # fmt: skip
        return settled == "locked"

    wait_until(is_locked, seconds=START_S, what=f"{machine.url} is locked")


def tell(story: Story) -> list[str]:
    """From the beginning to the end."""
    try:
        inactive(story)
        tokens = beginning(story)
        joining(story, tokens)
        locking(story, tokens)
    except Exception as error:
        error.add_note("\n".join((type(story.first).__name__, *story.told[-4:])))
        raise
    return story.told


@contextmanager
def engines(base: Path) -> Iterator[Story]:
    """Two real engines in one network."""
    for name in ("a", "b"):
        (base / name).mkdir()
    with private_engine(base / "a") as first:
        namespace = first.network_path.name
        with private_engine(base / "b", namespace=namespace) as second:
            yield Story(EngineMachine(first, 23771), EngineMachine(second, 23772))


@contextmanager
def ours(base: Path, enter: tuple[str, ...]) -> Iterator[Story]:
    """Two daemons of ours in that network, in no cluster."""
    with ExitStack() as stack:
        machines = []
        for name, port in (("c", 23773), ("d", 23774)):
            daemon = Daemon(
                base / name, "-H", "unix://", executors="simulated", host=ADDRESS, enter=enter, waits=True
            )
            stack.callback(daemon.destroy)
            machines.append(OurMachine(daemon, port))
            machines[-1].again()
        yield Story(*machines)


def test_the_same_words_as_an_engine() -> None:
    """init, join, promotion, demotion, leave, autolock and unlock, with what is refused on the way, as an engine answers
    (docs/design/engine-api.md E12.3, E12.4, E12.6, E12.8 to E12.12)."""
    with private_directory() as base, engines(base) as theirs:
        assert isinstance(theirs.first, EngineMachine)
        with ours(base, theirs.first.engine.enter) as own, ThreadPoolExecutor(2) as pool:
            tellers: list[Callable[[], list[str]]] = [lambda: tell(theirs), lambda: tell(own)]
            expected, told = pool.map(lambda teller: teller(), tellers)
    assert told == expected
    assert len(told) == 68
