"""What `logs` prints: the bytes of the program, the names of tasks that come later, and an end when there is one."""

import asyncio
import sys

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine, lines_of
from swarm_testkit.clock import in_virtual_time
from swarm_testkit.cluster_fake import START_NS, FakeCluster, log_line
from swarm_testkit.factories import make_cluster, make_node, make_service, make_task
from swarm_tui.cli.plumbing import follow
from swarm_tui.cli.plumbing.lines import LinePrinter
from swarm_tui.resources.printable import colours_only, without_escapes

RAW = b"\x1b[31mred\x1b[0m\tand \xff\xfe"


def a_line(data: bytes, task_id: str = "t1") -> LogLine:
    return LogLine(START_NS, task_id, "s", "n", False, data)


def test_a_pipe_gets_every_byte(capsysbinary):
    """Colours, tabs and bytes that are no UTF-8 arrive as the program wrote them."""
    LinePrinter(lambda _: None, show_names=False, show_times=False).print([a_line(RAW)])
    assert capsysbinary.readouterr().out == RAW + b"\n"


def test_a_terminal_gets_colours_and_no_other_commands(capsys, monkeypatch):
    """On a terminal colours stay and end with their line; what moves the cursor or sets a title goes."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    data = b"\x1b[1;31mred\tX\x1b[2J\x1b]0;title\x07\x1b[5A end\x08"
    LinePrinter(lambda _: None, show_names=False, show_times=False).print([a_line(data)])
    assert capsys.readouterr().out == "\x1b[1;31mred\tX end·\x1b[0m\n"


def test_a_plain_line_stays_as_it_is():
    """Nothing is added to a line without commands."""
    assert colours_only("GET / 200") == "GET / 200"


def test_for_the_dashboard_commands_are_left_out_and_tabs_are_blanks():
    """No half of an escape sequence is left, and columns stay columns."""
    assert without_escapes("\x1b[31mred\x1b[0m\tx\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\") == "red     xlink"


def test_names_are_padded_by_cells(capsys):
    """A node with a wide name moves no column."""
    names = {"t1": "web.1@節點", "t2": "web.2@n"}
    printer = LinePrinter(names.get, show_names=True, show_times=False)
    printer.print([a_line(b"a", "t1"), a_line(b"b", "t2")])
    assert capsys.readouterr().out == "web.1@節點 | a\nweb.2@n    | b\n"


def test_details_stand_before_the_line(capsys):
    """What the log driver noted, after the name; nothing is only its blank."""
    printer = LinePrinter({"t1": "web.1@n"}.get, show_names=True, show_times=False, show_details=True)
    task = make_task("t1", service=make_service("s", name="web"), slot=1, node_id="n")
    message = log_line(task, "text")
    message.attrs.add(key="b", value="2")
    message.attrs.add(key="a", value="1")
    printer.print(lines_of(message))
    printer.print([a_line(b"bare", "t1")])
    assert capsys.readouterr().out == "web.1@n | a=1,b=2 text\nweb.1@n |  bare\n"


@pytest.fixture
def fake() -> FakeCluster:
    service = make_service("s1", name="web", replicas=1)
    first = make_task("t1", service=service, slot=1, node_id="n1", state="RUNNING")
    fake = FakeCluster([make_cluster("c"), make_node("n1", hostname="w1"), service, first])
    fake.log_lines(log_line(first, "from the first"))
    return fake


async def followed(fake: FakeCluster, query: LogQuery, capsys, *, then) -> str:
    """What is printed until following ends by itself; `then` happens when the first line is there."""
    cluster = Cluster(fake, clock=fake.clock, target="fake")
    printed = ""

    def printer(names):
        return LinePrinter(names, show_names=True, show_times=False)

    async def look() -> None:
        nonlocal printed
        while "from the first" not in printed:
            printed += capsys.readouterr().out
            await fake.clock.sleep(0.01)
        then()

    async with asyncio.timeout(40):
        await asyncio.gather(follow.follow_logs(cluster, query, printer), look())
    return printed + capsys.readouterr().out


@in_virtual_time
async def test_following_what_ends_ends(fake, capsys, monkeypatch):
    """When the task that is followed has ended, the command does too, with its last lines."""
    monkeypatch.setattr(follow, "LAST_LINES_S", 0.5)

    def end() -> None:
        fake.log_lines(log_line(fake.get(objects_pb2.Task, "t1"), "the last words"))
        fake.update(objects_pb2.Task, "t1", lambda task: setattr(task.status, "state", types_pb2.COMPLETE))

    out = await followed(fake, LogQuery(task_ids=("t1",), follow=True), capsys, then=end)
    assert "web.1@w1 | the last words" in out


@in_virtual_time
async def test_tasks_that_come_later_have_names(fake, capsys, monkeypatch):
    """A task that begins while its service is followed is named like the others; a service that is removed ends it."""
    monkeypatch.setattr(follow, "LAST_LINES_S", 0.5)

    def go_on() -> None:
        service = fake.get(objects_pb2.Service, "s1")
        second = make_task("t2", service=service, slot=2, node_id="n1", state="RUNNING")
        fake.put(second)
        fake.log_lines(log_line(second, "from the second"))
        fake.remove(objects_pb2.Service, "s1")

    out = await followed(fake, LogQuery(service_ids=("s1",), follow=True), capsys, then=go_on)
    assert "web.1@w1 | from the first" in out
    assert "web.2@w1 | from the second" in out


@in_virtual_time
async def test_following_a_service_ends_with_its_last_task(fake, capsys, monkeypatch):
    """When every task of a service has ended and none follows, following ends; a task that follows in time keeps it up."""
    monkeypatch.setattr(follow, "LAST_LINES_S", 0.5)

    def restart() -> None:
        fake.update(objects_pb2.Task, "t1", lambda task: setattr(task.status, "state", types_pb2.FAILED))
        second = make_task(
            "t2", service=fake.get(objects_pb2.Service, "s1"), slot=1, node_id="n1", state="RUNNING"
        )
        fake.put(second)
        fake.log_lines(log_line(second, "from the second"))
        asyncio.get_running_loop().call_later(
            0.1,
            fake.update,
            objects_pb2.Task,
            "t2",
            lambda task: setattr(task.status, "state", types_pb2.FAILED),
        )

    out = await followed(fake, LogQuery(service_ids=("s1",), follow=True), capsys, then=restart)
    assert "web.1@w1 | from the second" in out
