"""What tasks and nodes use now, in the lists, on pages, and by `t` (docs/design/usage.md 14.3)."""

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.errors import CallFailed
from swarm_testkit.command_line import CommandLine
from swarm_testkit.dashboard import WAIT_S, running
from swarm_tui.cli.commands import top
from swarm_tui.resources import usage

MIB = 1 << 20


@pytest.fixture
def used(cluster):
    """The tasks of web use more the later their slot, all others nothing that is told."""
    tasks = [one for one in cluster.all(objects_pb2.Task) if one.id.startswith("t-web-")]
    for node in cluster.all(objects_pb2.Node):
        own = [one for one in tasks if one.node_id == node.id]
        if own:
            cluster.used[node.id] = {
                node.id: (2.0, 8 << 30),
                **{one.id: (one.slot / 10, one.slot * 10 * MIB) for one in own},
            }
    return cluster


async def test_lists_show_it(used):
    """Tasks in processors and bytes, nodes in shares of what they have."""
    async with running(used, size=(160, 40)) as run:
        await run.press("4")
        await run.shows("0.1   10M")
        await run.press("2")
        await run.shows("25%")


async def test_where_it_is_not_told_nothing_stands_for_it(cluster):
    """No columns of dashes: they come with the first figures and go with the last."""
    async with running(cluster, size=(160, 40)) as run:
        await run.press("4")
        await run.shows("web.1")
        assert "MEM" not in run.text
        task = cluster.get(objects_pb2.Task, "t-web-01")
        await cluster.tell_usage(task.node_id, {task.node_id: (2.0, 1 << 30), task.id: (0.3, 77 * MIB)})
        await run.shows("77M")
        cluster.cut()
        await run.until(lambda: "MEM" not in run.text)


async def test_the_greatest_stand_first(used):
    """t goes to the tasks, by their processors; figures that come later bring them in order."""
    async with running(used, size=(160, 40)) as run:
        await run.press("3", "t")
        await run.until(lambda: run.pane is not None and run.pane.sorted_by == "cpu")
        await run.press("escape", "4", "t")
        await run.until(lambda: run.pane is not None and run.pane.sorted_by == "cpu")

        def first():
            return run.pane.table.rows.id_at(0).id

        await run.until(lambda: first() == "t-web-12")
        task = used.get(objects_pb2.Task, "t-web-01")
        await used.tell_usage(task.node_id, {task.node_id: (2.0, 1 << 30), task.id: (7.5, MIB)})
        await run.until(lambda: first() == "t-web-01")


async def test_a_page_tells_the_minutes_before(used):
    """Used of the limit, where there is one."""

    def limit(task):
        task.spec.resources.limits.nano_cpus = 2_000_000_000

    used.update(objects_pb2.Task, "t-web-12", limit)
    async with running(used) as run:
        await run.press("4")
        await run.type("/")
        await run.type("web.12")
        await run.press("enter", "d")
        await run.shows("1.2 of 2  60%")


async def test_the_filter_knows_it(used):
    """cpu>1 holds for the tasks that use more than one processor."""
    async with running(used, size=(160, 40)) as run:
        await run.press("4", "/")
        await run.type("cpu>0.95")
        await run.press("enter")
        await run.until(lambda: run.pane is not None and len(run.pane.table.rows) == 3)


@pytest.fixture
def told(used, monkeypatch):
    """All others tell that they use nothing. So one look ends when everything is told, however long that takes."""
    tasks = [one for one in used.all(objects_pb2.Task) if one.status.state == types_pb2.RUNNING]
    for node in used.all(objects_pb2.Node):
        idle = {one.id: (0.0, 0) for one in tasks if one.node_id == node.id}
        used.used[node.id] = {node.id: (0.0, 0), **idle, **used.used.get(node.id, {})}
    monkeypatch.setattr(top, "_FIRST_S", WAIT_S)
    return used


def test_top_once(told, capsys):
    """The greatest first, as many as wanted, by processors or memory, of tasks or nodes."""
    run = CommandLine(told, capsys)
    found = run("top", "--no-stream", "-n", "2")
    assert found.code == 0
    assert [line.split()[0] for line in found.lines] == ["TASK", "web.12", "web.11"]
    assert run("top", "nodes", "--no-stream", "--sort", "mem").lines[1].split()[-1] == "25%"
    (one,) = run("top", "--no-stream", "-n", "1", "--format", "json").lines
    assert '"CPU": 1.2' in one and '"Memory": 125829120' in one


def test_top_waits_for_no_silent_node(used, capsys, monkeypatch):
    """One look ends after a while though not everything is told."""
    monkeypatch.setattr(top, "_FIRST_S", 0.1)
    assert CommandLine(used, capsys)("top", "--no-stream").code == 0


def test_top_shows_the_others_beside_a_silent_node(used, capsys, monkeypatch):
    """What was told until the time was up is shown."""

    def time_is_up(mirror):
        if usage.cpus("t-web-12", mirror) is not None:
            raise TimeoutError
        return False

    monkeypatch.setattr(top, "_FIRST_S", WAIT_S)
    monkeypatch.setattr(top, "_is_whole", time_is_up)
    found = CommandLine(used, capsys)("top", "--no-stream", "-n", "1")
    assert found.code == 0
    assert [line.split()[0] for line in found.lines] == ["TASK", "web.12"]


def test_top_where_it_is_not_told(used, capsys):
    """A Docker Engine that leads tells nothing: one sentence, exit code 1."""
    used.fail_next("Usage.WatchUsage", CallFailed("UNIMPLEMENTED", "unknown service"))
    told = CommandLine(used, capsys)("top", "--no-stream")
    assert (told.code, told.out) == (1, "")
    assert "does not tell what its tasks use" in told.err
