"""The parts of the shell without a screen: the painter, the notices and the navigator."""

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from time import thread_time

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.control import Control
from swarm_core.client.logs import LogReader
from swarm_core.client.watch import Action, Change, Changed, Listed, Lost
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.dashboard import running
from swarm_tui.clusters.changes import Changes, Phase, Stream
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Session
from swarm_tui.resources.model import Link
from swarm_tui.resources.problems import ProblemBoard
from swarm_tui.resources.refs import ONLY_CLUSTER, ObjectRef
from swarm_tui.shell.navigator import Navigator
from swarm_tui.shell.notices import Notices
from swarm_tui.shell.painter import STORM_OBJECTS, STORM_REST_S_MIN, Painter
from swarm_tui.shell.terminal import given_away
from swarm_tui.shell.toolkit import Face
from swarm_tui.views.view import Context, View, ViewKind
from swarm_tui.widgets.bars import HeaderBar
from swarm_tui.widgets.once import once

ROW = ObjectRef(ONLY_CLUSTER, "service", "s-api")
OBJECTS = (objects_pb2.Node, objects_pb2.Service, objects_pb2.Task)


class Recorder(View):
    """Writes down what it is told."""

    def __init__(self, name="home"):
        super().__init__(id=name)
        self.told = []
        self.is_before_tick = []

    def arrive(self, place):
        self.told.append(("arrive", place.link.id))

    def leave(self):
        self.told.append("leave")

    def apply(self, changes):
        self.told.append(("apply", changes.is_reset, len(changes.of(objects_pb2.Task))))
        self.is_before_tick.append(changes.is_before_tick)

    def tick(self):
        self.told.append("tick")

    def set_stale(self, is_stale):
        self.told.append(("stale", is_stale))

    @property
    def cursor(self):
        return ROW


class HandFace:
    """A Face whose timers are run by the test."""

    painting_s = 0.0

    def __init__(self):
        self.waiting = []
        self.rests = []
        self.said = []
        self.ticks = []

    def show_header(self, left, right, summary):
        pass

    def tell(self, text):
        self.said.append(text)

    def alarm(self, text):
        pass

    def soon(self, work):
        self.waiting.append(work)

    def later(self, seconds, work):
        self.waiting.append(work)
        self.rests.append(seconds)

    def every(self, seconds, work):
        self.ticks.append(work)

    def run(self):
        """Run what waits, once."""
        waiting, self.waiting = self.waiting, []
        for work in waiting:
            work()


@pytest.fixture
def session() -> Session:
    """A cluster that was listed once, and is not watched."""
    cluster = lively_cluster()
    clock = cluster.clock
    mirror = Mirror(clock)
    mirror.apply(Listed(tuple(item for kind in OBJECTS for item in cluster.all(kind)), 1))
    mirror.flush()
    return Session("test", mirror, Control(cluster), LogReader(cluster, clock=clock), clock)


def change(session, item):
    """The mirror hears that `item` is as given now."""
    session.mirror.apply(Changed((Change(Action.UPDATED, item),), session.mirror.version + 1))
    session.mirror.flush()


def task(session, number):
    return list(session.mirror.objects(objects_pb2.Task))[number]


def painter_of(session, view):
    face = HandFace()
    return Painter(session, ProblemBoard(session.mirror), lambda: [view], face), face


# -- the painter -------------------------------------------------------------------------------------


async def test_the_painter_begins_with_what_is_known(session):
    """A view learns of everything and of the stream before anything changes."""
    view = Recorder()
    painter, _ = painter_of(session, view)
    painter.start()
    assert view.told == [("apply", True, 0), ("stale", False)]


async def test_the_painter_begins_with_why_nothing_is_known(session):
    """What broke before anybody listened is told to the views: it is not told again."""
    clock = session.clock
    mirror = Mirror(clock)
    mirror.apply(Lost("nobody leads"))
    mirror.flush()
    view = Recorder()
    painter, _ = painter_of(replace(session, mirror=mirror), view)
    painter.start()
    assert view.told == [("stale", False)]


