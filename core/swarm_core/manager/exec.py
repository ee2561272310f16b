"""Commands run by hand inside tasks, and connections to their ports: pairs who asks with the task's node (docs/design/exec.md).

Rules
1. Nothing is stored. A command lives as long as the call of who asked: when that ends, whatever the reason, the node's call ends too,
   and the node ends the command.
2. Only a task that is meant to run and does is entered, and only its own node may serve the order.
3. Between both stand two queues of QUEUE_MAX messages: who reads slowly is not overrun, and nothing here grows.
4. A node that does not take an order up within ANSWER_S is told of as such. Nodes that do not listen (Docker Engines) are refused at once.
5. Outside `run` every call is answered Aborted, and open streams end so.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from swarm_core.api.ids import new_id
from swarm_core.api.proto.exec_pb2 import (
    ExecInput,
    ExecOrder,
    ExecOutput,
    ExecRequest,
    ExecSpec,
    ListenExecRequest,
    ServeExecRequest,
)
from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.api.proto.types_pb2 import RUNNING
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    RpcFailure,
    Unavailable,
)
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group, cancel_and_wait
from swarm_core.runtime.waiting import event_or_time
from swarm_core.store.memory import MemoryStore

R = TypeVar("R")
QUEUE_MAX: Final = 16
ANSWER_S: Final = 10.0
OPEN_MAX: Final = 200
_ORDERS_MAX: Final = 100
_PORT_MAX: Final = 65_535
_STOPPED: Final = "commands are passed on by the leader, which this manager is not"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Pair:
    """One command. What is typed ends with None when nobody is there any more who typed; what is written ends with None."""

    id: str
    node_id: str
    inputs: asyncio.Queue[ExecInput | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_MAX))
    outputs: asyncio.Queue[ExecOutput | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_MAX))
    taken_up: asyncio.Event = field(default_factory=asyncio.Event)


class _Listener:
    """The orders that one node has not heard of yet."""

    def __init__(self, *, takes_ports: bool) -> None:
        self.takes_ports = takes_ports
        self.orders: asyncio.Queue[ExecOrder | None] = asyncio.Queue(_ORDERS_MAX)


class Exec:
    """Handler of swarmtui.v1.Exec, and component of the leader."""

    name = "exec"

    def __init__(self, store: MemoryStore, clock: Clock, rng: random.Random) -> None:
        self._store, self._clock, self._rng = store, clock, rng
        self._is_running = False
        self._group = Group()
        self._pairs: dict[str, _Pair] = {}
        self._listeners: dict[str, _Listener] = {}

    async def run(self) -> None:
        """Serve from now until cancelled. There is no work but that of the calls."""
        try:
            async with Group() as self._group:
                self._is_running = True
                await asyncio.Event().wait()
        finally:
            self._is_running = False
            for pair in self._pairs.values():
                _end(pair.inputs)
                _end(pair.outputs)
            for listener in self._listeners.values():
                _end(listener.orders)

    async def run_in_task(
        self, requests: AsyncIterator[ExecRequest], caller: Caller
    ) -> AsyncIterator[ExecOutput]:
        """Run a command in a task, or connect to a port of it, with what is typed; what comes back, and at last how it ended."""
        self._check_running()
        spec = await _begun(requests)
        node_id = self._place_of(spec)
        pair = self._order(node_id, spec)
        _log.info("%s %s task %s", caller.node_id or "an operator", _doing(spec), spec.task_id)
        feeding = self._group.spawn(_feed(requests, pair), name=f"input of command {pair.id}")
        try:
            await self._until_taken_up(pair)
            while (output := await pair.outputs.get()) is not None:
                yield output
                if output.HasField("end"):
                    return
            self._check_running()
            raise Unavailable(f"the connection to node {self._name(node_id)} was lost")
        finally:
            del self._pairs[pair.id]
            await cancel_and_wait(feeding)
            _end(pair.inputs)

    async def listen_exec(self, request: ListenExecRequest, caller: Caller) -> AsyncIterator[ExecOrder]:
        """What is to be run on the calling node, as it is asked for."""
        self._check_running()
        before = self._listeners.get(caller.node_id)
        if before is not None:
            _end(before.orders)
        own = self._listeners[caller.node_id] = _Listener(takes_ports=request.takes_ports)
        try:
            while (order := await own.orders.get()) is not None:
                yield order
        finally:
            if self._listeners.get(caller.node_id) is own:
                del self._listeners[caller.node_id]
        raise Aborted(_STOPPED)

    async def serve_exec(
        self, requests: AsyncIterator[ServeExecRequest], caller: Caller
    ) -> AsyncIterator[ExecInput]:
        """What is typed, to the node that runs the command; it sends what the command writes."""
        self._check_running()
        first = await _first(requests)
        pair = self._pairs.get(first.order_id)
        if pair is None:
            raise NotFound(f"there is no order {first.order_id}: who asked has gone")
        if pair.node_id != caller.node_id:
            raise PermissionDenied("the order is another node's")
        if pair.taken_up.is_set():
            raise FailedPrecondition("the order is taken up already")
        pair.taken_up.set()
        telling = self._group.spawn(_tell(first, requests, pair), name=f"output of command {pair.id}")
        try:
            while (typed := await pair.inputs.get()) is not None:
                yield typed
        finally:
            await cancel_and_wait(telling)
            _end(pair.outputs)

    def _place_of(self, spec: ExecSpec) -> str:
        """The node of the task. Raises RpcFailure where nothing can be run in it."""
        if not spec.command and not spec.port:
            raise InvalidArgument("a command is needed")
        if spec.port and (spec.command or spec.port > _PORT_MAX):
            raise InvalidArgument(f"a port is one of 1 to {_PORT_MAX}, and takes no command")
        task = self._store.get(Task, spec.task_id)
        if task is None:
            raise NotFound(f"task {spec.task_id} not found")
        if task.status.state != RUNNING or task.desired_state != RUNNING:
            raise FailedPrecondition(f"task {spec.task_id} does not run")
        if task.node_id not in self._listeners:
            raise FailedPrecondition(
                f"node {self._name(task.node_id)} runs no commands for a manager: it is a Docker Engine, or not connected; "
                "on the node itself docker exec does it"
            )
        if spec.port and not self._listeners[task.node_id].takes_ports:
            raise FailedPrecondition(
                f"node {self._name(task.node_id)} forwards no ports: it runs an older swarm-agentd"
            )
        if len(self._pairs) >= OPEN_MAX:
            raise ResourceExhausted(f"{OPEN_MAX} commands are open already")
        return task.node_id

    def _order(self, node_id: str, spec: ExecSpec) -> _Pair:
        pair = _Pair(new_id(self._rng), node_id)
        try:
            self._listeners[node_id].orders.put_nowait(ExecOrder(id=pair.id, spec=spec))
        except asyncio.QueueFull:
            raise ResourceExhausted(f"node {self._name(node_id)} has orders enough") from None
        self._pairs[pair.id] = pair
        return pair

    async def _until_taken_up(self, pair: _Pair) -> None:
        if not await event_or_time(self._clock, pair.taken_up, ANSWER_S):
            self._check_running()
            raise Unavailable(
                f"node {self._name(pair.node_id)} did not take the command up within {ANSWER_S:g} s"
            )

    def _name(self, node_id: str) -> str:
        node = self._store.get(Node, node_id)
        return (node.description.hostname if node is not None else "") or node_id

    def _check_running(self) -> None:
        if not self._is_running:
            raise Aborted(_STOPPED)


def _doing(spec: ExecSpec) -> str:
    return f"connects to port {spec.port} of" if spec.port else f"runs {spec.command[0]} in"


async def _first(requests: AsyncIterator[ServeExecRequest]) -> ServeExecRequest:
    async for request in requests:
        return request
    raise InvalidArgument("the first message must name the order")


async def _begun(requests: AsyncIterator[ExecRequest]) -> ExecSpec:
    async for request in requests:
        if request.HasField("begin"):
            return request.begin
        break
    raise InvalidArgument("the first message must say what is to be run")


async def _feed(requests: AsyncIterator[ExecRequest], pair: _Pair) -> None:
    """Pass on what is typed; the end of it is an input too, and the command may go on without."""
    async for request in _until_lost(requests):
        if request.HasField("input"):
            await pair.inputs.put(request.input)
    await pair.inputs.put(ExecInput(end=True))


async def _tell(first: ServeExecRequest, requests: AsyncIterator[ServeExecRequest], pair: _Pair) -> None:
    if first.HasField("output"):
        await pair.outputs.put(first.output)
    async for request in _until_lost(requests):
        await pair.outputs.put(request.output)
    await pair.outputs.put(None)


async def _until_lost(requests: AsyncIterator[R]) -> AsyncIterator[R]:
    """What a caller sends; one that breaks off has sent its last."""
    try:
        async for request in requests:
            yield request
    except RpcFailure:
        return


def _end(queue: "asyncio.Queue[Any]") -> None:
    """Put the end into a queue at once, in place of what nobody will read any more where it is full."""
    while queue.full():
        queue.get_nowait()
    queue.put_nowait(None)
