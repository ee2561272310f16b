"""Logs: lines of several tasks in order of time, bounded and never lost."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.client.errors import NO_LEADER, CallFailed, IncompleteLogs, Unreachable, UntrustedManager
from swarm_core.client.log_pieces import PIECE_BYTES
from swarm_core.client.log_query import LogQuery
from swarm_core.client.log_records import OUTAGE_S
from swarm_core.client.logs import LogLine, LogReader, ReorderWindow, lines_of
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.cluster_fake import START_NS, FakeCluster, log_line
from swarm_testkit.factories import make_node, make_service, make_task
from swarm_testkit.manual_clock import ManualClock

SERVICE = make_service("s1", name="web")
ONE, TWO = (
    make_task(f"t{slot}", service=SERVICE, slot=slot, node_id=f"n{slot}", state="RUNNING") for slot in (1, 2)
)
QUERY = LogQuery(service_ids=("s1",))


def cluster() -> FakeCluster:
    """Two tasks of one service, each on a node of its own."""
    return FakeCluster([make_node("n1"), make_node("n2"), SERVICE, ONE, TWO])


def line(at_ns: int, text: str = "") -> LogLine:
    return LogLine(at_ns, "t1", "s1", "n1", False, text.encode())


async def read(fake: FakeCluster, query: LogQuery = QUERY) -> list[LogLine]:
    out: list[LogLine] = []
    # The end of the logs ends the window, too. Until then no line may be given for want of another one.
    await LogReader(fake, clock=SystemClock(), window_s=30).run(query, out.extend)
    return out


async def test_lines_of_tasks_are_merged_by_time() -> None:
    """Lines come out in the order they were written, whoever sent them first."""
    fake = cluster()
    fake.log_lines(*(log_line(ONE, f"one {i}", at_ns=START_NS + 2 * i) for i in range(3)))
    fake.log_lines(*(log_line(TWO, f"two {i}", at_ns=START_NS + 2 * i + 1, is_stderr=True) for i in range(3)))
    lines = await read(fake)
    assert [item.text for item in lines] == ["one 0", "two 0", "one 1", "two 1", "one 2", "two 2"]
    assert [item.is_stderr for item in lines[:2]] == [False, True]


async def test_tail_and_since() -> None:
    """tail counts from the end, since cuts the beginning."""
    fake = cluster()
    fake.log_lines(*(log_line(ONE, str(i), at_ns=START_NS + i) for i in range(10)))
    assert [i.text for i in await read(fake, LogQuery(service_ids=("s1",), tail=2))] == ["8", "9"]
    assert [i.text for i in await read(fake, LogQuery(service_ids=("s1",), since_ns=START_NS + 7))] == [
        "7",
        "8",
        "9",
    ]
    assert await read(fake, LogQuery(service_ids=("s1",), tail=0)) == []


def test_tail_on_the_wire() -> None:
    """The broker counts the last n lines as -n-1, and everything as 0."""
    assert LogQuery(tail=5).request().options.tail == -6
    assert LogQuery().request().options.tail == 0


async def test_follow_gives_new_lines() -> None:
    """A followed log gives each new line after the window, until its reader stops."""
    fake = cluster()
    got: asyncio.Queue[LogLine] = asyncio.Queue()
    # Both lines must have come within the window, also where the machine holds the test up between them.
    reader = LogReader(fake, clock=SystemClock(), window_s=1.0)
    query = LogQuery(service_ids=("s1",), follow=True)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(
            reader.run(query, lambda lines: [got.put_nowait(i) for i in lines] and None)
        )
        while not fake.streams_open:
            await asyncio.sleep(0)
        fake.log_lines(log_line(TWO, "b", at_ns=START_NS + 2), log_line(ONE, "a", at_ns=START_NS + 1))
        assert [(await got.get()).text, (await got.get()).text] == ["a", "b"]
        running.cancel()
    assert fake.streams_open == 0


async def follow(fake: FakeCluster, query: LogQuery, until: Callable[[list[str]], bool]) -> list[str]:
    """Texts of a query's lines, read until enough have come."""
    out: list[str] = []
    enough = asyncio.Event()

    def take(lines: Sequence[LogLine]) -> None:
        out.extend(item.text for item in lines)
        if until(out):
            enough.set()

    running = asyncio.ensure_future(LogReader(fake, clock=fake.clock, window_s=0.01).run(query, take))
    waiting = asyncio.ensure_future(enough.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    running.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    return out


async def test_following_waits_for_a_leader() -> None:
    """Begun while nobody leads it waits and says why; logs that are not followed fail at once."""
    fake = cluster()
    fake.log_lines(log_line(ONE, "kept"))
    error = CallFailed(NO_LEADER, "the cluster has no leader")
    fake.fail_next("Logs.SubscribeLogs", error, times=3)
    with pytest.raises(CallFailed, match="no leader"):
        await read(fake)
    heard: list[str | None] = []
    fake.log_lines(log_line(TWO, "too"))
    out: list[str] = []
    reader = LogReader(fake, clock=fake.clock, window_s=0)
    query = LogQuery(service_ids=("s1",), follow=True)
    running = asyncio.ensure_future(
        reader.run(query, lambda lines: out.extend(item.text for item in lines), heard.append)
    )
    while len(out) < 2 and not running.done():
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sorted(out) == ["kept", "too"]
    assert heard == ["the cluster has no leader", None] * 2


async def test_an_untrusted_manager_is_no_outage() -> None:
    """What was on hold when the stream broke for good still comes out, then the loss is told."""
    fake = cluster()
    out: list[LogLine] = []
    reader = LogReader(fake, clock=SystemClock(), window_s=30)
    fake.log_lines(log_line(ONE, "kept"))
    running = asyncio.ensure_future(reader.run(LogQuery(service_ids=("s1",), follow=True), out.extend))
    while not fake.messages_given:
        await asyncio.sleep(0)
    fake.fail_next("Control.ListTasks", UntrustedManager("another root"))
    fake.cut("gone")
    with pytest.raises(UntrustedManager, match="another root"):
        await running
    assert [item.text for item in out] == ["kept"]


async def test_cut_while_following() -> None:
    """The loss is told, reading goes on by itself, and nothing is missing or twice: also lines of the same moment, of a task that
    was silent before, of one that began meanwhile, and without the past that a tail had left out."""
    fake = cluster()
    heard: list[str | None] = []
    fake.log_lines(*(log_line(ONE, f"old {number}", at_ns=START_NS - 5 + number) for number in range(3)))
    fake.log_lines(log_line(TWO, "silent before", at_ns=START_NS - 5))
    out: list[str] = []
    got = asyncio.Event()

    def take(lines: Sequence[LogLine]) -> None:
        out.extend(item.text for item in lines)
        got.set()

    async def told(text: str) -> None:
        while text not in out:
            got.clear()
            await got.wait()

    query = LogQuery(service_ids=("s1",), follow=True, tail=1)
    reader = LogReader(fake, clock=fake.clock, window_s=0.01)
    running = asyncio.ensure_future(reader.run(query, take, heard.append))
    await told("old 2")
    await told("silent before")
    for number in range(3):
        fake.log_lines(log_line(ONE, f"same {number}", at_ns=START_NS))
    await told("same 2")
    fake.unreachable = "connection refused"
    fake.cut("gone")
    fake.log_lines(log_line(ONE, "same 3", at_ns=START_NS), log_line(TWO, "first", at_ns=START_NS + 7))
    new = make_task("t3", service=SERVICE, slot=3, node_id="n2", state="RUNNING")
    fake.put(new)
    fake.log_lines(log_line(new, "new", at_ns=START_NS + 9))
    while heard.count("gone") < 1 or "connection refused" not in heard:
        await asyncio.sleep(0)
    fake.unreachable = None
    await told("new")
    fake.log_lines(log_line(ONE, "after", at_ns=START_NS + 10))
    await told("after")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert heard[-1] is None
    assert sorted(out) == sorted(
        ["old 2", "silent before", "same 0", "same 1", "same 2", "same 3", "first", "new", "after"]
    )


async def test_a_cut_in_the_middle_of_a_line() -> None:
    """A line of many pieces comes whole and once, however far it had come."""
    fake = cluster()
    piece = log_line(ONE, "", at_ns=START_NS)
    piece.data = b"x" * PIECE_BYTES
    fake.log_lines(log_line(ONE, "before", at_ns=START_NS - 1), piece)
    heard: list[str | None] = []
    out: list[str] = []
    reader = LogReader(fake, clock=fake.clock, window_s=0.01)

    def take(lines: Sequence[LogLine]) -> None:
        out.extend(item.text for item in lines)

    query = LogQuery(service_ids=("s1",), follow=True)
    running = asyncio.ensure_future(reader.run(query, take, heard.append))
    while "before" not in out:
        await asyncio.sleep(0)
    fake.cut("gone")
    while None not in heard:
        await asyncio.sleep(0)
    fake.log_lines(log_line(ONE, "end", at_ns=START_NS + 2), log_line(ONE, "after", at_ns=START_NS + 3))
    while "after" not in out:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [len(text) for text in out] == [len("before"), PIECE_BYTES + len("end"), len("after")]


async def test_nothing_had_come_when_the_connection_broke() -> None:
    """With an empty tail what is written meanwhile still comes, and what was before does not."""
    fake = cluster()
    fake.log_lines(log_line(ONE, "past", at_ns=START_NS - 1))

    async def interrupt() -> None:
        while not fake.streams_open:
            await asyncio.sleep(0)
        fake.log_lines(log_line(ONE, "meanwhile", at_ns=START_NS + 1))
        fake.cut("gone")

    interrupting = asyncio.ensure_future(interrupt())
    query = LogQuery(service_ids=("s1",), follow=True, tail=0)
    assert await follow(fake, query, lambda out: "meanwhile" in out) == ["meanwhile"]
    await interrupting


async def test_logs_that_are_not_followed_go_on_too() -> None:
    """A reading of the past that breaks is finished by another one."""
    fake = cluster()
    fake.log_lines(*(log_line(ONE, str(number), at_ns=START_NS + number) for number in range(500)))
    reading = asyncio.ensure_future(read(fake))
    while not fake.messages_given:
        await asyncio.sleep(0)
    fake.cut("gone")
    assert [item.text for item in await reading] == [str(number) for number in range(500)]


async def test_an_outage_without_end() -> None:
    """Logs that are not followed give up after a while."""
    clock = ManualClock()
    fake = cluster()
    fake.unreachable = "connection refused"
    running = asyncio.ensure_future(LogReader(fake, clock=clock).run(QUERY, lambda lines: None))
    while not running.done():
        await clock.advance(1.0)
    with pytest.raises(Unreachable, match="connection refused"):
        await running
    assert OUTAGE_S <= clock.monotonic() <= OUTAGE_S + 5


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (
            CallFailed("UNKNOWN", "warning: incomplete log stream. some logs could not be retrieved"),
            IncompleteLogs,
        ),
        (CallFailed("INVALID_ARGUMENT", "no selector"), CallFailed),
    ],
)
async def test_failures_have_names(error: CallFailed, raised: type[Exception]) -> None:
    """A log with gaps is told apart from a refused one."""
    fake = cluster()
    fake.fail_next("Logs.SubscribeLogs", error)
    with pytest.raises(raised):
        await read(fake)


