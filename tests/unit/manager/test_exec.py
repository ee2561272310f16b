"""Commands run by hand in tasks: who asks and the task's node, paired by the leader (docs/design/exec.md 15.1)."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from functools import partial

import pytest
from swarm_core.api.proto.exec_pb2 import (
    ExecEnd,
    ExecInput,
    ExecOrder,
    ExecOutput,
    ExecRequest,
    ExecSpec,
    ListenExecRequest,
    ServeExecRequest,
)
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.manager.exec import ANSWER_S, OPEN_MAX, Exec
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
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction
from swarm_testkit.factories import make_task
from swarm_testkit.manual_clock import ManualClock, settle
from swarm_testkit.sole_manager import CommitLog

_TASKS = (("t1", "n1", "RUNNING"), ("t2", "n2", "RUNNING"), ("old", "n1", "COMPLETE"))


def node(node_id: str) -> Caller:
    return Caller(node_id, frozenset({"swarm-worker"}), "cluster", "192.0.2.1:1")


def begin(task_id: str = "t1", *command: str) -> ExecRequest:
    return ExecRequest(begin=ExecSpec(task_id=task_id, command=command or ["sh"]))


def typed(text: str) -> ExecRequest:
    return ExecRequest(input=ExecInput(data=text.encode()))


def written(text: str) -> ServeExecRequest:
    return ServeExecRequest(output=ExecOutput(stdout=text.encode()))


def ended(code: int) -> ServeExecRequest:
    return ServeExecRequest(output=ExecOutput(end=ExecEnd(exit_code=code)))


class Sent:
    """A stream of requests that a test sends as it goes along."""

    def __init__(self, *first: object) -> None:
        self._queue: asyncio.Queue[object] = asyncio.Queue()
        for one in first:
            self._queue.put_nowait(one)

    def send(self, one: object) -> None:
        self._queue.put_nowait(one)

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def requests(self) -> AsyncIterator[object]:
        while (one := await self._queue.get()) is not None:
            yield one


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(clock=self.clock, proposer=CommitLog(1))
        self.exec = Exec(self.store, self.clock, random.Random(1))

    def ask(self, sent: Sent) -> AsyncIterator[ExecOutput]:
        return self.exec.run_in_task(sent.requests(), node("m1"))  # type: ignore[arg-type]

    def serve(self, sent: Sent, node_id: str = "n1") -> AsyncIterator[ExecInput]:
        return self.exec.serve_exec(sent.requests(), node(node_id))  # type: ignore[arg-type]

    def listen(self, node_id: str = "n1") -> AsyncIterator[ExecOrder]:
        return self.exec.listen_exec(ListenExecRequest(), node(node_id))


def _create(task: Task, transaction: Transaction) -> None:
    transaction.create(task)


@contextlib.asynccontextmanager
async def leading() -> AsyncIterator[Bench]:
    bench = Bench()
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(bench.store.run()), group.create_task(bench.exec.run())]
        tasks = [make_task(task_id, node_id=place, state=state) for task_id, place, state in _TASKS]
        await bench.store.batch([partial(_create, task) for task in tasks])
        await settle()
        yield bench
        for each in running:
            each.cancel()


@contextlib.asynccontextmanager
async def ordered(
    bench: Bench, sent: Sent
) -> AsyncIterator[tuple[AsyncIterator[ExecOutput], str, asyncio.Future[ExecOutput]]]:
    """A command that was asked for: its outputs, the order's id, and the first output that is waited for."""
    orders = bench.listen()
    hearing = asyncio.ensure_future(anext(orders))
    await settle()
    outputs = bench.ask(sent)
    reading = asyncio.ensure_future(anext(outputs))
    order = await hearing
    yield outputs, order.id, reading
    await outputs.aclose()  # type: ignore[attr-defined]
    await orders.aclose()  # type: ignore[attr-defined]


async def test_both_sides_hear_each_other() -> None:
    """15.1.1: the order goes to the task's node; what is typed and written goes both ways, and the end ends both calls."""
    async with leading() as bench:
        asking, serving = Sent(begin("t1", "cat", "-")), Sent()
        async with ordered(bench, asking) as (outputs, order_id, reading):
            serving.send(ServeExecRequest(order_id=order_id))
            inputs = bench.serve(serving)
            asking.send(typed("one"))
            assert (await anext(inputs)).data == b"one"
            serving.send(written("two"))
            assert (await reading).stdout == b"two"
            asking.end()
            assert (await anext(inputs)).end
            serving.send(ended(7))
            assert (await anext(outputs)).end.exit_code == 7
            with pytest.raises(StopAsyncIteration):
                await anext(outputs)
            with pytest.raises(StopAsyncIteration):
                await anext(inputs)


async def test_who_asked_is_gone() -> None:
    """15.1.2: when the call ends, so does the node's."""
    async with leading() as bench:
        asking, serving = Sent(begin()), Sent()
        async with ordered(bench, asking) as (outputs, order_id, reading):
            serving.send(ServeExecRequest(order_id=order_id))
            inputs = bench.serve(serving)
            waiting = asyncio.ensure_future(anext(inputs))
            await settle()
            reading.cancel()
            await asyncio.wait([reading])
            await outputs.aclose()  # type: ignore[attr-defined]
            with pytest.raises(StopAsyncIteration):
                await waiting
            with pytest.raises(NotFound):
                await anext(bench.serve(Sent(ServeExecRequest(order_id=order_id))))


