"""The dashboard as a person uses it: what is seen, and where keys lead."""

import gc
from dataclasses import replace

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import running
from swarm_testkit.factories import make_cluster, make_node, make_service, make_task, make_task_spec
from swarm_tui.app import GARBAGE_THRESHOLDS
from swarm_tui.clusters.changes import Changes
from swarm_tui.views.dashboard.motion import MotionBoard
from swarm_tui.views.dashboard.view import DashboardView
from swarm_tui.widgets import table as table_module
from swarm_tui.widgets.table import ObjectTable
from textual.widgets import Input


def focused_table(run) -> ObjectTable:
    assert isinstance(run.screen.focused, ObjectTable)
    return run.screen.focused


async def test_the_first_screen_answers_is_it_ok(cluster):
    """Without a key pressed: the cluster's name, sizes, quorum, problems and how fresh all this is."""
    async with running(cluster) as run:
        head = run.text.splitlines()[0]
        for part in (
            "prod-eu",
            "12 nodes",
            "8 services",
            "57 tasks",
            "leader m1",
            "tolerates 1",
            "✖ 3",
            "▲ 1",
            "live",
        ):
            assert part in head
        for part in ("w7", "down", "billing", "no suitable node", "api", "6/9", "draining", "3 tasks left"):
            assert part in run.text


async def test_a_change_is_on_screen_at_once(cluster):
    """A commit of the cluster is painted without a key, a tick or a poll."""
    async with running(cluster) as run:
        cluster.update(
            objects_pb2.Service,
            "s-web",
            lambda s: s.spec.annotations.MergeFrom(types_pb2.Annotations(name="shop-front")),
        )
        await run.shows("shop-front")
        calls = len(cluster.calls)
        await run.pilot.pause(0.3)
        assert len(cluster.calls) == calls


async def test_a_frame_that_shows_the_second_too_writes_each_note_once(cluster, monkeypatch):
    """While changes never end, what a change and what time make different is one writing, and of now."""
    async with running(cluster) as run:
        view, written = run.screen.query_one(DashboardView), []
        notes = MotionBoard.notes
        monkeypatch.setattr(MotionBoard, "notes", lambda *given: written.append(given) or notes(*given))
        changes = Changes({objects_pb2.Service: frozenset({"s-web"})}, is_before_tick=True)
        view.apply(changes)
        assert len(written) == 0
        view.tick()
        assert len(written) == 1
        view.apply(replace(changes, is_before_tick=False))
        assert len(written) == 2


async def test_changes_are_told(cluster):
    """What a person changed, or befell a node, stands in the list of changes."""
    async with running(cluster) as run:
        assert "no change since the start" in run.text
        cluster.update(objects_pb2.Service, "s-web", _new_image)
        cluster.update(objects_pb2.Node, "n11-w9", _drain)
        await run.shows("image 7.1.3 → 7.1.4")
        await run.shows("active → drain")
        cluster.remove(objects_pb2.Service, "s-db")
        await run.shows("db  removed")


def _new_image(service):
    service.spec.task.container.image = "registry/web:7.1.4"


def _drain(node):
    node.spec.availability = specs_pb2.NodeSpec.DRAIN


@pytest.mark.parametrize(
    ("key", "title", "row"),
    [("2", "Nodes", "10.0.3.10"), ("3", "Services", "postgres:17"), ("4", "Tasks", "api.1")],
)
async def test_number_keys_go_to_the_lists(cluster, key, title, row):
    """2, 3 and 4 list nodes, services and tasks over the whole screen; 1 and escape lead back."""
    async with running(cluster) as run:
        await run.press(key)
        lines = run.text.splitlines()
        assert title in lines[1]
        assert row in run.text
        assert "Problems" not in run.text
        await run.press("1")
        assert "Problems" in run.text
        await run.press(key, "escape")
        assert "Problems" in run.text


async def test_enter_drills_into_a_service_and_escape_comes_back(cluster):
    """Enter on a service lists its tasks alone; escape returns to the same row."""
    async with running(cluster) as run:
        await run.press("3", "down", "enter")
        await run.shows("Tasks · service billing")
        assert "billing.2" in run.text
        assert "web.1" not in run.text
        assert "3 of 57" in run.text
        await run.press("escape")
        assert focused_table(run).cursor_id.id == "s-billing"


async def test_enter_drills_into_a_node(cluster):
    """Enter on a node lists the tasks that are there."""
    async with running(cluster) as run:
        await run.press("2", "G", "enter")
        await run.shows("Tasks · node w9")
        on_node = [task for task in cluster.all(objects_pb2.Task) if task.node_id == "n11-w9"]
        assert f"{len(on_node)} of 57" in run.text


