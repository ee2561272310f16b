"""This machine in a cluster, or in none (docs/design/engine-api.md E12).

Rules
1. There is one node at most. What is asked for is carried out to its end, one request after the other, also when whoever asked has gone.
2. The state is inactive without a node, pending until it is ready, then active; locked and error say why there is none.
3. A first start that fails leaves nothing behind. One that is late goes on.
4. What says where the node is to others is kept (`record`); tokens and keys are not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from swarm_core.ca.errors import InvalidToken
from swarm_core.ca.tokens import parse_unlock_key
from swarm_core.client import node_directory
from swarm_core.http.errors import BadRequest, Conflict, Failed, HttpError, Unauthorized, Unavailable
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group, cancel_and_wait
from swarm_core.runtime.waiting import event_or_time

from swarm_agentd.engine_api.membership import record, refusals
from swarm_agentd.engine_api.membership.asked import Beginning, Joining
from swarm_agentd.engine_api.membership.record import Record
from swarm_agentd.engine_api.membership.runner import UNUSABLE, MakeNode, NodeRunner
from swarm_agentd.engine_api.membership.ways import local_address
from swarm_agentd.node.config import Join, NodeConfig
from swarm_agentd.node.errors import NodeError, NodeLocked
from swarm_agentd.node.standing import HasStanding, NodeState, Standing
from swarm_agentd.node.state_dir import StateDirectory

_log = logging.getLogger(__name__)
T = TypeVar("T")
READY_S = 20.0
LEAVE_S = 60.0


class Membership(HasStanding, Protocol):
    """Port: what the routers ask of it."""

    async def to_the_end(self, work: Callable[[], Awaitable[T]]) -> T:
        """Carry out `work` when nothing else of the kind is, and to its end, whoever waits for it. Raises what it raises."""

    async def begin(self, asked: Beginning) -> str:
        """Begin a cluster; the node's id. Raises HttpError. This and what follows are for `to_the_end`."""

    async def join(self, asked: Joining) -> None:
        """Join one. Raises HttpError."""

    async def leave(self, *, force: bool) -> None:
        """Leave it. Raises HttpError."""

    async def unlock(self, text: str) -> None:
        """Start the locked node with this key. Raises HttpError."""


