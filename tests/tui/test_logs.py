"""Live logs."""

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.errors import CallFailed
from swarm_testkit.cluster_fake import START_NS, log_line
from swarm_testkit.dashboard import running


def write(cluster, task_id, text, *, at_s=0, is_stderr=False):
    task = cluster.get(objects_pb2.Task, task_id)
    cluster.log_lines(log_line(task, text, at_ns=START_NS + at_s * 1_000_000_000, is_stderr=is_stderr))


def shown(run, *texts):
    lines = [line for line in run.text.splitlines() if any(text in line for text in texts)]
    return [next(text for text in texts if text in line) for line in lines]


async def test_logs_of_a_service_are_merged_by_time(cluster):
    """Lines of all its tasks, in order of their time, each with the name of its task."""
    write(cluster, "t-api-01", "first", at_s=1)
    write(cluster, "t-api-02", "third", at_s=3)
    write(cluster, "t-api-01", "second", at_s=2)
    async with running(cluster) as run:
        await run.press("3", "l")
        # Each node gives its lines by itself: what is shown first may still lack some.
        await run.until(lambda: shown(run, "first", "second", "third") == ["first", "second", "third"])
        assert "api.1 │ first" in run.text
        write(cluster, "t-api-03", "late", at_s=2)
        await run.shows("late")
        assert shown(run, "second", "late", "third") == ["second", "late", "third"]


async def test_logs_are_followed(cluster):
    """What is written while one looks appears."""
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("no line yet")
        await run.until(lambda: cluster.streams_open == 2)
        write(cluster, "t-api-01", "hello")
        await run.shows("hello")
        assert "following" in run.text


async def test_logs_of_a_task_and_of_a_node(cluster):
    """A task's logs hold its lines alone, a node's those of its tasks."""
    write(cluster, "t-api-01", "from one")
    write(cluster, "t-api-02", "from two")
    async with running(cluster) as run:
        await run.press("4", "l")
        await run.shows("from one")
        assert "from two" not in run.text
        (request,) = run.called("Logs.SubscribeLogs")
        assert list(request.selector.task_ids) == ["t-api-01"]


async def test_leaving_ends_the_stream(cluster):
    """No log stream is left behind, however often one looks."""
    async with running(cluster) as run:
        for _ in range(3):
            await run.press("3", "l")
            await run.until(lambda: cluster.streams_open == 2)
            await run.press("escape")
            await run.until(lambda: cluster.streams_open == 1)


async def test_a_broken_stream_goes_on_after_its_last_line(cluster):
    """Lines stay, the border says that the stream is lost, and reading goes on without doubling a line."""
    write(cluster, "t-api-01", "before", at_s=1)
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("before")
        cluster.unreachable = "connection refused"
        cluster.cut()
        await run.shows("stream lost")
        assert "before" in run.text
        write(cluster, "t-api-01", "meanwhile", at_s=2)
        cluster.unreachable = None
        await run.shows("meanwhile")
        assert run.text.count("before") == 1


async def test_a_refusal_is_a_sentence(cluster):
    """When the cluster gives no logs, the reason stands on the border."""
    cluster.fail_next("Logs.SubscribeLogs", CallFailed("UNIMPLEMENTED", "this manager serves no logs"))
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("this manager serves no logs")


async def test_search_and_times(cluster):
    """Slash and n find lines; t hides the times; s stops following."""
    for number in range(60):
        write(cluster, "t-api-01", f"line {number}", at_s=number)
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("line 59")
        await run.press("slash")
        await run.type("line 7")
        await run.press("enter")
        await run.shows("/line 7 1 of 1")
        assert "line 7" in run.text
        assert "08:53:27" in run.text
        await run.press("t")
        assert "08:53:27" not in run.text
        await run.press("s")
        await run.shows("● following")
        await run.shows("line 59")


async def test_control_characters_are_harmless(cluster):
    """A task cannot write escape sequences to the person's terminal."""
    write(cluster, "t-api-01", "\x1b[2J\x1b[31mred\ttab")
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("red")
        assert "\x1b" not in run.text


async def test_a_line_that_goes_on_beyond_the_screen_says_so(cluster):
    """A cut line ends with a mark; scrolled sideways it begins with one."""
    task = next(one for one in cluster.all(objects_pb2.Task) if one.service_id == "s-web")
    cluster.log_lines(log_line(task, "begin " + "x" * 300 + " end"), log_line(task, "short"))
    async with running(cluster, size=(100, 24)) as run:
        await run.burst(*"3/web", "enter", "l")
        await run.shows("begin")
        (long,) = [line for line in run.text.splitlines() if "begin" in line]
        assert long.rstrip("│╮ ").endswith("…")
        assert "…" not in next(line for line in run.text.splitlines() if "short" in line)
        await run.burst(*["right"] * 40)
        (moved,) = [line for line in run.text.splitlines() if "end" in line and "xxx" in line]
        assert moved.startswith("│…")


async def test_no_escape_is_left_in_a_line_and_the_zone_is_said(cluster):
    """Colours of a program are left out whole, tabs are blanks, one line is not "1 lines", and times have their zone."""
    task = next(one for one in cluster.all(objects_pb2.Task) if one.service_id == "s-web")
    cluster.log_lines(log_line(task, "\x1b[31mred\x1b[0m\tnext"))
    async with running(cluster) as run:
        await run.burst(*"3/web", "enter", "l")
        await run.shows("red     next")
        assert "[31m" not in run.text
        assert "1 line · times in UTC" in run.text


async def test_the_end_of_all_tasks_is_said(cluster):
    """When every task that is followed has ended the border says so; a task that comes again is followed."""
    task = next(one for one in cluster.all(objects_pb2.Task) if one.service_id == "s-api")
    others = [
        one.id for one in cluster.all(objects_pb2.Task) if one.service_id == "s-api" and one.id != task.id
    ]
    for id_ in others:
        cluster.remove(objects_pb2.Task, id_)
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.until(lambda: cluster.streams_open == 2)
        cluster.update(
            objects_pb2.Task, task.id, lambda held: setattr(held.status, "state", types_pb2.COMPLETE)
        )
        await run.shows("every task has ended")
        assert "following" not in run.text
        await run.until(lambda: cluster.streams_open == 1)
        cluster.update(
            objects_pb2.Task, task.id, lambda held: setattr(held.status, "state", types_pb2.RUNNING)
        )
        await run.shows("● following")
        write(cluster, task.id, "again")
        await run.shows("again")
