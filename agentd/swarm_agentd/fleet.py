"""Many simulated nodes in one process, for demonstrations and measurements.

    python -m swarm_agentd.fleet --join 127.0.0.1:4242 --nodes 100      (the token in $SWARM_JOIN_TOKEN)

Each node has a certificate, a session and an executor of its own, as a real one does; what it is given lives in memory
and ends with the process. `READY` on standard output says that all sessions stand. With one seed the nodes behave
the same each time.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from swarm_core.api.proto.types_pb2 import Peer
from swarm_core.client import certificates as issuing
from swarm_core.client.dial import SystemDial
from swarm_core.client.errors import ClientError
from swarm_core.runtime import lifeline, log
from swarm_core.runtime import loop as event_loop
from swarm_core.runtime.arguments import Parser
from swarm_core.runtime.clock import Clock, SystemClock
from swarm_core.runtime.tasks import Group

from swarm_agentd.agent.agent import Agent
from swarm_agentd.agent.storage import MemoryStorage
from swarm_agentd.exec.progress import ProgressBoard
from swarm_agentd.exec.usage import Measuring
from swarm_agentd.executors.simulated.executor import Behaviour, Machine, SimulatedExecutor
from swarm_agentd.node import identity as identities
from swarm_agentd.node.config import Join
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.flags import TOKEN_VARIABLE
from swarm_agentd.node.identity import Identity
from swarm_agentd.node.managers import KnownManagers
from swarm_agentd.node.remotes import Remotes

# Handshakes cost both sides; more nodes at once only wait for each other until they give up.
JOINING_MAX = 8


@dataclass(frozen=True, slots=True)
class FleetConfig:
    join: Join
    nodes: int
    seed: int
    prefix: str
    zones: int
    behaviour: Behaviour
    until_stdin_closes: bool = False


class Fleet:
    """`all_registered` is set once every node has had its first session."""

    def __init__(self, config: FleetConfig, clock: Clock) -> None:
        self.all_registered = asyncio.Event()
        self._config, self._clock = config, clock
        self._joining = asyncio.Semaphore(JOINING_MAX)
        self._missing = config.nodes

    async def run(self) -> None:
        """Until cancelled. Raises NodeError, perhaps in an ExceptionGroup, when a node cannot join."""
        join = self._config.join
        token = identities.parse_token(join.token)
        try:
            roots = await issuing.download_root(join.address, token=token, clock=self._clock)
        except ClientError as error:
            raise NodeError(f"cannot join the cluster at {join.address}: {error}") from None
        async with Group() as group:
            for number in range(1, self._config.nodes + 1):
                group.spawn(self._run_node(number, roots), name=f"simulated node {number}")

    async def _run_node(self, number: int, roots: bytes) -> None:
        rng = random.Random(f"{self._config.seed}/{number}")
        async with Group() as group:
            async with self._joining:
                # Identities must differ between runs, unlike behaviour.
                identity = await identities.obtain(
                    self._config.join, self._clock, random.SystemRandom(), SystemDial(), roots=roots
                )
                agent = self._make_agent(number, identity, rng)
                group.spawn(agent.run(), name="agent")
                await agent.registered_once.wait()
            self._missing -= 1
            if self._missing == 0:
                self.all_registered.set()

    def _make_agent(self, number: int, identity: Identity, rng: random.Random) -> Agent:
        config = self._config
        labels = {"zone": f"zone-{(number - 1) % config.zones + 1}"} if config.zones else {}
        behaviour = replace(config.behaviour, hostname=f"{config.prefix}-{number:03d}", labels=labels)
        remotes = Remotes(rng, [Peer(addr=config.join.address)])
        progress = ProgressBoard()
        return Agent(
            node_id=identity.node_id,
            executor=SimulatedExecutor(Machine(behaviour, self._clock, rng, progress)),
            managers=KnownManagers(remotes, identity.tls, SystemDial()),
            storage=MemoryStorage(),
            clock=self._clock,
            rng=rng,
            tls_info=identity.tls_info,
            progress=progress,
            usage=Measuring() if behaviour.tells_usage else None,
        )


def parse(arguments: Sequence[str] | None = None) -> tuple[FleetConfig, str]:
    """The flags as values, and the log level. Prints usage and raises SystemExit(2) when they are not usable."""
    parser = Parser(prog="python -m swarm_agentd.fleet", description="Many simulated nodes.")
    add = parser.add_argument
    add("--join", required=True, metavar="HOST:PORT", help="remote API of a manager")
    add(
        "--token",
        default=os.environ.get(TOKEN_VARIABLE),
        help=f"worker join token; better in ${TOKEN_VARIABLE}",
    )
    add("--nodes", type=int, required=True, help="how many")
    add("--seed", type=int, default=1, help="of all chance in the nodes' behaviour (%(default)s)")
    add("--prefix", default="sim", help="of the host names (%(default)s)")
    add("--zones", type=int, default=0, help="spread the nodes over as many values of the engine label zone")
    for name in ("prepare", "start", "stop"):
        add(
            f"--{name}-s",
            type=_span,
            default=(0.0, 0.0),
            metavar="LOW:HIGH",
            help=f"seconds to {name} a task",
        )
    add("--failure-rate", type=float, default=0.0, help="chance that preparing a task fails")
    add("--mean-life-s", type=float, help="tasks crash after this time on average")
    add(
        "--log-interval-s",
        type=float,
        default=Behaviour().log_interval_s,
        help="each task writes a line this often (%(default)s); 0: only what its environment says",
    )
    add("--cpus", type=int, default=Behaviour().cpus, help="of each node (%(default)s)")
    add("--memory", type=int, default=Behaviour().memory_bytes, help="bytes of each node (%(default)s)")
    add("--usage", action="store_true", help="tell what the tasks use, to whoever watches")
    add(
        "--until-stdin-closes",
        action="store_true",
        help="end when standard input does, with whoever started it",
    )
    add("-l", "--log-level", choices=sorted(log.LEVELS), default="warn")
    given = parser.parse_args(arguments)
    if not given.token:
        parser.error(f"a worker join token is needed in --token or ${TOKEN_VARIABLE}")
    if given.nodes < 1 or given.zones < 0:
        parser.error("--nodes must be at least 1, --zones not negative")
    behaviour = Behaviour(
        prepare_s=given.prepare_s,
        start_s=given.start_s,
        stop_s=given.stop_s,
        prepare_failure_rate=given.failure_rate,
        mean_life_s=given.mean_life_s,
        log_interval_s=given.log_interval_s or None,
        cpus=given.cpus,
        memory_bytes=given.memory,
        tells_usage=given.usage,
    )
    join = Join(given.join, given.token)
    config = FleetConfig(
        join, given.nodes, given.seed, given.prefix, given.zones, behaviour, given.until_stdin_closes
    )
    return config, given.log_level


def _span(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    span = float(low), float(high or low)
    if not 0 <= span[0] <= span[1]:
        raise argparse.ArgumentTypeError(f"{text} is no range of seconds")
    return span


async def _serve(config: FleetConfig) -> None:
    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    if config.until_stdin_closes:
        lifeline.watch_stdin(loop, ending.set)
    fleet = Fleet(config, SystemClock())
    async with Group() as group:
        group.spawn(fleet.run(), name="fleet")
        group.spawn(_tell_ready(fleet), name="readiness")
        await ending.wait()
        group.cancel_all()


async def _tell_ready(fleet: Fleet) -> None:
    await fleet.all_registered.wait()
    sys.stdout.write("READY\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the fleet; returns never."""
    config, level = parse(arguments)
    log.configure(level)
    failure: BaseException | None = None
    try:
        event_loop.run(_serve(config))
    except* NodeError as group:
        failure = group
    if failure is None:
        sys.exit(0)
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    sys.stderr.write(f"fleet: {failure}\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