async def test_what_comes_while_a_frame_is_paid_for_is_one_frame(session):
    """Changes that come meanwhile wait, are merged, and bring the second that passed along."""
    view = Recorder()
    painter, face = painter_of(session, view)
    painter.start()
    view.told.clear()
    change(session, task(session, 0))
    face.run()
    change(session, task(session, 1))
    change(session, task(session, 2))
    face.ticks[0]()
    assert view.told == [("apply", False, 1)]
    assert not painter.is_settled
    while face.waiting:
        face.run()
    assert view.told == [("apply", False, 1), ("apply", False, 2), "tick"]
    assert view.is_before_tick == [False, False, True]
    assert painter.is_settled


def storm(session):
    """As many changes as a storm has within one frame; nobody is told of them yet."""
    every = list(session.mirror.objects(objects_pb2.Task))[:STORM_OBJECTS]
    assert len(every) == STORM_OBJECTS
    session.mirror.apply(
        Changed(tuple(Change(Action.UPDATED, one) for one in every), session.mirror.version + 1)
    )


async def test_the_next_frame_of_a_storm_has_what_came_until_it_begins(session):
    """What the mirror was not yet to tell is told for it; a frame that is no storm's waits for the mirror."""
    view = Recorder()
    painter, face = painter_of(session, view)
    painter.start()
    view.told.clear()
    storm(session)
    session.mirror.flush()
    face.run()  # the frame
    face.run()  # it has been painted
    session.mirror.apply(Changed((Change(Action.UPDATED, task(session, 0)),), session.mirror.version + 1))
    face.run()
    assert view.told == [("apply", False, STORM_OBJECTS), ("apply", False, 1)]
    face.run()
    session.mirror.apply(Changed((Change(Action.UPDATED, task(session, 1)),), session.mirror.version + 1))
    face.run()
    assert len(view.told) == 2
    session.mirror.flush()
    face.run()
    assert len(view.told) == 3


async def test_a_storm_pays_for_its_frames_and_for_nothing_else(session):
    """Painting that took long is rested for; what others did between frame and rest is not its own."""
    painter, face = painter_of(session, Recorder())
    painter.start()
    storm(session)
    session.mirror.flush()
    face.run()
    began = thread_time()
    while thread_time() - began < 0.15:
        pass
    face.run()
    assert face.rests[-1] == pytest.approx(STORM_REST_S_MIN)
    storm(session)
    face.run()
    face.painting_s += 0.2
    face.run()
    assert face.rests[-1] > 0.3


async def test_a_tick_without_changes_is_shown_at_once(session):
    """While nothing changes a second that passed is shown when it has passed."""
    view = Recorder()
    painter, face = painter_of(session, view)
    painter.start()
    view.told.clear()
    face.ticks[0]()
    assert view.told == ["tick"]


async def test_a_stopped_painter_hears_nothing(session):
    """After the end the mirror may go on telling."""
    view = Recorder()
    painter, face = painter_of(session, view)
    painter.start()
    painter.stop()
    change(session, task(session, 0))
    assert not face.waiting


# -- the notices -------------------------------------------------------------------------------------


async def test_a_new_leader_is_told_once(session):
    """Who leads at the start is no news; who leads after somebody else is, once."""
    notices = Notices(session.mirror)
    assert notices.of(Changes(is_reset=True)) == []
    for id_, leads in (("n00-m1", False), ("n01-m2", True)):
        node = objects_pb2.Node()
        node.CopyFrom(session.mirror.get(objects_pb2.Node, id_))
        node.manager_status.leader = leads
        change(session, node)
    of_nodes = Changes({objects_pb2.Node: frozenset({"n01-m2"})})
    assert notices.of(of_nodes) == ["m2 leads now, after m1"]
    assert notices.of(of_nodes) == []


async def test_the_cause_of_a_lost_connection_is_told_once(session):
    """Each reason is said once while it lasts, and again when it comes back."""
    notices, streams = Notices(session.mirror), Changes(is_stream=True)

    def told(phase, reason=""):
        session.mirror.stream = Stream(phase, 0, reason)
        return notices.of(streams)

    assert told(Phase.LIVE) == []
    assert told(Phase.STALE, "the node does not run") == ["No connection · the node does not run"]
    assert told(Phase.STALE, "the node does not run") == []
    assert told(Phase.LIVE) == []
    assert told(Phase.STALE, "the node does not run") == ["No connection · the node does not run"]


