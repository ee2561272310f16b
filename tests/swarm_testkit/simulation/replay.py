"""One seed, from nothing to its outcome. `command` is what a person types to see it again."""

import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.log_watch import LogWatch
from swarm_testkit.simulation.loop import SimulationLoop, Stuck
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.trace import Trace
from swarm_testkit.simulation.world import World


@dataclass(frozen=True, slots=True)
class Outcome:
    """`lines` are the last ones of the trace, or all of it when that was asked for."""

    plan: Plan
    digest: str
    findings: tuple[str, ...]
    lines: Sequence[str]
    simulated_s: float
    recovery_s: float
    entries: int
    faults: int
    answered: int
    updates: int
    completions: int
    given: int
    """Addresses, subnets and ports that somebody got."""
    storage_calls: int
    explained: int
    """Tasks that waited after the faults, and said for what."""
    backups: int
    """Taken while everything might fail, and compared with what was there."""


PLANS: dict[str | None, Callable[[int], Plan]] = {
    None: Plan.of,
    "growing": Plan.growing,
    "ordering": Plan.ordering,
}


def command(seed: int, kind: str | None = None, *, was_found: bool = False) -> str:
    """`was_found`: it is played as one of those that once found something (swarm_testkit.simulation.found)."""
    options = f" --{kind}" if kind else ""
    return f".venv/bin/python benchmarks/sim.py --only {seed}{options}" + (" --found" if was_found else "")


def simulate(seed: int, *, keep_trace: bool = False, plan: Plan | None = None) -> Outcome:
    """Play one seed."""
    plan = plan or Plan.of(seed)
    loop = SimulationLoop()
    trace = Trace(lambda: loop.now, keep_all=keep_trace)
    began = loop.now
    world: World | None = None

    async def play() -> None:
        nonlocal world
        world = World(plan, loop, trace)
        with _watched_logs(world.findings):
            await world.run()

    with _without_collector():
        try:
            loop.run_until_complete(play())
            loop.run_until_complete(loop.shutdown_asyncgens())
        except Stuck as error:
            assert world is not None
            world.findings.add(str(error))
            loop.abandon()
        finally:
            loop.close()
    assert world is not None
    return Outcome(
        plan,
        trace.digest(),
        tuple(world.findings.texts),
        tuple(trace.lines),
        loop.now - began,
        world.recovery_s,
        world.ledger.index,
        world.faults.count,
        sum(client.answered for client in world.clients),
        world.orders.updates,
        world.orders.completions,
        world.given_once.given,
        world.storage.calls,
        world.explained,
        world.backups.count,
    )


@contextmanager
def _without_collector() -> Iterator[None]:
    """When garbage is found depends on what ran before in this process; generators must not be ended by that."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _watched_logs(findings: Findings) -> Iterator[None]:
    watch = LogWatch(findings)
    loggers = [logging.getLogger(name) for name in ("swarm_core", "swarm_agentd")]
    propagate = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(watch)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, value in zip(loggers, propagate, strict=True):
            logger.removeHandler(watch)
            logger.propagate = value
