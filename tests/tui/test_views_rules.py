"""What views decide without a screen: places, frame budget, header, notes."""

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.watch import Listed
from swarm_testkit.cluster_fake import lively_cluster
from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources.model import Link
from swarm_tui.resources.refs import ONLY_CLUSTER, ObjectRef
from swarm_tui.shell.frame_budget import FLOOD, STORM, FrameBudget, Pace
from swarm_tui.shell.painter import merged
from swarm_tui.shell.places import HISTORY_MAX, Places
from swarm_tui.views.dashboard.feed import ChangeFeed
from swarm_tui.views.dashboard.motion import NOTES_MAX, MotionBoard
from swarm_tui.views.detail.pages import yaml_lines
from swarm_tui.views.place import Place
from swarm_tui.widgets.bars import Part, kept_parts


def at(*link, cursor=None):
    return Place(ONLY_CLUSTER, Link(*link), cursor)


def row(kind, id_):
    return ObjectRef(ONLY_CLUSTER, kind, id_)


HOME = at("dashboard")
TASKS = at("tasks", "service", "s-1")


def mirror_of(cluster):
    objects = [
        item
        for kind in (objects_pb2.Node, objects_pb2.Service, objects_pb2.Task)
        for item in cluster.all(kind)
    ]
    mirror = Mirror(cluster)
    mirror.apply(Listed(tuple(objects), 1))
    return mirror


def plain(note):
    return "".join(text for text, _ in note.heading)


def test_the_way_back_is_the_way_that_was_gone():
    """Back leads through the places in reverse, each with the row it was left on."""
    places = Places(HOME)
    places.go(at("services"))
    places.go(TASKS, cursor=row("service", "s-1"))
    places.go(at("text", "task", "t-1", "describe"), cursor=row("task", "t-1"))
    assert places.back() == at("tasks", "service", "s-1", cursor=row("task", "t-1"))
    assert places.back() == at("services", cursor=row("service", "s-1"))
    assert places.back() == HOME
    assert places.back() is None


def test_going_where_one_is_adds_nothing():
    """The same place twice is one step back."""
    places = Places(HOME)
    places.go(TASKS)
    places.go(TASKS)
    assert places.back() == HOME


def test_the_dashboard_is_always_the_beginning():
    """Going to the dashboard forgets the way; a long way keeps its beginning."""
    places = Places(HOME)
    for number in range(3 * HISTORY_MAX):
        places.go(at("text", "task", f"t-{number}"))
    steps = 0
    while places.back() is not None:
        steps += 1
    assert steps < HISTORY_MAX + 1
    assert places.here == HOME


def test_the_history_goes_both_ways():
    """Earlier and later go through all places in the order of time, home included, with the rows they were left on; who goes
    elsewhere from an earlier one forgets what came after."""
    places = Places(HOME)
    places.go(at("services"))
    places.go(HOME, cursor=row("service", "s-1"))
    places.go(at("nodes"))
    assert places.step(1) is None
    assert places.step(-1) == HOME
    assert places.step(-1, cursor=None) == at("services", cursor=row("service", "s-1"))
    assert places.back() == HOME
    assert places.step(-1) == at("services")
    assert places.step(1) == HOME
    places.go(at("tasks"))
    assert places.step(1) is None
    assert places.step(-1) == HOME


def test_the_last_two_places_take_turns():
    """To and fro between two, whichever way they were reached."""
    places = Places(HOME)
    assert places.swap() is None
    places.go(at("services"))
    places.go(at("nodes"), cursor=row("service", "s-1"))
    assert places.swap(cursor=row("node", "n-1")) == at("services", cursor=row("service", "s-1"))
    assert places.swap() == at("nodes", cursor=row("node", "n-1"))
    assert places.back() == HOME


def test_single_changes_and_bursts_are_not_held_back():
    """Frames that come now and then, or a few in a row, need no rest."""
    budget = FrameBudget()
    assert budget.spent(0.03, 0.0) == 0
    assert budget.spent(0.03, 0.1) == 0
    assert budget.spent(0.03, 0.2) == 0
    assert budget.spent(0.03, 60.0) == 0