# -- the navigator -----------------------------------------------------------------------------------


class HandStage:
    """A Stage that writes down what it is to show."""

    def __init__(self):
        self.added = []
        self.shown = []

    async def add(self, view):
        self.added.append(view.id)

    def show(self, view):
        self.shown.append(view.id)

    def place_changed(self):
        self.shown.append("told")


class Others:
    """The screens of other realms."""

    def __init__(self, *, has_before=False):
        self.has_before = has_before
        self.told = []

    def go(self, link):
        self.told.append(link)

    def back(self):
        self.told.append(None)


def navigator_of(session, *names, elsewhere=None):
    stage = HandStage()
    kinds = [ViewKind(name, Context.LIST, Recorder, lambda view, ports: view()) for name in names]
    navigator = Navigator(
        stage, kinds, lambda kind: Recorder(kind.name), session.mirror, elsewhere or Others()
    )
    return navigator, stage


async def test_a_view_is_made_once_and_left_before_the_next_arrives(session):
    """Each view is told that it is left, then the next is shown and told where it is."""
    navigator, stage = navigator_of(session, "home", "text", "tasks")
    (home,) = navigator.views
    await navigator.go(Link("text", "task", "t-1"))
    await navigator.go(Link("text", "task", "t-2"))
    assert stage.added == ["text"]
    assert home.told == ["leave"]
    assert navigator.view.told == [("arrive", "t-1"), "leave", ("arrive", "t-2")]
    assert stage.shown == ["text", "told", "text", "told"]


async def test_back_to_the_row_that_was_left(session):
    """The place gone back to has the cursor that the view had, and its cluster."""
    navigator, _ = navigator_of(session, "home", "text")
    await navigator.go(Link("text", "task", "t-1"))
    assert navigator.here.cluster == session.id
    assert await navigator.go_back()
    assert (navigator.here.view, navigator.here.cursor) == ("home", ROW)
    assert not await navigator.go_back()


async def test_opening_leads_where_the_kind_says(session):
    """A service leads to its tasks; of what is gone the description is shown, which says so."""
    navigator, _ = navigator_of(session, "home", "text", "tasks")
    await navigator.open(ObjectRef(session.id, "service", "s-api"))
    assert navigator.here.link == Link("tasks", "service", "s-api")
    await navigator.open(ObjectRef(session.id, "service", "s-gone"))
    assert navigator.here.link == Link("text", "service", "s-gone", "describe")


async def test_a_view_of_another_realm_is_on_its_screen(session):
    """What this screen lacks is asked of the others; at its first place the way back leads to the screen before."""
    others = Others(has_before=True)
    navigator, stage = navigator_of(session, "home", "tasks", elsewhere=others)
    await navigator.go(Link("containers"))
    assert others.told == [Link("containers")]
    assert stage.shown == []
    assert not navigator.is_root
    await navigator.go(Link("tasks"))
    assert await navigator.go_back()
    assert navigator.here.view == "home"
    assert await navigator.go_back()
    assert others.told[1:] == [None]


class Suspended:
    """Gives its terminal away as the toolkit does: it takes it back from a block that raises nothing."""

    has_terminal = True

    def batch_update(self):
        return nullcontext()

    @contextmanager
    def suspend(self):
        self.has_terminal = False
        yield
        self.has_terminal = True


def test_the_terminal_is_taken_back_from_what_fails():
    """A shell that could not be run leaves no dead screen."""
    app = Suspended()
    with pytest.raises(RuntimeError, match="not run"), given_away(app):
        assert not app.has_terminal
        raise RuntimeError("not run")
    assert app.has_terminal


async def test_timers_do_nothing_on_a_screen_that_is_taken_down(cluster):
    """Its parts are gone before it: what is to be painted then has no place any more."""
    async with running(cluster) as run:
        called = []
        face = Face(run.screen)
        await run.screen.query_one(HeaderBar).remove()
        face.later(0.0, lambda: called.append("later"))
        face.every(0.001, lambda: called.append("every"))
        over = []
        once(run.screen, 0.02, lambda: over.append("over"))
        await run.until(lambda: over)
        assert called == []
