"""The life of a manager process: its configuration and orders, then it serves until it is told to end."""

import asyncio
import logging
import os
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from swarm_core.ca.errors import CaError
from swarm_core.ca.tokens import format_unlock_key
from swarm_core.managerd import orders
from swarm_core.managerd.config import Config, parse
from swarm_core.managerd.meters import Meters, NotMeasured
from swarm_core.managerd.wiring import UNUSABLE, ManagerDaemon
from swarm_core.raft_node.errors import NotMember
from swarm_core.runtime import exit_codes, heartbeat, lifeline, log
from swarm_core.runtime import loop as event_loop
from swarm_core.runtime.clock import Clock, SystemClock
from swarm_core.runtime.tasks import Group

_log = logging.getLogger(__name__)


def run(arguments: Sequence[str] | None) -> int:
    """Run the manager; its exit code."""
    config = parse(arguments)
    log.configure(config.log_level, config.log_format)
    return _run(config)


def _run(config: Config) -> int:
    try:
        ordered: orders.Orders | None = orders.Orders(None, config.join_address, config.force_new_cluster)
        if config.orders_on_stdin:
            ordered = orders.read(sys.stdin.fileno())
        if ordered is not None:
            event_loop.run(_serve(ordered.applied_to(config), ordered.kek))
    except BaseExceptionGroup as group:
        unusable, other = group.split((CaError, *UNUSABLE))
        if other is not None or unusable is None:
            raise
        return _give_up(_first(unusable), tells=config.until_stdin_closes)
    except (CaError, *UNUSABLE) as error:
        return _give_up(error, tells=config.until_stdin_closes)
    return 0


def _give_up(reason: BaseException, *, tells: bool) -> int:
    """Say why; the exit code. `tells`: to the daemon that started us, too."""
    sys.stderr.write(f"swarm-managerd: {reason}\n")
    if tells:
        with suppress(OSError):  # the daemon has ended
            os.write(sys.stdout.fileno(), f"gave-up {' '.join(str(reason).split())}\n".encode())
    return exit_codes.REMOVED if isinstance(reason, NotMember) else exit_codes.FAILED


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _say_serving() -> None:
    """Tell the daemon that started us that people are answered now."""
    os.write(sys.stdout.fileno(), b"serving\n")


def _tell(key: bytes, is_locking: bool) -> None:
    """Hand an unlock key to the daemon that started us; a second word says that the key file was in the clear."""
    os.write(sys.stdout.fileno(), f"{format_unlock_key(key)}{' locks' if is_locking else ''}\n".encode())


def _heed(line: str) -> None:
    """A word of the daemon that started us, after its orders."""
    word, _, level = line.partition(" ")
    if word == lifeline.LOG_LEVEL and level in log.LEVELS:
        log.set_level(level)
        _log.info("the log level is %s", level)


def _tell_nobody(key: bytes, is_locking: bool) -> None:
    """Started by hand: whoever did has the key from the cluster."""


async def _serve(config: Config, kek: bytes | None) -> None:
    """Serve until told to end."""
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    if config.until_stdin_closes:
        lifeline.watch_stdin(loop, ending.set, _heed)
    tell = _tell if config.until_stdin_closes else _tell_nobody
    clock = SystemClock()
    daemon = ManagerDaemon(
        config, clock, random.SystemRandom(), kek=kek, tell=tell, meters=_meters(config, clock)
    )
    log.about_node(daemon.node_id)
    if config.until_stdin_closes:
        daemon.on_serving = _say_serving
    async with Group() as group:
        group.spawn(daemon.run(), name="manager daemon")
        if config.until_stdin_closes:
            group.spawn(heartbeat.beat(sys.stdout.fileno(), clock), name="heartbeat")
        await ending.wait()
        await daemon.step_down()
        group.cancel_all()
    _log.info("ended")


def _meters(config: Config, clock: Clock) -> Meters:
    """What measures the manager. Most are not, and load nothing for it."""
    if not config.metrics_address:
        return NotMeasured()
    from swarm_core.managerd.measured import Measured
    from swarm_core.metrics import address

    return Measured(address.host(config.metrics_address), clock)