async def test_enter_on_a_task_describes_it(cluster):
    """A task has nothing below it: enter shows it in words."""
    async with running(cluster) as run:
        await run.press("4", "enter")
        await run.shows("task api.1 · describe")


async def test_describe_and_yaml_keep_up_with_the_object(cluster):
    """The texts change while they are read, and say when their object is gone."""
    async with running(cluster) as run:
        await run.press("3", "d")
        await run.shows("registry/api:1.42")
        cluster.update(
            objects_pb2.Service,
            "s-api",
            lambda s: setattr(s.spec.task.container, "image", "registry/api:2.0"),
        )
        await run.shows("registry/api:2.0")
        await run.press("escape", "y")
        await run.shows("image: registry/api:2.0")
        cluster.remove(objects_pb2.Service, "s-api")
        await run.shows("✖ removed")
        assert "registry/api:2.0" in run.text


async def test_yaml_of_a_process_service(cluster):
    """What a process service runs is packed into its spec; its YAML, and its task's, says it in words."""
    service = make_service("s-proc", name="aaa", task=make_task_spec(command=["sleep", "9"]))
    cluster.put(service)
    cluster.put(make_task("t-proc", service=service, slot=1))
    async with running(cluster) as run:
        await run.press("3", "y")
        await run.shows("- sleep")
        await run.press("4", "y")
        await run.shows("task aaa.1 · yaml")
        assert "- sleep" in run.text


async def test_search_in_a_text(cluster):
    """Slash searches the text, n and N go from match to match, escape ends it."""
    async with running(cluster) as run:
        await run.press("3", "y", "slash")
        await run.type("nano")
        await run.press("enter")
        await run.shows("/nano 1 of")
        await run.press("n")
        assert "next match" in run.text
        await run.press("escape")
        assert "/nano" not in run.text
        assert "service api · yaml" in run.text


async def test_filter_works_while_typing(cluster):
    """Each key narrows the list; enter keeps the filter, escape drops it first and goes back after."""
    async with running(cluster) as run:
        await run.press("3", "slash")
        await run.type("web")
        await run.shows("1 of 8")
        assert "postgres" not in run.text
        await run.press("enter")
        assert isinstance(run.screen.focused, ObjectTable)
        assert "/web" in run.text
        await run.press("escape")
        assert "postgres" in run.text
        assert "Services" in run.text
        await run.press("slash")
        await run.type("xyz")
        await run.shows("nothing matches")
        await run.press("escape")
        assert "postgres" in run.text


async def test_filter_by_field_and_its_errors(cluster):
    """Fields are filtered by; a mistake is a sentence beside the filter, and the list stays."""
    async with running(cluster) as run:
        await run.press("4", "slash")
        await run.type("state:pending")
        await run.shows("2 of 57")
        await run.press("ctrl+u")
        await run.type("colour:red")
        await run.shows("There is no field 'colour'")


async def test_filters_are_recalled(cluster):
    """The newest filter of a kind stands in its empty filter line; up and down go through them, and back to what is typed."""
    async with running(cluster) as run:
        await run.press("3")
        for text in ("web", "stack:shop"):
            await run.press("slash")
            await run.type(text)
            await run.press("escape")
        await run.press("slash")
        await run.shows("↑ stack:shop")
        await run.type("x")
        await run.press("up", "up")
        await run.shows("1 of 8 · /web")
        await run.press("down", "down")
        assert run.screen.query_one("FilterBar Input").value == "x"
        await run.press("escape", "4", "slash")
        assert "↑ " not in run.text.splitlines()[-2]


async def test_a_filter_follows_the_cluster(cluster):
    """What begins to match appears, what ceases to match goes."""
    async with running(cluster) as run:
        await run.press("4", "slash")
        await run.type("state:pending")
        await run.press("enter")
        cluster.update(
            objects_pb2.Task, "t-billing-02", lambda t: setattr(t.status, "state", types_pb2.RUNNING)
        )
        await run.shows("1 of 57")


async def test_problems_only(cluster):
    """The exclamation mark lists what has a problem, again everything."""
    async with running(cluster) as run:
        await run.press("3", "exclamation_mark")
        await run.shows("2 of 8")
        assert "postgres" not in run.text
        await run.press("exclamation_mark")
        assert "postgres" in run.text


async def test_sorting(cluster):
    """A column is chosen from a list or by its heading, and reversed."""
    async with running(cluster) as run:
        await run.press("3", "O")
        assert focused_table(run).visible_ids()[0].id == "s-worker"
        await run.press("o")
        await run.shows("Sort by")
        await run.press("down", "enter")
        await run.shows("STACK↑")
        assert focused_table(run).visible_ids()[0].id == "s-mailer"
        await run.pilot.click(focused_table(run), offset=(5, 1))
        await run.shows("SERVICE↑")


