"""Calls between hosts: from agents and clients to any manager, and from there to the leader.

A call that breaks says nothing of what became of it. A connection belongs to one life of the manager's process; when that
ends, everything on it breaks. Who calls is decided as the product decides it: by the roles of the method, the certificate of
the connection, and what a manager says that passes a call on. What a handler raises beyond its contract is a finding.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, Self

from google.protobuf.message import Message
from swarm_core.api.names import MANAGER_ROLE
from swarm_core.ca.certificates import NodeIdentity
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client.errors import CallFailed, ClientError, Unreachable
from swarm_core.manager.parts import PLAIN_ERRORS
from swarm_core.rpc import forwarding
from swarm_core.rpc.adapter import Method
from swarm_core.rpc.authorization import FORWARDED_OU, Authorizer
from swarm_core.rpc.caller import Caller, Peer, PeerCertificate
from swarm_core.rpc.errors import RpcFailure, Unavailable

from swarm_testkit.in_process import client_error, copied, decoded, find
from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.founding import CLUSTER_ID
from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.life import Life
from swarm_testkit.simulation.network import KEEPALIVE_S, Network

_END = object()
_POLL_S = 0.05
_READY_S = 3.0


class NotDone(CallFailed):
    """The manager says that nothing happened."""


class Server(Protocol):
    """A machine that may run a manager."""

    @property
    def host(self) -> Host: ...

    @property
    def life(self) -> Life | None: ...

    @property
    def is_serving(self) -> bool:
        """Whether its remote API answers."""

    @property
    def serves_control(self) -> bool:
        """Whether its control socket answers."""

    @property
    def credentials(self) -> TlsIdentity | None:
        """What its manager shows."""

    def leader(self) -> "Server | None":
        """Whom this manager takes for the leader, maybe itself."""


class Chains(Protocol):
    """Whether a chain can be believed."""

    def why_not(self, chain: bytes, roots: bytes, wall_ns: int) -> str: ...

    def identity(self, chain: bytes) -> NodeIdentity: ...


@dataclass(frozen=True, slots=True)
class Door:
    """How a connection came in: over the control socket (`peer` is None), or as a peer, with what it showed.
    `passed_on` is what a manager says about the call that it passes on."""

    peer: Peer | None
    shown: TlsIdentity | None
    passed_on: forwarding.Pairs = ()


class SimulatedConnection:
    """See client.dial.ManagerConnection. `served_by` is the host that carried out the last call."""

    def __init__(
        self,
        source: Host,
        target: Server,
        network: Network,
        door: Door,
        findings: Findings,
        chains: Chains,
    ) -> None:
        self._source = source
        self._target = target
        self._network = network
        self._door = door
        self._findings = findings
        self._chains = chains
        self._life = target.life
        self._open: dict[asyncio.Task[None], None] = {}
        self.served_by: Host | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        answers = self._run(method, request)
        try:
            async with asyncio.timeout(timeout):
                return await anext(answers)
        except TimeoutError:
            raise CallFailed("DEADLINE_EXCEEDED", f"no answer within {timeout:g} s") from None
        finally:
            await answers.aclose()

    async def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        answers = self._run(method, request, is_stream=True)
        try:
            async for answer in answers:
                yield answer
        finally:
            await answers.aclose()

    async def upload(self, method: str, requests: AsyncIterator[Message]) -> Any:
        raise CallFailed("UNIMPLEMENTED", "nobody asks for logs here")

    async def both_ways(self, method: str, requests: AsyncIterator[Message]) -> AsyncIterator[Any]:
        raise CallFailed("UNIMPLEMENTED", "nobody runs commands here")
        yield

    async def close(self) -> None:
        for task in list(self._open):
            self._hang_up(task)

    # the caller's end

    async def _run(self, method: str, request: Message, *, is_stream: bool = False) -> Any:
        life, target = self._life, self._target
        if life is None:
            raise Unreachable(f"{target.host.name} is down")
        await self._network.carry(self._source.name, target.host)
        if life.group is None:
            raise Unreachable(f"{target.host.name} is down")
        box: asyncio.Queue[Any] = asyncio.Queue()
        work = self._serve(life, method, request, box, is_stream)
        try:
            task = life.group.spawn(work, name=f"serve {method}")
        except RuntimeError:  # the process is ending
            work.close()
            raise Unreachable(f"{target.host.name} is ending") from None
        self._open[task] = None
        task.add_done_callback(lambda _: box.put_nowait(Unreachable(f"{target.host.name} went away")))
        try:
            while (item := await box.get()) is not _END:
                await self._source.running()
                if isinstance(item, Exception):
                    raise item
                yield decoded(method, item)
        finally:
            self._hang_up(task)

    def _hang_up(self, task: "asyncio.Task[None]") -> None:
        """The server learns of it at once, or when it finds the way cut."""
        self._open.pop(task, None)
        is_open = self._network.is_open(self._source.name, self._target.host.name)
        self._source.loop.call_later(0.0 if is_open else KEEPALIVE_S, task.cancel)

    # the manager's end

    async def _serve(
        self, life: Life, method: str, request: Message, box: "asyncio.Queue[Any]", is_stream: bool
    ) -> None:
        failure: Exception | None = None
        try:
            async with aclosing(self._answers(life, method, request, is_stream)) as answers:
                async for answer in answers:
                    await self._network.carry(self._target.host.name, self._source)
                    box.put_nowait(answer)
        except ClientError as error:
            failure = error
        except (RpcFailure, *PLAIN_ERRORS) as error:
            failure = client_error(error, method, PLAIN_ERRORS)
            if isinstance(failure, CallFailed) and getattr(error, "not_done", False):
                failure = NotDone(failure.code, failure.message)
        except Exception as error:  # noqa: BLE001 - a bug of the handler, which must not end the simulation
            self._findings.add(f"{method} failed on {life.host.name}: {type(error).__name__}: {error}")
            failure = CallFailed("INTERNAL", str(error))
        if failure is not None:
            try:
                await self._network.carry(self._target.host.name, self._source)
            except Unreachable as error:
                failure = error
        box.put_nowait(_END if failure is None else failure)

    async def _answers(
        self, life: Life, method: str, request: Message, is_stream: bool
    ) -> AsyncGenerator[Any, None]:
        found = find(life.parts.local if self._door.peer is None else life.parts.remote, method)
        leads = await _leads(life)
        if not leads and any(key == forwarding.REDIRECT for key, _ in self._door.passed_on):
            raise forwarding.SecondHop
        if leads or not found.to_leader:
            self.served_by = life.host
            work = found.call(copied(request), self._admit(life, found))
            if not is_stream:
                yield await work
                return
            answers = work
        else:
            onward = self._onward(life)
            if not is_stream:
                yield await onward.call(method, request)
                self.served_by = onward.served_by
                return
            answers = onward.stream(method, request)
        try:
            async for answer in answers:
                yield answer
        finally:
            await answers.aclose()

    def _admit(self, life: Life, method: Method) -> Caller:
        """The caller as the product decides it, and a second opinion on whoever needs a role."""
        door = self._door
        if door.peer is None:
            return Caller(
                life.identity.node_id,
                frozenset({MANAGER_ROLE}),
                life.identity.organization,
                "",
                is_local=True,
            )
        authorizer = Authorizer(CLUSTER_ID, life.blacklist)
        caller = authorizer.authorize(method.roles, door.peer, door.passed_on)
        if method.roles:
            self._doubt(life, method, caller)
        return caller

    def _doubt(self, life: Life, method: Method, caller: Caller) -> None:
        """A call that needs a role is answered to the bearer of a certificate with that role alone. When it was passed on,
        its bearer is a manager, and the role is the one that it names."""
        shown, where = self._door.shown, f"{method.path} on {life.host.name}"
        if shown is None:
            self._findings.add(f"{where} was answered to somebody without a certificate")
            return
        bearer = self._chains.identity(shown.certificate)
        named = [str(value) for key, value in self._door.passed_on if key == FORWARDED_OU]
        is_entitled = (
            bearer.role == MANAGER_ROLE and set(named) & method.roles
            if named
            else bearer.role in method.roles
        )
        if not is_entitled or caller.node_id in life.blacklist():
            self._findings.add(f"{where} was answered to {caller.node_id} ({named or bearer.role})")

    def _onward(self, life: Life) -> "SimulatedConnection":
        """The way to the leader, with this manager's own certificate. Raises RpcFailure, Unreachable."""
        leader = self._target.leader()
        if leader is None or leader is self._target:
            raise Unavailable("this cluster has no leader now")
        peer, own = self._door.peer, life.credentials.tls
        pairs = (
            forwarding.local_metadata(self._door.passed_on)
            if peer is None
            else forwarding.remote_metadata(self._door.passed_on, peer)
        )
        # Their remote calls carry no such mark; here it keeps a call from going in circles.
        if all(key != forwarding.REDIRECT for key, _ in pairs):
            pairs = (*pairs, (forwarding.REDIRECT, life.host.name))
        shown = leader.credentials
        if shown is None or not leader.is_serving:
            raise Unreachable(f"{leader.host.name} is down")
        for chain, roots, host in (
            (own.certificate, shown.anchors, leader.host),
            (shown.certificate, own.anchors, life.host),
        ):
            if why := self._chains.why_not(chain, roots, host.clock.wall_ns()):
                raise Unreachable(f"{life.host.name} and {leader.host.name} do not trust each other: {why}")
        identity = life.identity
        certificate = PeerCertificate(identity.node_id, frozenset({identity.role}), identity.organization)
        door = Door(Peer(f"{life.host.name}:1", certificate), own, pairs)
        return SimulatedConnection(
            self._target.host, leader, self._network, door, self._findings, self._chains
        )


async def _leads(life: Life) -> bool:
    """Whether this manager answers for the cluster; waits a moment while it is taking over, as the product does."""
    deadline = life.host.loop.now + _READY_S
    while life.raft.leadership.is_leader and not life.parts.manager.is_leading:
        if life.host.loop.now >= deadline:
            raise Unavailable("the leader of the cluster cannot be reached")
        await life.host.clock.sleep(_POLL_S)
    return life.raft.leadership.is_leader
