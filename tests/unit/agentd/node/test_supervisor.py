"""The manager is kept running, and given up only when it never could run."""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.hung import LOOK_S, LOOKS_MAX, SILENT_S, UNANSWERED_BEATS_MAX
from swarm_agentd.node.identity import Identity
from swarm_agentd.node.launcher import ChildProcess, CommandLauncher, Launch, ToldKey
from swarm_agentd.node.live import LiveIdentity
from swarm_agentd.node.standby import Standby
from swarm_agentd.node.supervisor import ASK_S, ROLE_WAIT_S, ManagerSupervisor
from swarm_core.ca.tls import TlsIdentity
from swarm_core.ca.tokens import format_unlock_key
from swarm_core.runtime import exit_codes
from swarm_core.runtime.clock import Clock, SystemClock
from swarm_core.runtime.heartbeat import BEAT_S
from swarm_core.runtime.tasks import Group
from swarm_testkit.manual_clock import ManualClock, settle

CLOCK = SystemClock()


class Pulse(Protocol):
    """Signs of life of a manager's loop."""

    @property
    def beats(self) -> int: ...

    def starved_s(self) -> float: ...


class Steady:
    """A loop that turns until it is told to stop, on a machine that gives it nothing from a moment on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.stands_since: float | None = None
        self.starves_since: float | None = None

    @property
    def beats(self) -> int:
        now = self._clock.monotonic()
        return int(min(now, now if self.stands_since is None else self.stands_since) / BEAT_S)

    def starved_s(self) -> float:
        return 0.0 if self.starves_since is None else self._clock.monotonic() - self.starves_since


class Script:
    """A launcher of managers that end as they are told."""

    last_words = "it is late"

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.stopped = 0
        self.levels: list[str] = []
        self.launched = asyncio.Event()
        self.served = asyncio.Event()
        self.keys: list[ToldKey] = []
        self.how: Launch | None = None
        self.pulse: Pulse | None = None

    @property
    def beats(self) -> int:
        assert self.pulse is not None
        return self.pulse.beats

    def starved_s(self) -> float:
        assert self.pulse is not None
        return self.pulse.starved_s()

    def set_log_level(self, level: str) -> None:
        self.levels.append(level)

    async def launch(self, how: Launch) -> "Script":
        self.how = how
        if not self.codes:
            self.launched.set()
        return self

    async def next_unlock_key(self) -> ToldKey | None:
        return self.keys.pop(0) if self.keys else None

    async def until_serving(self) -> None:
        await self.served.wait()

    async def wait(self) -> int:
        if self.codes:
            return self.codes.pop(0)
        return await asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        self.stopped += 1


class Data:
    """What a manager keeps, noted."""

    def __init__(self) -> None:
        self.learned: list[bytes] = []
        self.cleared = asyncio.Event()

    def launch(self) -> Launch:
        return Launch(self.learned[0] if self.learned else None, "192.0.2.1:4242")

    def learn(self, told: ToldKey) -> None:
        self.learned.append(told.key)

    def clear(self) -> None:
        self.cleared.set()


NOBODY = TlsIdentity(b"", b"", b"")
MANAGER, WORKER = Identity("n1", "org", True, NOBODY), Identity("n1", "org", False, NOBODY)


class Health:
    """A manager that answers as it is told, None for never; the number of questions, and whether it was let go."""

    def __init__(self, *answers: bool | None) -> None:
        self.left = list(answers)
        self.asked = self.closed = 0

    async def answers(self) -> bool:
        self.asked += 1
        answer = self.left.pop(0) if self.left else True
        return await asyncio.get_running_loop().create_future() if answer is None else answer

    async def close(self) -> None:
        self.closed += 1


def supervisor(
    script: Script,
    *,
    live: LiveIdentity | None = None,
    data: Data | None = None,
    renew: Callable[[], None] = lambda: None,
    clock: Clock = CLOCK,
    health: Health | None = None,
) -> ManagerSupervisor:
    live, data = live or LiveIdentity(MANAGER), data or Data()
    script.pulse = script.pulse or Steady(clock)
    return ManagerSupervisor(
        script, health or Health(), live, data, renew, clock, random.Random(1), serving=asyncio.Event()
    )


async def test_the_manager_comes_and_goes_with_the_role() -> None:
    """A worker runs no manager; a promotion starts one, a demotion ends it and clears its data."""
    script, live, data = Script(), LiveIdentity(WORKER), Data()
    async with asyncio.timeout(40), Group() as group:
        group.spawn(supervisor(script, live=live, data=data).run(), name="supervisor")
        await asyncio.sleep(0.01)
        assert script.how is None
        live.adopt(MANAGER)
        await script.launched.wait()
        assert script.how == Launch(None, "192.0.2.1:4242")
        assert not data.cleared.is_set()
        live.adopt(WORKER)
        await data.cleared.wait()
        assert script.stopped == 1
        script.launched.clear()
        live.adopt(MANAGER)
        await script.launched.wait()
        group.cancel_all()


async def test_a_removed_manager_waits_for_its_demotion() -> None:
    """Taken out of the consensus it is cleared; if no demotion follows it asks for a certificate, then joins anew."""
    clock, script, data, asked = ManualClock(), Script(exit_codes.REMOVED), Data(), []
    async with asyncio.timeout(40), Group() as group:
        kept = supervisor(script, data=data, renew=lambda: asked.append(1), clock=clock)
        group.spawn(kept.run(), name="supervisor")
        await data.cleared.wait()
        await clock.advance(ROLE_WAIT_S - 1)
        assert asked == [] and not script.launched.is_set()
        await clock.advance(1)
        assert asked == [1] and not script.launched.is_set()
        await clock.advance(ROLE_WAIT_S)
        assert script.launched.is_set()
        group.cancel_all()


async def test_a_manager_that_is_promoted_again_does_not_wait() -> None:
    """Taken out of the consensus, it begins anew at the first word of a manager that it is to be one; an older word counts
    for nothing."""
    clock, script, data, live = ManualClock(), Script(exit_codes.REMOVED), Data(), LiveIdentity(MANAGER)
    live.hear_manager_wanted()
    async with asyncio.timeout(40), Group() as group:
        group.spawn(supervisor(script, live=live, data=data, clock=clock).run(), name="supervisor")
        await data.cleared.wait()
        await clock.advance(1.0)
        assert not script.launched.is_set()
        live.hear_manager_wanted()
        await script.launched.wait()
        group.cancel_all()


async def test_a_removed_manager_that_is_not_admitted_is_no_end() -> None:
    """The word that it is to be a manager may have been old: the node goes on, until it is a worker."""
    clock, live, data = ManualClock(), LiveIdentity(MANAGER), Data()
    script = Script(exit_codes.REMOVED, 1, 1)
    script.served.set()
    async with asyncio.timeout(40), Group() as group:
        group.spawn(supervisor(script, live=live, data=data, clock=clock).run(), name="supervisor")
        await data.cleared.wait()
        await settle()
        live.hear_manager_wanted()
        await settle()
        await clock.advance(60.0)
        assert script.launched.is_set()
        live.adopt(WORKER)
        await settle()
        assert script.stopped == 4
        group.cancel_all()


@dataclass
class Watched:
    """A supervised manager that serves, on a clock of the test's."""

    clock: ManualClock
    script: Script
    pulse: Steady
    health: Health
    supervisor: ManagerSupervisor