async def test_the_order_is_held_while_the_cursor_moves(cluster, monkeypatch):
    """A row does not slip away under a moving cursor; it goes to its place when the keys rest."""
    async with running(cluster) as run:
        await run.press("3")
        table = focused_table(run)
        before = table.visible_ids()
        with monkeypatch.context() as patch:
            patch.setattr(table_module, "_MOVING_S", 3600.0)
            await run.press("down")
            cluster.update(
                objects_pb2.Service, "s-worker", lambda s: setattr(s.spec.annotations, "name", "aaa")
            )
            await run.shows("aaa")
            assert table.visible_ids() == before
        await run.until(lambda: table.visible_ids()[0].id == "s-worker")


async def test_marks_are_counted_and_cleared(cluster):
    """Space marks and moves on, the asterisk marks all, escape clears."""
    async with running(cluster) as run:
        await run.press("3", "space", "space")
        await run.shows("2 marked")
        selected = run.screen.selection
        assert selected.kind == "service"
        assert [ref.id for ref in selected.refs] == ["s-api", "s-billing"]
        await run.press("asterisk")
        await run.shows("8 marked")
        await run.press("escape")
        assert "marked" not in run.text


async def test_tab_walks_the_panes_and_the_key_bar_follows(cluster):
    """Each pane can have the focus; the key bar offers only what works there."""
    async with running(cluster) as run:
        assert "scale" in run.text.splitlines()[-1]
        await run.press("shift+tab")
        bar = run.text.splitlines()[-1]
        assert "scale" not in bar
        assert "availability" in bar


async def test_a_key_that_does_not_apply_does_nothing(cluster):
    """Scaling a node is not offered and not done."""
    async with running(cluster) as run:
        await run.press("2", "s")
        assert len(run.app.screen_stack) == 1


async def test_a_problem_leads_on(cluster):
    """Enter on a problem opens what it is about."""
    async with running(cluster) as run:
        run.dashboard.problems.notes.focus()
        await run.press("down", "enter")
        await run.shows("Tasks · service billing")


async def test_one_pane_takes_the_whole_dashboard(cluster):
    """f gives the focused pane all the room, and takes it back."""
    async with running(cluster) as run:
        await run.press("f")
        assert "Services" in run.text
        assert "Problems" not in run.text
        assert "STATE" not in run.text
        await run.press("escape")
        assert "Problems" in run.text


async def test_help_lists_the_keys(cluster):
    """The question mark shows every verb; the same key closes the page."""
    async with running(cluster) as run:
        await run.press("question_mark")
        await run.shows("scale a service: 5, =5, +3, -1 or x2")
        await run.press("question_mark")
        assert len(run.app.screen_stack) == 1


async def test_the_palette_runs_verbs_and_finds_objects(cluster):
    """In the palette a verb is run on what is selected, and any object is opened by name."""
    async with running(cluster) as run:
        await run.press("3", "ctrl+p")
        await run.shows("open service api")
        assert "Maximize" not in run.text, (
            "the toolkit's own commands come after ours, and only those that no verb is"
        )
        await run.type("theme")
        await run.shows("choose the colours")
        await run.press("escape", "2", "ctrl+p")
        await run.type("surge")
        await run.shows("availability node m1")
        await run.press("escape", "3", "ctrl+p")
        await run.type("describe")
        await run.shows("describe service api")
        await run.press("down", "enter")
        await run.shows("service api · describe")
        await run.press("ctrl+p")
        await run.type("node w9")
        await run.shows("node w9")
        await run.press("down", "enter")
        await run.shows("Tasks · node w9")


async def test_q_goes_back_and_quits_at_the_root(cluster):
    """q leads back, and on the dashboard asks before it ends the program."""
    async with running(cluster) as run:
        await run.press("3", "enter", "q", "q")
        assert "Problems" in run.text
        assert run.app.is_running
        await run.press("q")
        await run.shows("goes on without the dashboard")
        await run.press("escape")
        assert run.app.is_running
        await run.press("q", "q")
        await run.until(lambda: not run.app.is_running)


async def test_the_mouse_works(cluster):
    """A click selects, a double click opens, a click on the key bar runs the verb."""
    async with running(cluster) as run:
        await run.press("3")
        table = focused_table(run)
        await run.pilot.click(table, offset=(6, 4))
        assert table.cursor_id.id == "s-cache"
        bar = run.text.splitlines()[-1]
        await run.pilot.click("KeyBar", offset=(bar.index("describe"), 0))
        await run.shows("service cache · describe")
        await run.press("escape")
        await run.pilot.double_click(table, offset=(6, 2))
        await run.shows("Tasks · service api")