class Cluster:
    """See Membership. `config` is what the flags say; `begins`: they ask for a node at once, and what keeps it from being ends the
    daemon."""

    def __init__(
        self, config: NodeConfig, state: StateDirectory, make: MakeNode, clock: Clock, *, begins: bool
    ) -> None:
        self.resumed = asyncio.Event()
        """Set once it is known whether there is to be a node."""
        self._flags, self._state, self._make, self._clock = config, state, make, clock
        self._begins = begins
        self._runner: NodeRunner | None = None
        self._work: asyncio.Task[None] | None = None
        self._record: Record | None = None
        self._lock = asyncio.Lock()
        self._group = Group()

    async def run(self) -> None:
        """Until cancelled. Raises NodeError or StorageUnusable, perhaps in an ExceptionGroup, where the flags ask for a node that
        cannot be."""
        async with Group() as self._group:
            runner = self._resume()
            self.resumed.set()
            if runner is not None and self._begins:
                await runner.settled.wait()
                if runner.error is not None:
                    raise runner.error
            await asyncio.Event().wait()

    async def until_settled(self) -> None:
        """Return when the node that this daemon begins with is ready, or there is none, or it has failed and the daemon goes on."""
        await self.resumed.wait()
        runner = self._runner
        if runner is not None:
            await runner.settled.wait()
            if self._begins and runner.error is not None:
                await asyncio.Event().wait()  # the daemon ends

    async def be_in_none(self) -> None:
        """Leave the cluster, if there is one, whatever it costs. Raises NodeError."""
        try:
            if self.standing().state is not NodeState.INACTIVE:
                await self.to_the_end(partial(self.leave, force=True))
        except HttpError as error:
            raise NodeError(str(error)) from None

    def standing(self) -> Standing:
        """See standing.HasStanding."""
        runner, local = self._runner, "" if self._record is None else self._record.local
        if runner is None:
            return Standing(NodeState.INACTIVE if self.resumed.is_set() else NodeState.PENDING)
        if runner.node is not None:
            standing = runner.node.standing()
            return replace(standing, local_address=local) if local else standing
        if runner.error is None:
            return Standing(NodeState.PENDING, local_address=local)
        is_locked = isinstance(runner.error, NodeLocked)
        return Standing(
            NodeState.LOCKED if is_locked else NodeState.ERROR,
            error=refusals.of_failure(runner.error).message,
            local_address=local,
        )

    async def to_the_end(self, work: Callable[[], Awaitable[T]]) -> T:
        """See Membership."""
        await self.resumed.wait()
        done: list[T] = []
        failed: list[Exception] = []

        async def carry_out() -> None:
            async with self._lock:
                try:
                    done.append(await work())
                except Exception as error:  # noqa: BLE001 - whoever asked is told, and may have gone
                    _log.info(
                        "a change of membership failed: %s", error, exc_info=not isinstance(error, HttpError)
                    )
                    failed.append(error)

        await asyncio.shield(self._group.spawn(carry_out(), name="change of membership"))
        if failed:
            raise failed[0]
        return done[0]

    async def begin(self, asked: Beginning) -> str:
        """See Membership."""
        standing, former = self.standing(), self._runner
        is_again = former is not None and asked.force_new
        if former is not None and not asked.force_new:
            raise Unavailable(refusals.IN_A_SWARM)
        if former is not None and not (former.is_ready and standing.is_manager):
            raise Unavailable(refusals.WORKER)
        await self._stop()
        networks = asked.networks.flags()
        config = replace(
            self._flags if former is None else former.config,
            listen_remote_api=asked.endpoints.listen,
            advertise_remote_api=asked.endpoints.advertise,
            join=None,
            autolock=asked.autolock or self._flags.autolock,
            networks=tuple(networks) or self._flags.networks,
            availability=asked.availability or self._flags.availability,
            force_new_cluster=is_again,
        )
        self._keep(
            Record(
                listen=asked.endpoints.listen,
                advertise=asked.endpoints.advertise,
                local=_host(asked.endpoints.advertise),
                data_path=asked.data_path,
                pools=asked.networks.pools,
                subnet_size=asked.networks.size,
                data_path_port=asked.networks.port,
            )
        )
        await self._started(self._start(config), keeps_state=is_again)
        return self.standing().node_id

    async def join(self, asked: Joining) -> None:
        """See Membership. A manager that cannot be reached is no reason to give up while there is another."""
        if self._runner is not None:
            raise Unavailable(refusals.IN_A_SWARM)
        for place, manager in enumerate(asked.managers):
            runner = self._start_joining(asked, manager)
            try:
                await self._started(runner, token=asked.token)
            except HttpError:
                if place + 1 < len(asked.managers) and refusals.was_unreachable(runner.error):
                    continue
                raise
            return

    async def leave(self, *, force: bool) -> None:
        """See Membership."""
        runner = self._runner
        if runner is None:
            raise Unavailable(refusals.NOT_IN_A_SWARM)
        if self.standing().state is NodeState.LOCKED and not force:
            raise Unavailable(refusals.LOCKED_LEAVES)
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._give_up_tasks(runner)
        except TimeoutError:
            if self._runner is None:
                self._start(runner.config)
            raise Failed(f"this node's tasks did not end within {LEAVE_S:g} s; try again") from None
        await self._clean()

    async def unlock(self, text: str) -> None:
        """See Membership."""
        state, runner = self.standing().state, self._runner
        if runner is None or state is not NodeState.LOCKED:
            raise Conflict("swarm is not locked")
        try:
            key = parse_unlock_key(text)
        except InvalidToken:
            raise BadRequest("invalid key string") from None
        await self._stop()
        started = self._start(replace(runner.config, unlock_key=key), failed_before=True)
        if not await event_or_time(self._clock, started.settled, READY_S):
            raise Unavailable(refusals.TOO_LATE)
        if isinstance(started.error, NodeLocked):
            raise Unauthorized("swarm could not be unlocked: invalid key provided")
        if started.error is not None:
            raise Failed(f"swarm component could not be started: {started.error}")

    def _resume(self) -> NodeRunner | None:
        """Start the node that was here before, or the one that the flags ask for."""
        path, config = self._state.path, self._flags
        has_cluster = node_directory.belongs_to_a_cluster(path)
        self._record = record.read(path)
        if self._record is not None and not has_cluster:
            _log.warning("this machine was about to be in a cluster; nothing of it is left")
            self._state.forget()
            self._record = None
        if self._record is not None and config.join is None:
            config = replace(
                config,
                listen_remote_api=self._record.listen or config.listen_remote_api,
                advertise_remote_api=self._record.advertise,
            )
        return self._start(config) if has_cluster or self._begins else None

    def _start(self, config: NodeConfig, *, failed_before: bool = False) -> NodeRunner:
        self._runner = runner = NodeRunner(
            self._make, config, self._clock, self._is_ready, failed_before=failed_before
        )
        self._work = self._group.spawn(runner.run(), name="node")
        return runner

    def _is_ready(self) -> None:
        """The node is in its cluster, perhaps long after whoever asked for it was told that it is late."""
        if self._record is None or not self._record.is_joining:
            return
        try:
            self._keep(replace(self._record, is_joining=False))
        except HttpError as error:
            _log.error("that the node has joined its cluster is not kept: %s", error)

    def _start_joining(self, asked: Joining, manager: str) -> NodeRunner:
        word = asked.availability or self._flags.availability
        self._keep(
            Record(
                listen=asked.endpoints.listen,
                advertise=asked.endpoints.advertise,
                remote=manager,
                local=_host(asked.endpoints.advertise) or local_address(manager),
                data_path=asked.data_path,
                is_joining=True,
            )
        )
        return self._start(
            replace(
                self._flags,
                listen_remote_api=asked.endpoints.listen,
                advertise_remote_api=asked.endpoints.advertise,
                join=Join.at(manager, asked.token, word),
                availability=word,
                force_new_cluster=False,
            )
        )

    async def _started(self, runner: NodeRunner, *, token: str = "", keeps_state: bool = False) -> None:
        """Wait for it. Raises HttpError when it failed, with nothing left of it, and when it is late."""
        if not await event_or_time(self._clock, runner.settled, READY_S):
            raise Unavailable(refusals.TOO_LATE)
        if runner.error is None:
            return
        if not keeps_state:
            await self._stop()
            await self._clean()
        raise refusals.of_failure(runner.error, token)

    async def _stop(self) -> None:
        """End the node; its files stay."""
        work, self._work, self._runner = self._work, None, None
        if work is not None:
            await cancel_and_wait(work)

    async def _clean(self) -> None:
        """Forget the cluster, after the node has ended."""
        await self._stop()
        self._record = None
        try:
            self._state.forget()
        except NodeError as error:
            raise Failed(str(error)) from None

    async def _give_up_tasks(self, runner: NodeRunner) -> None:
        """Also those of a node that does not live: they go on without it."""
        if runner.node is not None:
            await runner.node.leave()
            return
        await self._stop()
        try:
            with self._make(runner.config) as node:
                await node.remove_tasks()
        except UNUSABLE as error:
            _log.error("the tasks of this node cannot be found any more, and may go on: %s", error)

    def _keep(self, kept: Record) -> None:
        if kept.data_path:
            _log.warning(
                "overlay traffic of this machine is its engine's: the data path address is only kept"
            )
        try:
            record.write(self._state.path, kept)
        except NodeError as error:
            raise Failed(str(error)) from None
        self._record = kept


def _host(address: str) -> str:
    """Of host:port, without brackets."""
    return address.rpartition(":")[0].strip("[]")
