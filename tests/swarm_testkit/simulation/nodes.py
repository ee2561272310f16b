"""The machines of the cluster. Each runs the product's node: agent, renewal, supervision, and a manager while it is one.

The daemon that fails or is killed is started again, as a service manager would do it; who operates the machine gives it what
a person gives: a join token while it has no certificate, and the unlock key when its key file is locked. Its tasks outlive the
daemon, as containers do.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from swarm_agentd.agent.storage import MemoryStorage
from swarm_agentd.agent.volume_records import MemoryRecords
from swarm_agentd.executors.simulated.executor import Behaviour, Machine, SimulatedExecutor
from swarm_agentd.node.config import Join, NodeConfig
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.launcher import Launch
from swarm_agentd.node.node import Node
from swarm_agentd.node.ports import Surroundings
from swarm_core.api.proto import raftpb_pb2
from swarm_core.api.proto.raft_pb2 import JoinRequest, JoinResponse
from swarm_core.api.proto.types_pb2 import Peer
from swarm_core.ca.certificates import NodeIdentity, identity
from swarm_core.ca.key_file import Kek, NodeCredentials
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client.errors import CallFailed, ClientError
from swarm_core.client.trust import Trust
from swarm_core.raft.types import Message
from swarm_core.raft_node.codec import message_from_raftpb
from swarm_core.raft_node.errors import JoinRefused, MemberRemoved
from swarm_core.raft_node.net.joining import FINAL_CODES, ask_until_admitted
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.tasks import Group

from swarm_testkit.disk import PowerCut
from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.disk import SimulatedDisk
from swarm_testkit.simulation.founding import DIRECTORY
from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.life import Life
from swarm_testkit.simulation.processes import SimulatedLauncher, leaves
from swarm_testkit.simulation.raft_transport import Receipt
from swarm_testkit.simulation.state import MachineState
from swarm_testkit.simulation.storage import Storage
from swarm_testkit.simulation.ways import SimulatedDial

_JOIN_S = 5.0
_CPUS = 3  # few, so that services often find no room


class Operator(Protocol):
    """Whoever looks after the machines."""

    def join(self, machine: "NodeMachine") -> Join | None:
        """Where a machine without a certificate joins; None when nobody knows a token yet."""

    def unlock_keys(self) -> Iterable[bytes]:
        """Every unlock key that the cluster ever had."""

    def make_life(self, machine: "NodeMachine", how: Launch, tell: Callable[[bytes, bool], None]) -> Life:
        """A manager process. Raises CaError."""


class NodeMachine:
    """`find` gives the machine at an address; `join_s` is how long a manager asks to be admitted."""

    def __init__(
        self,
        host: Host,
        rng: random.Random,
        findings: Findings,
        operator: Operator,
        dial: Callable[["NodeMachine"], SimulatedDial],
        find: Callable[[str], "NodeMachine"],
        *,
        is_ours: bool,
        join_s: float,
        storage: Storage,
    ) -> None:
        self.host, self.findings, self.is_ours = host, findings, is_ours
        self.address = f"{host.name}:4242"
        self.socket = Path("/") / host.name / "control.sock"
        self.disk = SimulatedDisk(host, rng, self.power_cut)
        self.down_s = self.daemon_down_s = 0.0
        self._rng, self._operator, self._find, self._join_s = rng, operator, find, join_s
        self.dial = dial(self)
        self._outside = storage
        self._may_start = asyncio.Event()
        self._may_start.set()
        self._next_disk: Callable[[], SimulatedDisk] | None = None
        self._daemon: asyncio.Task[None] | None = None
        self._launcher: SimulatedLauncher | None = None
        self._is_forgetting = False
        self._known: tuple[bytes, NodeIdentity] | None = None
        self._make_new()

    def _make_new(self) -> None:
        """A machine that belongs to no cluster."""
        behaviour = Behaviour(
            prepare_s=(0.0, 1.0),
            start_s=(0.0, 0.5),
            stop_s=(0.0, 0.5),
            hostname=self.host.name,
            cpus=_CPUS,
        )
        self.works = Machine(behaviour, self.host.clock, self._rng)
        self._storage, self._records = MemoryStorage(), MemoryRecords()
        self.state = MachineState(self.host.name, remove_log=self._remove_log, has_members_log=self._has_log)

    # what the faults do

    def power_cut(self) -> None:
        """Lose the power now."""
        self._lose("loses its power", lambda: self.disk.after_power_cut())
        self._end_daemon()

    def kill(self) -> None:
        """Kill the manager's process."""
        self._lose("loses its manager", lambda: self.disk.after_kill())

    def stop(self) -> None:
        """Ask the daemon to end, and with it the manager."""
        self.host.trace.note(f"{self.host.name} is stopped")
        self._end_daemon()

    def kill_daemon(self) -> None:
        """Kill the daemon; its manager ends when it notices. What waits for a paused machine is the manager's: its disk still answers it."""
        self.host.trace.note(f"the daemon of {self.host.name} is killed")
        self._end_daemon()

    def forget(self) -> None:
        """Take the machine out of its cluster for good: nothing of it is left here. It joins anew."""
        self.host.trace.note(f"{self.host.name} is wiped")
        self._is_forgetting = True
        self._lose("loses its manager", lambda: self.disk.after_kill())
        self._end_daemon()

    def tasks_fail(self, rate: float) -> None:
        """Let so large a share of the tasks that start here fail."""
        self.works.behaviour = replace(self.works.behaviour, start_failure_rate=rate)

    def hold(self) -> None:
        """Do not start a manager."""
        self._may_start.clear()

    def release(self) -> None:
        self._may_start.set()

    def _lose(self, what: str, next_disk: Callable[[], SimulatedDisk]) -> None:
        process = None if self._launcher is None else self._launcher.current
        if process is None or process.life is None or self._next_disk is not None:
            return
        self.host.trace.note(f"{self.host.name} {what}")
        self._next_disk = next_disk
        self.host.forget_waiting()
        self.host.resume()
        self.disk.power_off()
        process.kill()

    def _end_daemon(self) -> None:
        if self._daemon is not None:
            self.host.resume()
            self._daemon.cancel()

    # what others see

    @property
    def life(self) -> Life | None:
        """The manager process that runs."""
        process = None if self._launcher is None else self._launcher.current
        return None if process is None else process.life

    @property
    def is_up(self) -> bool:
        """Whether its manager is, or becomes, a member."""
        return self.life is not None and self.life.has_begun

    @property
    def is_serving(self) -> bool:
        """Whether its manager answers calls and takes messages."""
        return self.life is not None and self.life.group is not None

    @property
    def serves_control(self) -> bool:
        """Whether its manager answers people."""
        return self.life is not None and self.life.serves_control

    @property
    def credentials(self) -> TlsIdentity | None:
        """What its manager shows."""
        return None if self.life is None else self.life.credentials.tls

    @property
    def certificate(self) -> bytes | None:
        """The chain on its disk."""
        return self.state.certificate()

    @property
    def identity(self) -> NodeIdentity | None:
        """Who this machine is, by the certificate on its disk."""
        chain = self.certificate
        if chain is None:
            return None
        if self._known is None or self._known[0] is not chain:
            self._known = chain, identity(chain)
        return self._known[1]

    def receive(self, data: bytes, tick_s: float) -> Receipt:
        """An encoded message of raft arrives."""
        life = self.life
        if life is None or life.group is None:
            return Receipt.NOBODY
        message = message_from_raftpb(raftpb_pb2.Message.FromString(data))
        try:
            if not life.receiver.take(message, tick_s=tick_s):
                _spawn_vote(life, message, tick_s)
        except MemberRemoved:
            return Receipt.REMOVED
        return Receipt.TAKEN

    def address_of(self, raft_id: int) -> str | None:
        """See raft_transport.Peer."""
        if not self.is_serving:
            return None
        found = self._member(raft_id)
        return None if found is None else found.address

    def leader(self) -> "NodeMachine | None":
        """Whom its manager takes for the leader."""
        return None if self.life is None else self._member(self.life.raft.leadership.leader_id)

    def _member(self, raft_id: int) -> "NodeMachine | None":
        assert self.life is not None
        addresses = [one.address for one in self.life.raft.members.all() if one.raft_id == raft_id]
        return self._find(addresses[0]) if addresses else None

    # the daemon

    def found(self, credentials: NodeCredentials, roots: bytes, peers: Iterable["NodeMachine"]) -> None:
        """Give the machine the identity that it has in a cluster that was just founded."""
        self.state.key_file.write_root(roots)
        self.state.key_file.write(credentials, Kek())
        self.state.write_remotes([Peer(node_id=peer.host.name, addr=peer.address) for peer in peers])

    async def run(self) -> None:
        """Run the daemon, again and again, until cancelled."""
        async with Group() as group:
            while True:
                self._launcher = SimulatedLauncher(self, group)
                self._daemon = group.spawn(self._live(self._launcher), name=self.host.name)
                await asyncio.wait((self._daemon,))
                self._daemon = None
                if self._is_forgetting:
                    self._is_forgetting = False
                    self._make_new()
                    self._outside.wipe(self.host.name)
                    self.disk = SimulatedDisk(self.host, self._rng, self.power_cut)
                await asyncio.sleep(self._rng.uniform(0.05, max(self.daemon_down_s, 0.1)))

    async def _live(self, launcher: SimulatedLauncher) -> None:
        try:
            join = None
            if self.certificate is None and (join := self._operator.join(self)) is None:
                return
            around = Surroundings(
                self.state,
                self._storage,
                launcher,
                self.dial,
                plugins=self._outside.nodes(self.host),
                records=self._records,
            )
            executor = SimulatedExecutor(self.works)
            await Node(self._config(join), around, executor, self.host.clock, self._rng).run()
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - judged here
            for leaf in leaves(error):
                self.host.trace.note(f"the daemon of {self.host.name} ends: {leaf!r}")
                if not isinstance(leaf, NodeError):
                    self.findings.add(f"the daemon of {self.host.name} ended: {type(leaf).__name__}: {leaf}")

    def _config(self, join: Join | None) -> NodeConfig:
        return NodeConfig(
            self.state.path,
            self.socket,
            self.address,
            join=join,
            hostname=self.host.name,
            unlock_key=self._kek(),
        )

    def _kek(self) -> bytes | None:
        """The unlock key that a person types in, None when none is needed."""
        if self.certificate is None:
            return None
        key_file = self.state.key_file
        return next((key for key in (None, *self._operator.unlock_keys()) if key_file.is_under(key)), None)

    # the body of its manager's process

    def make_life(self, how: Launch, tell: Callable[[bytes, bool], None]) -> Life:
        """See processes.Body."""
        return self._operator.make_life(self, how, tell)

    async def until_startable(self) -> None:
        """See processes.Body."""
        await self._may_start.wait()
        await asyncio.sleep(self._rng.uniform(0.0, max(self.down_s, 0.05)))

    async def ask(self, address: str, former: frozenset[int]) -> JoinResponse:
        """What raft_node.net.joining does over gRPC."""
        host, life = self.host, self.life
        assert life is not None

        async def once(seconds: float) -> JoinResponse:
            own = life.credentials.tls
            try:
                async with await self.dial.open(
                    address, Trust(own.anchors, own), timeout=seconds
                ) as connection:
                    answer: JoinResponse = await connection.call(
                        "RaftMembership.Join", JoinRequest(addr=self.address), timeout=seconds
                    )
            except ClientError as error:
                host.trace.note(f"{host.name} cannot join through {address}: {error}")
                code = error.code if isinstance(error, CallFailed) else ""
                raise JoinRefused(str(error), is_final=code in FINAL_CODES) from None
            host.trace.note(f"{host.name} may join as {answer.raft_id:x}")
            return answer

        return await ask_until_admitted(
            once, host.clock, Backoff(self._rng), manager=address, timeout_s=self._join_s, former=former
        )

    def ended(self) -> None:
        """See processes.Body."""
        next_disk = self._next_disk or self.disk.after_kill
        self.disk, self._next_disk = next_disk(), None

    def _remove_log(self) -> None:
        if not self._has_log():
            return
        try:
            self.disk.remove(DIRECTORY)
        except PowerCut:
            self.disk = self.disk.after_power_cut()
            raise

    def _has_log(self) -> bool:
        return any(DIRECTORY in path.parents for path in self.disk.files())


def _spawn_vote(life: Life, message: Message, tick_s: float) -> None:
    """Judge a candidate, unless the process is ending."""
    assert life.group is not None
    work = life.receiver.take_vote(message, tick_s=tick_s)
    try:
        life.group.spawn(work, name="a request for a vote")
    except RuntimeError:
        work.close()