def test_message_of_several_lines() -> None:
    """A message may hold several lines; each line's end is dropped, empty lines stay."""
    message = log_line(ONE, "a\r\n\nb")
    assert [item.data for item in lines_of(message)] == [b"a", b"", b"b"]


@given(st.lists(st.lists(st.integers(0, 50), max_size=5), max_size=10), st.integers(1, 5))
def test_window_loses_nothing(batches: list[list[int]], window: int) -> None:
    """Every line comes out exactly once, each batch in order."""
    reorder = ReorderWindow(window_s=window)
    out = []
    for now, batch in enumerate(batches):
        reorder.push([line(at) for at in batch], now)
        popped = [item.at_ns for item in reorder.pop(now)]
        assert popped == sorted(popped)
        out += popped
    out += [item.at_ns for item in reorder.drain()]
    assert sorted(out) == sorted(at for batch in batches for at in batch)


def test_window_puts_late_lines_in_place() -> None:
    """A line that arrives within the window of a newer one is written before it."""
    reorder = ReorderWindow(window_s=1)
    reorder.push([line(20)], 0.0)
    reorder.push([line(10)], 0.5)
    assert reorder.due_in(0.5) == 0.5
    assert reorder.pop(0.9) == []
    assert [item.at_ns for item in reorder.pop(1.0)] == [10, 20]


def test_window_is_bounded() -> None:
    """More lines than the window may hold come out early."""
    reorder = ReorderWindow(window_s=1e9, held_max=3)
    reorder.push([line(at) for at in range(5)], 0.0)
    assert [item.at_ns for item in reorder.pop(0.0)] == [0, 1]
