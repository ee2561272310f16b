"""Calls between hosts: from agents and clients to any manager, and from there to the leader.

A call that breaks says nothing of what became of it. A connection belongs to one life of the manager's process; when that
ends, everything on it breaks. What a handler raises beyond its contract is a finding.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Protocol

from google.protobuf.message import Message
from swarm_core.client.errors import CallFailed, ClientError, Unreachable
from swarm_core.manager.parts import PLAIN_ERRORS
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Code, RpcFailure

from swarm_testkit.in_process import client_error, copied, decoded, find
from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.life import Life
from swarm_testkit.simulation.network import KEEPALIVE_S, Network

_END = object()


class NotDone(CallFailed):
    """The manager says that nothing happened."""


class Server(Protocol):
    """A manager's host."""

    @property
    def host(self) -> Host: ...

    @property
    def life(self) -> Life | None: ...

    def leader(self) -> "Server | None":
        """Whom this manager takes for the leader, maybe itself."""


class SimulatedConnection:
    """See client.dispatch.AgentConnection. `served_by` is the host that carried out the last call."""

    def __init__(
        self,
        source: Host,
        target: Server,
        network: Network,
        caller: Caller,
        findings: Findings,
        *,
        hops: int = 0,
    ) -> None:
        self._source = source
        self._target = target
        self._network = network
        self._caller = caller
        self._findings = findings
        self._hops = hops
        self._life = target.life
        self._open: dict[asyncio.Task[None], None] = {}
        self.served_by: Host | None = None

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        answers = self._run(method, request)
        try:
            async with asyncio.timeout(timeout):
                return await anext(answers)
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
        except RpcFailure as error:
            failure = client_error(error, method)
        except PLAIN_ERRORS as error:
            is_not_done = getattr(error, "not_done", False)
            failure = (
                NotDone("UNKNOWN", str(error)) if is_not_done else client_error(error, method, PLAIN_ERRORS)
            )
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
        services = life.parts.local if self._caller.is_local else life.parts.remote
        found = find(services, method)
        if life.raft.is_leader or not found.to_leader:
            self.served_by = life.host
            work = found.call(copied(request), self._caller)
            if not is_stream:
                yield await work
                return
            answers = work
        else:
            onward = self._onward()
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

    def _onward(self) -> "SimulatedConnection":
        leader = self._target.leader()
        if leader is None or leader is self._target:
            raise RpcFailure(Code.UNAVAILABLE, "this cluster has no leader now")
        if self._hops:
            raise RpcFailure(Code.RESOURCE_EXHAUSTED, "more than one redirect to the leader")
        caller = replace(self._caller, is_local=False)
        return SimulatedConnection(
            self._target.host, leader, self._network, caller, self._findings, hops=self._hops + 1
        )
