"""What a person does with the logs' screen: search, filters, attempts, gaps, marks, forms, saving."""

import json

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp
from swarm_testkit.cluster_fake import START_NS, log_line
from swarm_testkit.dashboard import running
from swarm_testkit.factories import make_task
from swarm_tui.views.logs import reading
from swarm_tui.widgets.log_lines import LogLines

S = 1_000_000_000


def write(cluster, task_id, *texts, at_s=0, is_stderr=False):
    task = cluster.get(objects_pb2.Task, task_id)
    for number, text in enumerate(texts):
        cluster.log_lines(log_line(task, text, at_ns=START_NS + (at_s + number) * S, is_stderr=is_stderr))


def fail(cluster, task_id, *, at_s=0, code=137, err="task: non-zero exit (137)"):
    def change(task):
        task.status.state = types_pb2.FAILED
        task.status.err = err
        task.status.container.exit_code = code
        task.status.timestamp.CopyFrom(timestamp(START_NS + at_s * S))
        task.desired_state = types_pb2.SHUTDOWN
        task.spec.resources.limits.memory_bytes = 512 << 20

    cluster.update(objects_pb2.Task, task_id, change)


def lines_of(run):
    return run.app.screen_stack[0].query_one(LogLines)


def held(run):
    """The texts that are shown, whether on screen or not."""
    return [line.text for line in lines_of(run).shown]


async def search(run, text):
    await run.press("slash")
    await run.type(text)
    await run.press("enter")


async def test_a_pattern_is_searched_and_matches_alone_can_be_shown(cluster):
    """A pattern between slashes is counted and gone through; = hides the other lines and shows them again."""
    write(cluster, "t-api-01", "GET /cart 200", "upstream timeout", "GET /", "connect refused", "GET /x")
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("GET /x")
        await search(run, "/timeout|refused/")
        await run.shows("/timeout|refused/ 1 of 2")
        await run.press("n")
        await run.shows("2 of 2")
        await run.press("equals_sign")
        await run.until(lambda: held(run) == ["upstream timeout", "connect refused"])
        assert "2 of 5 lines" in run.text
        write(cluster, "t-api-02", "timeout again", "GET /y", at_s=9)
        await run.until(lambda: held(run)[2:] == ["timeout again"])
        await run.press("equals_sign")
        await run.until(lambda: len(held(run)) == 7)


async def test_the_count_of_matches_follows_the_log(cluster):
    """Lines that come and match are counted at once, without being gone to."""
    write(cluster, "t-api-01", "timeout 1", "other")
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("other")
        await search(run, "timeout")
        await run.shows("timeout 1 of 1")
        write(cluster, "t-api-02", "timeout 2", "timeout 3", at_s=9)
        await run.shows("timeout 1 of 3")


async def test_a_wrong_pattern_is_told(cluster):
    """While it is typed, and on the border once it is in force."""
    write(cluster, "t-api-01", "a(b")
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("a(b")
        await run.press("slash")
        await run.type("/a(/")
        await run.shows("✖ no pattern: ")
        await run.press("enter")
        await run.shows("no pattern: missing")


async def test_errors_only(cluster):
    """! shows lines that say that they are errors, and what programs write to standard error without a level."""
    write(cluster, "t-api-01", "INFO all well", "ERROR out of disk", "GET /")
    write(cluster, "t-api-02", "Traceback", "INFO but on stderr", at_s=5, is_stderr=True)
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("but on stderr")
        await run.press("exclamation_mark")
        await run.shows("errors only · 2 of 5 lines")
        assert held(run) == ["ERROR out of disk", "Traceback"]
        await run.press("escape")
        await run.until(lambda: len(held(run)) == 5)


async def test_the_end_of_an_attempt_stands_between_the_lines(cluster):
    """A rule with the decoded cause stands where the attempt ended, its lines before it."""
    write(cluster, "t-api-01", "last words", at_s=1)
    write(cluster, "t-api-02", "later", at_s=9)
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.until(lambda: held(run) == ["last words", "later"])
        fail(cluster, "t-api-01", at_s=2)
        await run.shows("✖ api.1")
        first, rule, last = held(run)
        assert (first, last) == ("last words", "later")
        assert "failed" in rule and "exit 137" in rule and "want of memory" in rule
        assert "limit 512 MiB" in rule