@asynccontextmanager
async def watched(health: Health | None = None) -> AsyncIterator[Watched]:
    clock, script, health = ManualClock(), Script(), health or Health()
    script.pulse = pulse = Steady(clock)
    async with asyncio.timeout(60), Group() as group:
        kept = supervisor(script, clock=clock, health=health)
        group.spawn(kept.run(), name="supervisor")
        await script.launched.wait()
        script.served.set()
        await settle()
        assert kept.serving.is_set()
        script.served.clear()
        yield Watched(clock, script, pulse, health, kept)
        group.cancel_all()


async def test_a_manager_that_stands_still_is_started_again() -> None:
    """One whose loop says nothing for 30 s is ended and another one started; before, nothing happens (docs/design/node.md 6.4.3)."""
    async with watched() as seen:
        await seen.clock.advance(100.0)
        seen.pulse.stands_since = seen.clock.monotonic()
        seen.script.launched.clear()
        await seen.clock.advance(SILENT_S - LOOK_S)
        assert seen.script.stopped == 0
        await seen.clock.advance(2 * LOOK_S + 1.0)
        assert (
            seen.script.stopped == 1
            and seen.script.launched.is_set()
            and not seen.supervisor.serving.is_set()
        )
        assert seen.health.closed == 1


async def test_a_busy_manager_is_left_alone() -> None:
    """One that answers no question for minutes, because the machine has no processor for it, goes on (docs/design/node.md 6.4.3)."""
    async with watched(Health(None)) as seen:
        seen.pulse.stands_since = seen.pulse.starves_since = seen.clock.monotonic()
        await seen.clock.advance(LOOKS_MAX * LOOK_S - 1.0)
        assert seen.script.stopped == 0 and seen.supervisor.serving.is_set()
        seen.pulse.stands_since = None
        await seen.clock.advance(LOOK_S)
        seen.pulse.stands_since = seen.clock.monotonic()
        await seen.clock.advance(LOOKS_MAX * LOOK_S - LOOK_S)
        assert seen.script.stopped == 0