def test_a_storm_takes_its_share_and_no_more():
    """Frames without end use at most the share of the processor that they are given."""
    budget, now, used = FrameBudget(), 0.0, 0.0
    for _ in range(200):
        rest = budget.spent(0.02, now, Pace(0.05, 0.5))
        assert rest <= 0.5
        used += 0.02
        now += 0.02 + rest
    assert used / now < 0.06


def test_one_dear_frame_does_not_make_the_next_ones_late():
    """What the longest rest does not pay for is forgiven."""
    for pace in (STORM, FLOOD):
        budget = FrameBudget()
        rest = budget.spent(2.0, 0.0, pace)
        assert rest == pytest.approx(pace.rest_s_max)
        assert budget.spent(0.001, rest, pace) == pytest.approx(0.001 / pace.share)


def test_merged_changes_say_all():
    """Two flushes as one hold the ids and flags of both."""
    first = Changes({objects_pb2.Task: frozenset("ab")}, is_stream=True)
    second = Changes({objects_pb2.Task: frozenset("bc"), objects_pb2.Node: frozenset("n")}, is_reset=True)
    both = merged(first, second)
    assert both.of(objects_pb2.Task) == frozenset("abc")
    assert both.of(objects_pb2.Node) == frozenset("n")
    assert both.is_reset
    assert both.is_stream


def test_motion_names_what_moves():
    """A service short of its goal without a failure is in motion, a draining node too; nothing else."""
    board = MotionBoard(mirror_of(lively_cluster()))
    board.apply(Changes(is_reset=True), 0)
    assert [plain(note).split()[1] for note in board.notes(0)] == ["api", "w4"]
    assert board.targets == {
        ObjectRef(ONLY_CLUSTER, "service", "s-api"),
        ObjectRef(ONLY_CLUSTER, "node", "n06-w4"),
    }


def test_motion_writes_out_only_the_first():
    """Of hundreds of services in motion the first are written out, all are counted."""
    cluster = lively_cluster()
    api = cluster.get(objects_pb2.Service, "s-api")
    for number in range(100):
        service = objects_pb2.Service()
        service.CopyFrom(api)
        service.id = f"s-more-{number}"
        service.spec.annotations.name = f"more-{number}"
        cluster.put(service)
    board = MotionBoard(mirror_of(cluster))
    board.apply(Changes(is_reset=True), 0)
    assert len(board.notes(0)) == NOTES_MAX
    assert len(board.targets) == 102


def test_the_feed_begins_with_the_interface():
    """What was there at the start is no change; what was listed anew after a gap is told if it differs."""
    cluster = lively_cluster()
    mirror = mirror_of(cluster)
    mirror.flush()
    feed = ChangeFeed(mirror)
    assert feed.notes() == []
    node = cluster.all(objects_pb2.Node)[0]
    cluster.update(objects_pb2.Node, node.id, lambda one: one.spec.annotations.labels.update(disk="new"))
    mirror.apply(Listed((cluster.get(objects_pb2.Node, node.id),), 2))
    told = []
    mirror.listen(told.append)
    mirror.flush()
    assert feed.apply(told[0])
    assert [note.text for note in feed.notes() if "labels" in note.text]


def test_yaml_of_a_task_reads_as_yaml():
    """Keys are set apart from values, and what would move the cursor is made visible."""
    item = objects_pb2.Task(id="t-1")
    item.status.err = "line one\nline\x1b[2J two"
    lines = yaml_lines(item)
    text = "\n".join("".join(part for part, _ in line) for line in lines)
    assert "\x1b" not in text
    assert ("id", "accent") in lines[0]


@pytest.mark.parametrize(("width", "kept"), [(40, "abcd"), (14, "abd"), (10, "ad"), (3, "a")])
async def test_the_header_drops_by_rank(width, kept):
    """The parts of the highest rank leave first; rank 0 stays whatever the width."""
    parts = [
        Part([("aaaaa", "text")]),
        Part([("bbbb", "text")], rank=2),
        Part([("cccccc", "text")], rank=3),
        Part([("ddddd", "text")], rank=1),
    ]
    names = "".join(part.spans[0][0][0] for part in kept_parts(parts, width))
    assert names == kept