async def test_live_attempts_alone(cluster):
    """a hides the lines of attempts that have ended, also of one that ends now, and shows them again."""
    write(cluster, "t-api-01", "from one", at_s=1)
    write(cluster, "t-api-02", "from two", at_s=2)
    fail(cluster, "t-api-01", at_s=3)
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.until(lambda: len(held(run)) == 3)
        await run.press("a")
        await run.until(lambda: held(run) == ["from two"])
        assert "live only" in run.text
        fail(cluster, "t-api-02", at_s=4)
        await run.until(lambda: held(run) == [])
        await run.press("a")
        await run.until(lambda: len(held(run)) == 4)


async def test_logs_of_ended_attempts(cluster):
    """p shows the attempts that have ended, of a service or of a task's slot, and follows nothing."""
    service = cluster.get(objects_pb2.Service, "s-api")
    node_id = cluster.get(objects_pb2.Task, "t-api-01").node_id
    cluster.put(make_task("t-api-old", service=service, slot=1, state="RUNNING", node_id=node_id))
    write(cluster, "t-api-old", "boot", "cannot bind")
    write(cluster, "t-api-01", "alive", at_s=5)
    fail(cluster, "t-api-old", at_s=3, code=1, err="task: non-zero exit (1)")
    async with running(cluster) as run:
        await run.press("3", "p")
        await run.shows("read to the end")
        assert held(run)[:2] == ["boot", "cannot bind"] and len(held(run)) == 3
        assert "ended attempts" in run.text and "following" not in run.text
        await run.press("escape", "4", "p")
        await run.shows("Logs · api.1 · ended attempts")
        await run.until(lambda: held(run)[:2] == ["boot", "cannot bind"])


async def test_what_was_read_stands_there_when_it_is_said_to_be_all(cluster, monkeypatch):
    """The end of a log is told with its last lines, and not while they still wait to be shown."""
    monkeypatch.setattr(reading, "_PAINT_S", 3600.0)
    service = cluster.get(objects_pb2.Service, "s-api")
    node_id = cluster.get(objects_pb2.Task, "t-api-01").node_id
    cluster.put(make_task("t-api-old", service=service, slot=1, state="RUNNING", node_id=node_id))
    write(cluster, "t-api-old", "boot", "cannot bind")
    fail(cluster, "t-api-old", at_s=3, code=1, err="task: non-zero exit (1)")
    async with running(cluster) as run:
        await run.press("3", "p")
        await run.shows("read to the end")
        assert held(run)[:2] == ["boot", "cannot bind"]


async def test_no_attempt_has_ended(cluster):
    """Where nothing has ended the screen says so and asks for nothing."""
    async with running(cluster) as run:
        await run.burst(*"3/web", "enter", "p")
        await run.shows("no attempt has ended")
        assert run.called("Logs.SubscribeLogs") == []


async def test_a_silent_node_is_a_gap(cluster):
    """A node that goes down is told as a rule and on the border, and so is its return."""
    task = cluster.get(objects_pb2.Task, "t-api-01")
    host = cluster.get(objects_pb2.Node, task.node_id).description.hostname
    write(cluster, "t-api-01", "before")
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("before")
        cluster.advance(60)
        cluster.update(
            objects_pb2.Node,
            task.node_id,
            lambda node: setattr(node.status, "state", types_pb2.NodeStatus.DOWN),
        )
        await run.shows(f"◌ {host} is silent: lines of api.1")
        await run.shows(f"◌ gap: {host} down 0s")
        cluster.update(
            objects_pb2.Node,
            task.node_id,
            lambda node: setattr(node.status, "state", types_pb2.NodeStatus.READY),
        )
        await run.shows(f"● {host} is heard again")
        assert "gap:" not in run.text