async def test_a_manager_that_never_gets_a_processor_is_started_again() -> None:
    """Five minutes without a sign of life are enough, whatever the machine gives (docs/design/node.md 6.4.3)."""
    async with watched() as seen:
        seen.pulse.stands_since = seen.pulse.starves_since = seen.clock.monotonic()
        await seen.clock.advance((LOOKS_MAX + 1) * LOOK_S + 1.0)
        assert seen.script.stopped == 1


@pytest.mark.parametrize("later", [[None], [False] * 100], ids=["no answer", "refused"])
async def test_a_manager_that_runs_and_does_not_answer_is_started_again(later: list[bool | None]) -> None:
    """Its loop turns, but the control socket is dead: it is given 30 signs of life; one missed answer is nothing (docs/design/node.md 6.4.3)."""
    async with watched(Health(True, False, True, *later)) as seen:
        await seen.clock.advance(3 * ASK_S + UNANSWERED_BEATS_MAX * BEAT_S - 2 * LOOK_S)
        assert seen.script.stopped == 0
        await seen.clock.advance(3 * LOOK_S + 1.0)
        assert seen.script.stopped == 1


async def test_a_manager_that_does_not_serve_yet_is_not_judged() -> None:
    """Starting takes as long as it takes: nobody asks, and no silence counts."""
    clock, script, health = ManualClock(), Script(), Health()
    script.pulse = pulse = Steady(clock)
    pulse.stands_since = 0.0
    async with asyncio.timeout(60), Group() as group:
        group.spawn(supervisor(script, clock=clock, health=health).run(), name="supervisor")
        await script.launched.wait()
        await clock.advance(20 * SILENT_S)
        assert health.asked == 0 and script.stopped == 0
        group.cancel_all()


async def test_last_words_are_heard() -> None:
    """Unlock keys that a dying manager said are known before it is started again."""
    script, data = Script(-9), Data()
    script.keys = [ToldKey(b"k1", locks=True), ToldKey(b"k2", locks=False)]
    async with asyncio.timeout(40), Group() as group:
        group.spawn(supervisor(script, data=data).run(), name="supervisor")
        await script.launched.wait()
        group.cancel_all()
    assert data.learned == [b"k1", b"k2"]
    assert script.how == Launch(b"k1", "192.0.2.1:4242")


async def test_a_killed_manager_is_started_again() -> None:
    """Signals and polite ends lead to a new start; cancelling stops the running one."""
    script = Script(-9, 0, -15)
    async with asyncio.timeout(40), Group() as group:
        group.spawn(supervisor(script).run(), name="supervisor")
        await script.launched.wait()
        group.cancel_all()
    assert script.stopped == 4


async def test_a_manager_that_cannot_start_ends_the_node() -> None:
    """An exit code before it ever served is final."""
    with pytest.raises(NodeError, match=r"could not start \(exit code 1\)"):
        await supervisor(Script(1)).run()


async def test_an_exit_code_after_it_served_is_not_final() -> None:
    """A manager that has served here once is worth another try."""
    script = Script(1)
    kept = supervisor(script)
    kept._has_served = True
    async with asyncio.timeout(40), Group() as group:
        group.spawn(kept.run(), name="supervisor")
        await script.launched.wait()
        group.cancel_all()


async def test_a_program_that_is_not_there() -> None:
    """No command to start is one sentence."""

    class Nothing(Script):
        async def launch(self, how: Launch) -> Script:
            raise FileNotFoundError(2, "No such file or directory", "swarm-managerd")

    with pytest.raises(NodeError, match=r"cannot start the manager.*swarm-managerd"):
        await supervisor(Nothing()).run()


_MANAGER = """
import pathlib, signal, sys, time
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[2]).touch()
time.sleep(60)
"""


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """The manager's command is a program that says when it is there, and may ignore the polite stop."""
    command = [sys.executable, "-c", _MANAGER]
    monkeypatch.setattr("swarm_agentd.node.standby.manager_command", lambda: command)


@pytest.mark.usefixtures("sleeper")
async def test_stop_is_polite_then_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager is asked to end, and killed when it does not."""
    polite = await CommandLauncher(["polite", str(tmp_path / "a")], tmp_path / "pid", CLOCK).launch(Launch())
    await polite.stop()
    assert await polite.wait() == -15
    monkeypatch.setattr("swarm_agentd.node.launcher._STOP_S", 0.3)
    there = tmp_path / "b"
    stubborn = await CommandLauncher(["stubborn", str(there)], tmp_path / "pid", CLOCK).launch(Launch())
    async with asyncio.timeout(40):
        while not there.exists():
            await CLOCK.sleep(0.01)
    await stubborn.stop()
    assert await stubborn.wait() == -9


@pytest.mark.usefixtures("sleeper")
async def test_a_left_over_manager_is_ended_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manager of a killed daemon is gone before the next one starts; a recycled pid is left alone."""
    monkeypatch.setattr("swarm_agentd.node.launcher._LEFT_OVER_S", 0.05)
    first = await CommandLauncher(["polite", str(tmp_path / "a")], tmp_path / "pid", CLOCK).launch(Launch())
    second = await CommandLauncher(["polite", str(tmp_path / "a")], tmp_path / "pid", CLOCK).launch(Launch())
    assert await first.wait() == -9
    await second.stop()
    record = {"pid": os.getpid(), "created": 1.0}
    (tmp_path / "pid").write_text(json.dumps(record))
    third = await CommandLauncher(["polite", str(tmp_path / "a")], tmp_path / "pid", CLOCK).launch(Launch())
    await third.stop()