async def test_a_node_that_is_lost() -> None:
    """15.1.2: a node whose call breaks off is told of; so is one that never took the order up."""
    async with leading() as bench:
        async with ordered(bench, Sent(begin())) as (_, order_id, reading):
            serving = Sent(ServeExecRequest(order_id=order_id))
            inputs = bench.serve(serving)
            waiting = asyncio.ensure_future(anext(inputs))
            await settle()
            serving.end()
            with pytest.raises(Unavailable, match="was lost"):
                await reading
            with pytest.raises(StopAsyncIteration):
                await waiting
        async with ordered(bench, Sent(begin())) as (_, _, reading):
            await bench.clock.advance(ANSWER_S)
            with pytest.raises(Unavailable, match="did not take the command up"):
                await reading


async def test_who_reads_slowly_is_not_overrun() -> None:
    """15.1.3: a node that writes more than is read waits."""
    async with leading() as bench:
        async with ordered(bench, Sent(begin())) as (outputs, order_id, reading):
            serving = Sent(
                ServeExecRequest(order_id=order_id), *(written(str(number)) for number in range(500))
            )
            waiting = asyncio.ensure_future(anext(bench.serve(serving)))
            await settle()
            assert serving._queue.qsize() > 400
            told = [(await reading).stdout, *[(await anext(outputs)).stdout for _ in range(499)]]
            assert told == [str(number).encode() for number in range(500)]
            waiting.cancel()
            await asyncio.wait([waiting])


@pytest.mark.parametrize(
    ("request_", "refusal", "text"),
    [
        (typed("x"), InvalidArgument, "first message"),
        (ExecRequest(begin=ExecSpec(task_id="t1")), InvalidArgument, "a command is needed"),
        (begin("gone"), NotFound, "gone"),
        (begin("old"), FailedPrecondition, "does not run"),
        (begin("t2"), FailedPrecondition, "runs no commands for a manager"),
    ],
)
async def test_what_is_refused(request_: ExecRequest, refusal: type[RpcFailure], text: str) -> None:
    """15.1.4: each with its sentence, before any node is asked."""
    async with leading() as bench:
        orders = bench.listen()
        hearing = asyncio.ensure_future(anext(orders))
        await settle()
        with pytest.raises(refusal, match=text):
            await anext(bench.ask(Sent(request_)))
        assert not hearing.done()
        hearing.cancel()
        await asyncio.wait([hearing])


async def test_an_order_is_its_node_s_and_taken_up_once() -> None:
    """15.1.4: another node, and another call, are refused."""
    async with leading() as bench:
        async with ordered(bench, Sent(begin())) as (_, order_id, reading):
            order = ServeExecRequest(order_id=order_id)
            with pytest.raises(PermissionDenied):
                await anext(bench.serve(Sent(order), "n2"))
            inputs = asyncio.ensure_future(anext(bench.serve(Sent(order))))
            await settle()
            with pytest.raises(FailedPrecondition, match="already"):
                await anext(bench.serve(Sent(order)))
            for each in (inputs, reading):
                each.cancel()
            await asyncio.wait((inputs, reading))


async def test_commands_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """15.1.4: more than so many at a time are refused with the number."""
    monkeypatch.setattr("swarm_core.manager.exec.OPEN_MAX", 1)
    async with leading() as bench:
        async with ordered(bench, Sent(begin())) as (_, _, reading):
            with pytest.raises(ResourceExhausted, match="1 commands are open"):
                await anext(bench.ask(Sent(begin())))
            reading.cancel()
            await asyncio.wait([reading])
    assert OPEN_MAX > 1


async def test_who_does_not_lead_answers_nothing() -> None:
    """15.1.5: before and after the lead every call is aborted, and open ones end so."""
    bench = Bench()
    for call in (bench.ask(Sent(begin())), bench.listen(), bench.serve(Sent())):
        with pytest.raises(Aborted):
            await anext(call)
    async with leading() as led:
        orders = led.listen()
        hearing = asyncio.ensure_future(anext(orders))
        await settle()
    with pytest.raises(Aborted):
        await hearing


async def test_a_port_is_asked_of_nodes_that_know_of_ports() -> None:
    """15.4.1: an order for a port names no command, and goes to no node that would not understand it."""
    async with leading() as bench:
        listening = bench.listen()
        hearing = asyncio.ensure_future(anext(listening))
        await settle()
        with pytest.raises(
            FailedPrecondition, match="node n1 forwards no ports: it runs an older swarm-agentd"
        ):
            await anext(bench.ask(Sent(ExecRequest(begin=ExecSpec(task_id="t1", port=80)))))
        for wrong in (ExecSpec(task_id="t1", port=65536), ExecSpec(task_id="t1", port=80, command=["sh"])):
            with pytest.raises(InvalidArgument, match="a port is one of 1 to 65535"):
                await anext(bench.ask(Sent(ExecRequest(begin=wrong))))
        newer = bench.exec.listen_exec(ListenExecRequest(takes_ports=True), node("n1"))
        hearing.cancel()
        hearing = asyncio.ensure_future(anext(newer))
        await settle()
        outputs = bench.ask(Sent(ExecRequest(begin=ExecSpec(task_id="t1", port=80))))
        reading = asyncio.ensure_future(anext(outputs))
        assert (await hearing).spec.port == 80
        reading.cancel()
        await asyncio.wait([reading])
        for stream in (outputs, newer, listening):
            await stream.aclose()  # type: ignore[attr-defined]