async def test_output_and_tasks_are_picked(cluster):
    """o shows the lines of one task, or of standard error, alone."""
    write(cluster, "t-api-01", "one out", at_s=1)
    write(cluster, "t-api-02", "two out", at_s=2)
    write(cluster, "t-api-02", "two err", at_s=3, is_stderr=True)
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.until(lambda: len(held(run)) == 3)
        await run.press("o")
        await run.shows("✓ b api.2  2 lines")
        await run.press("down", "down", "space", "enter")
        await run.until(lambda: held(run) == ["two out", "two err"])
        assert "1 task hidden" in run.text
        await run.press("o", "space", "enter")
        await run.until(lambda: held(run) == ["two err"])
        assert "stderr only" in run.text
        await run.press("escape")
        await run.until(lambda: len(held(run)) == 3)


async def test_lines_of_a_stretch_of_time(cluster):
    """r asks for a time, says what is wrong with it, and reads what was written then."""
    write(cluster, "t-api-01", "long ago", at_s=-7200)
    write(cluster, "t-api-01", "an hour ago", at_s=-3000)
    write(cluster, "t-api-01", "now")
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.until(lambda: len(held(run)) == 3)
        await run.press("r")
        await run.type("1h..2")
        await run.shows("up to a time that was")
        await run.type("h")
        await run.shows("✖ the stretch ends before it begins")
        await run.press("enter", "backspace", "backspace", *"30m", "enter")
        await run.shows("1h..30m")
        await run.until(lambda: held(run) == ["an hour ago"])
        assert run.called("Logs.SubscribeLogs")[-1].options.follow is False
        await run.press("r", "ctrl+u", *"all", "enter")
        await run.until(lambda: held(run) == ["long ago", "an hour ago", "now"])


async def test_json_is_shown_readably(cluster):
    """J shows the fields on a line, then indented, then what was written."""
    write(cluster, "t-api-01", json.dumps({"level": "error", "msg": "no route", "to": {"host": "db"}}))
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows('{"level": "error"')
        await run.press("J")
        await run.shows('ERROR   no route  to={"host": "db"}')
        await run.press("J")
        await run.shows("msg: no route")
        assert "  host: db" in run.text
        await run.press("J")
        await run.shows('{"level": "error"')


async def test_long_lines_are_wrapped(cluster):
    """w shows all of a line, following goes on, and the search goes through lines and not rows."""
    write(cluster, "t-api-01", *(f"line {number} " + "x" * 300 + f" tail {number}" for number in range(30)))
    async with running(cluster, size=(100, 24)) as run:
        await run.press("3", "l")
        await run.shows("line 29")
        assert "tail 29" not in run.text
        await run.press("w")
        await run.shows("tail 29")
        assert "wrapped" in run.text and "● following" in run.text
        await search(run, "tail 3")
        await run.shows("tail 3 1 of 1")
        assert "line 3 x" in run.text
        await run.press("w")
        await run.until(lambda: "wrapped" not in run.text)
        assert "line 3 x" in run.text


async def test_marks(cluster):
    """m marks a line, M goes from mark to mark, escape takes the marks back."""
    write(cluster, "t-api-01", *(f"line {number}" for number in range(90)))
    async with running(cluster, size=(100, 24)) as run:
        await run.press("3", "l")
        await run.shows("line 89")
        await run.press("m")
        await run.shows("1 mark")
        assert next(row for row in run.text.splitlines() if "▸" in row).rstrip("│ ").endswith("line 89")
        await run.press("g", "m")
        await run.shows("2 marks")
        await run.press("M")
        await run.shows("line 89")
        await run.press("M")
        await run.until(lambda: "line 0" in run.text)
        await run.press("escape")
        await run.until(lambda: "▸" not in run.text and "marks" not in run.text)


async def test_what_is_shown_is_saved(cluster, tmp_path, monkeypatch):
    """ctrl+s writes what no filter hides into a new file, with the whole times, and never over another one."""
    monkeypatch.chdir(tmp_path)
    write(cluster, "t-api-01", "INFO fine", "ERROR broken")
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("broken")
        await run.press("exclamation_mark", "ctrl+s")
        await run.shows("api.log")
        await run.press("enter")
        await run.shows("1 line saved")
        assert (tmp_path / "api.log").read_text() == "2025-10-09T08:53:21.000000000Z api.1 ERROR broken\n"
        await run.press("ctrl+s")
        await run.shows("api-2.log")
        await run.press("ctrl+u", *"api.log", "enter")
        await run.shows("✖ there is a file already")