async def test_a_stop_that_is_cancelled_ends_the_manager_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever cancels goes on with files that only one manager may have (docs/design/node.md 6.4)."""
    script = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: None); print('alive', flush=True); sys.stdin.readline(); sys.stdin.read()"
    monkeypatch.setattr("swarm_agentd.node.standby.manager_command", lambda: [sys.executable, "-c", script])
    monkeypatch.setattr("swarm_agentd.node.launcher._STOP_S", 3600.0)
    child = await CommandLauncher([], tmp_path / "pid", CLOCK).launch(Launch())
    async with asyncio.timeout(40), Group() as group:
        keys = group.spawn(child.next_unlock_key(), name="what it says")
        while not child.beats:
            await asyncio.sleep(0)
        stopping = group.spawn(child.stop(), name="stop")
        await settle()
        # Only now: it must not have ended by itself before it is cancelled.
        monkeypatch.setattr("swarm_agentd.node.launcher._STOP_S", 0.2)
        stopping.cancel()
        await asyncio.wait((stopping, keys))
    assert stopping.cancelled()
    assert await child.wait() == -9


async def test_the_last_words_of_a_manager_are_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come out by standard output, for whoever asked for the node (docs/design/node.md 6.4)."""
    script = "print('gave-up cannot listen here', flush=True)"
    monkeypatch.setattr("swarm_agentd.node.standby.manager_command", lambda: [sys.executable, "-c", script])
    child = await CommandLauncher([], tmp_path / "pid", CLOCK).launch(Launch())
    async with asyncio.timeout(40):
        assert await child.next_unlock_key() is None
    assert child.last_words == "cannot listen here"
    await child.stop()


async def test_stopping_what_has_ended() -> None:
    """stop after the end is fine."""
    (stdin, lifeline), (said, stdout) = os.pipe(), os.pipe()
    process = subprocess.Popen(["true"], stdin=stdin, stdout=stdout)
    os.close(stdin)
    os.close(stdout)
    child = ChildProcess(Standby(process, lifeline, said))
    assert await child.wait() == 0
    assert await child.next_unlock_key() is None
    await child.stop()
    await child.stop()


_TALKER = """
import json, sys
orders = json.loads(sys.stdin.readline())
assert orders["join_addr"] == "192.0.2.1:1" and not orders["force_new_cluster"]
assert {"--flag", "--orders-on-stdin"} <= set(sys.argv)
key = orders["unlock_key"]
sys.stdout.write(f"noise\\n{key} locks\\nserving\\nalive\\nalive\\n{key}\\n")
sys.stdout.flush()
"""


async def test_orders_and_keys_go_through_pipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders go in by standard input, the unlock key among them; new keys and the word that it serves come out by standard
    output. Anything else is passed over."""
    monkeypatch.setattr("swarm_agentd.node.standby.manager_command", lambda: [sys.executable, "-c", _TALKER])
    key = bytes(range(32))
    process = await CommandLauncher(["--flag"], tmp_path / "pid", CLOCK).launch(Launch(key, "192.0.2.1:1"))
    assert await process.next_unlock_key() == ToldKey(key, locks=True)
    assert await process.next_unlock_key() == ToldKey(key, locks=False)
    async with asyncio.timeout(40):
        await process.until_serving()
    assert process.beats == 2
    assert await process.next_unlock_key() is None
    assert await process.wait() == 0
    await process.stop()
    assert format_unlock_key(key) not in (tmp_path / "pid").read_text()


async def test_every_manager_logs_from_the_level_that_was_asked_for() -> None:
    """The one that runs is told, and so is each that is started later; one whose flags say it already is not."""
    script = Script(-9)
    clock = ManualClock()
    made = supervisor(script, clock=clock)
    async with asyncio.timeout(40), Group() as group:
        group.spawn(made.run(), name="supervisor")
        await settle()
        assert made.starts == 1 and script.levels == []
        made.set_log_level("debug")
        assert script.levels == []
        await clock.advance(10)
        await script.launched.wait()
        await settle()
        assert made.starts == 2 and script.levels == ["debug"]
        made.set_log_level("warn")
        assert script.levels == ["debug", "warn"]
        group.cancel_all()