async def test_copy_takes_the_id(cluster):
    """c puts the object's id on the clipboard."""
    async with running(cluster) as run:
        await run.press("3", "c")
        assert run.app.clipboard == "s-api"


@pytest.mark.parametrize(
    ("size", "shown", "hidden"),
    [
        ((80, 24), ("Nodes", "Services", "? help"), ("Problems", "Tasks")),
        ((120, 30), ("Nodes", "Services", "Problems", "In motion", "Changes"), ("Tasks",)),
        ((120, 50), ("Nodes", "Services", "Tasks", "Problems"), ()),
        ((200, 30), ("Nodes", "Services", "Tasks", "Problems"), ()),
    ],
)
async def test_the_layout_follows_the_terminal(cluster, size, shown, hidden):
    """Narrow terminals show the lists, wider ones what moves and is wrong beside them, larger ones the tasks."""
    async with running(cluster, size) as run:
        assert all(title in run.text for title in shown)
        assert not any(f" {title} ─" in run.text for title in hidden)


async def test_a_terminal_too_small_shows_one_line(cluster):
    """Below 60 by 15 there is a summary, and growing brings everything back."""
    async with running(cluster, (50, 10)) as run:
        assert "✖ 3" in run.text.splitlines()[0]
        assert "Services" not in run.text
        await run.pilot.resize_terminal(100, 12)
        await run.pilot.pause()
        assert "Services" not in run.text
        await run.pilot.resize_terminal(100, 30)
        await run.shows("Services")


async def test_hidden_panes_catch_up(cluster):
    """A list that was out of sight while things changed is right when it is seen."""
    async with running(cluster, (120, 30)) as run:
        await run.press("4", "1")
        cluster.remove(objects_pb2.Task, "t-api-01")
        cluster.update(objects_pb2.Task, "t-api-02", lambda t: setattr(t.status, "state", types_pb2.FAILED))
        mirror = run.app._session.mirror
        await run.until(lambda: mirror.get(objects_pb2.Task, "t-api-02").status.state == types_pb2.FAILED)
        await run.shows("56 tasks")
        await run.press("4")
        assert "api.1 " not in run.text
        assert "failed" in next(line for line in run.text.splitlines() if "api.2" in line)
        await run.press("1")
        await run.pilot.resize_terminal(120, 50)
        await run.shows("api.2")
        assert "api.1 " not in run.text


async def test_hostile_texts_cannot_reach_the_terminal():
    """Escape sequences and line ends in names, messages and errors are shown as harmless signs."""
    evil = "\x1b[2J\x1b]0;owned\x07 [red]x[/red]\nnext"
    service = make_service("s-1", name="web")
    service.spec.task.container.image = f"image{evil}"
    task = make_task("t-1", service=service, slot=1, state="FAILED", err=evil)
    cluster = FakeCluster([make_cluster("c"), make_node("n", hostname=f"w1{evil}"), service, task])
    async with running(cluster) as run:
        for keys in (("2",), ("3",), ("4",), ("d",), ("y",)):
            await run.press(*keys)
            assert "\x1b" not in run.text and "\x07" not in run.text
        assert run.app.is_running


async def test_ascii_only(cluster):
    """With --ascii every character on screen is ASCII, and words still tell the state."""
    async with running(cluster, is_ascii=True) as run:
        strips = run.app.screen._compositor.render_strips()
        assert all(strip.text.isascii() for strip in strips)
        assert "X w7  down" in run.text


async def test_the_new_key_leads_to_the_form_and_back(cluster):
    """n opens the form; escape keeps the draft for the next time."""
    async with running(cluster) as run:
        await run.press("n")
        await run.type("draft")
        await run.press("escape")
        assert "Problems" in run.text
        await run.press("n")
        assert run.screen.query_one("#name", Input).value == "draft"


async def test_the_mirror_is_seldom_searched_for_garbage(cluster):
    """While the program runs Python looks for cycles at the program's pace, and afterwards at its own again."""
    before = gc.get_threshold()
    async with running(cluster):
        assert gc.get_threshold() == GARBAGE_THRESHOLDS
    assert gc.get_threshold() == before


async def test_a_node_without_tasks_says_so(cluster):
    """A list of what there is none of says that it is empty, not that it is waiting."""
    async with running(cluster) as run:
        await run.press("2", "enter")
        await run.shows("no tasks yet")
        assert "connecting" not in run.text