async def test_clearing_forgets_the_lines_and_goes_on(cluster):
    """C empties the screen; what is written from then on is shown."""
    write(cluster, "t-api-01", "old")
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("old")
        await run.press("C")
        await run.until(lambda: held(run) == [])
        write(cluster, "t-api-01", "new", at_s=5)
        await run.until(lambda: held(run) == ["new"])


async def test_logs_of_a_node_and_of_several_services(cluster):
    """A node's logs are those of its tasks; marked services are read together, each line with its name."""
    node_id = cluster.get(objects_pb2.Task, "t-api-01").node_id
    write(cluster, "t-api-01", "of api", at_s=1)
    write(cluster, "t-cache-01", "of cache", at_s=2)
    async with running(cluster) as run:
        await run.press("3", "space", "down", "space", "l")
        await run.shows("Logs · api, cache")
        await run.until(lambda: held(run) == ["of api", "of cache"])
        assert "cache.1 │ of cache" in run.text
        host = cluster.get(objects_pb2.Node, node_id).description.hostname
        await run.burst(*"2/", *host, "enter", "l")
        await run.shows(f"Logs · {host}")
        await run.shows("of api")
        assert list(run.called("Logs.SubscribeLogs")[-1].selector.node_ids) == [node_id]


async def test_the_map_shows_where_errors_are(cluster):
    """The last column is high where many lines are errors; a click on it goes there."""
    write(cluster, "t-api-01", *("ERROR" if number < 20 else "fine" for number in range(200)))
    async with running(cluster, size=(100, 24)) as run:
        await run.press("3", "l")
        await run.shows("200 lines")
        lines = lines_of(run)
        column = [lines.render_line(y).text[-1] for y in range(lines.scrollable_content_region.height)]
        assert column[0] == "█" and column[-1] == " "
        region = lines.scrollable_content_region
        await run.pilot.click(LogLines, offset=(region.width, 1))
        await run.shows("ERROR")
        assert not lines.is_following


async def test_a_narrow_terminal_names_a_task_by_its_letter_and_slot(cluster):
    """Where there is little room the letter and the slot stand for the name."""
    write(cluster, "t-api-02", "hello")
    async with running(cluster, size=(80, 24)) as run:
        await run.press("3", "l")
        await run.shows("a2 │ hello")


async def test_logs_of_a_stack(cluster):
    """A stack's logs are those of its services, of one that joins later too."""
    write(cluster, "t-api-01", "of api", at_s=1)
    write(cluster, "t-mailer-01", "of mailer", at_s=2)
    async with running(cluster) as run:
        await run.burst(*"5/shop", "enter", "l")
        await run.shows("Logs · shop")
        await run.until(lambda: "of api" in held(run))
        assert "of mailer" not in held(run)
        cluster.update(
            objects_pb2.Service,
            "s-mailer",
            lambda one: one.spec.annotations.labels.update({"com.docker.stack.namespace": "shop"}),
        )
        await run.until(lambda: "s-mailer" in run.called("Logs.SubscribeLogs")[-1].selector.service_ids)
        write(cluster, "t-mailer-01", "of mailer now", at_s=9)
        await run.until(lambda: "of mailer now" in held(run))


async def test_a_search_that_takes_too_long_is_told_and_the_log_goes_on(cluster):
    """While it is typed the line says why it finds nothing; a line that comes later and takes too long is told on the border."""
    write(cluster, "t-api-01", "aaaa", "b")
    async with running(cluster) as run:
        await run.press("3", "l")
        await run.shows("aaaa")
        await search(run, "/(a+)+$/")
        await run.shows("/(a+)+$/ 1 of 1")
        await run.press("equals_sign")
        await run.until(lambda: held(run) == ["aaaa"])
        write(cluster, "t-api-01", "a" * 60 + "b", at_s=9)
        await run.until(lambda: "takes too long" in lines_of(run).search_problem)
        await run.until(lambda: held(run) == [])
        await run.press("equals_sign")
        await run.until(lambda: len(held(run)) == 3)
        await run.press("slash")
        await run.type("/(a+)+b$/")
        await run.shows("takes too long")
