"""A person who hits keys at random, in a terminal whose size changes, over a cluster in which things happen: all at once.

After each round, with all that it led to done: the program runs, something on screen has the keys, and what is on screen is
what the cluster holds. Everything is chosen by one seed; `benchmarks/monkey.py` plays for as long as is wanted.
"""

import random
from collections.abc import Iterator
from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.timestamps import timestamp
from swarm_tui.clusters.changes import Phase
from swarm_tui.dialogs.frame import Dialog
from swarm_tui.resources import registry
from swarm_tui.shell.screen import MainScreen
from swarm_tui.views.lists.pane import ObjectPane
from textual.screen import ModalScreen
from textual.widgets._toast import Toast

from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import Running, settle
from swarm_testkit.factories import make_node, make_service, make_task

KEYS: Final = (
    *"123456789jkGgdylsnafoO!*cwNt?/ v=+`@VKE-[]ehbSRPLMUJipZDzuT,.<>;",
    *("tab", "shift+tab", "enter", "escape", "space", "up", "down", "left", "right", "pagedown", "pageup"),
    *(
        "ctrl+u",
        "ctrl+d",
        "ctrl+g",
        "ctrl+r",
        "ctrl+backslash",
        "backspace",
        "home",
        "end",
        "f1",
        "ctrl+t",
        "ctrl+k",
    ),
)
"""All keys but those that end the program, or lead out of it: to a shell, an editor, a file or a port."""
WAYS: Final = (
    ("V",),
    ("V", "V"),
    ("V", "V", "n"),
    (":", *"cluster", "enter"),
    (":", *"doctor", "enter"),
    (":", *"tour", "enter"),
    ("T", *"5m", "enter"),
)
"""To what a single key leads seldom or never."""
PALETTE: Final = ("ctrl+p", *"service db", "enter")
"""Any word there could end the program."""
TEXTS: Final = ("/redis", "33", "no", "s+1", "state:failed", "web", "=3", "\N{WARNING SIGN}é中", "x" * 80)
SIZES: Final = ((40, 12), (60, 15), (80, 24), (99, 30), (104, 20), (132, 40), (200, 60), (250, 20))
_STATES: Final = (
    *(types_pb2.PENDING, types_pb2.PREPARING, types_pb2.STARTING, types_pb2.RUNNING, types_pb2.RUNNING),
    *(types_pb2.FAILED, types_pb2.REJECTED, types_pb2.SHUTDOWN),
)
_OBJECTS_MAX: Final = 60


class Monkey:
    """One player; `play` is one round."""

    def __init__(self, seed: int, run: Running) -> None:
        self._rng = random.Random(seed)
        self._run = run
        self.keys: list[str] = []
        """What was pressed so far."""
        self.resizes = 0
        self.events = 0
        """What happened in the cluster so far."""
        self.screens: set[str] = set()
        """Places, dialogs and other screens that were there at the end of a round."""

    async def play(self) -> None:
        """Some keys in one read, with a change of size and of the cluster among them; then look."""
        rng = self._rng
        for _ in range(rng.randint(1, 4)):
            for key in self._some_keys():
                self.keys.append(key)
                self._run.press_soon(key)
            if rng.random() < 0.3:
                await self._run.pilot.resize_terminal(*rng.choice(SIZES))
                self.resizes += 1
            for _ in range(rng.randint(0, 6)):
                happen(self._run.cluster, rng, self.events)
                self.events += 1
        # Rows keep their order while the cursor is being moved; what is gone is taken out when it rests. Work that took longer than
        # keys wait for it may still change the view.
        # A stream that was cut, or asked to begin anew, needs a while until it has told everything.
        await self._run.until(lambda: self._run.app.is_caught_up)
        await self._run.until(self._is_told)
        await settle(self._run.app, self._run.pilot)
        while self._holds_back():
            await self._run.until(lambda: self._run.app.is_caught_up and not self._holds_back())
            await settle(self._run.app, self._run.pilot)
        check(self._run)
        self.screens.update(_where(self._run))

    def _is_told(self) -> bool:
        mirror = self._run.screen.session.mirror
        return mirror.stream.phase is Phase.LIVE and all(
            set(mirror.ids(kind.message)) == {item.id for item in self._run.cluster.all(kind.message)}
            for kind in registry.stored()
        )

    def _holds_back(self) -> bool:
        return any(pane._held for pane in self._panes() if pane.is_shown)

    def _panes(self) -> list[ObjectPane]:
        return list(self._run.screen.navigator.view.query(ObjectPane))

    def _some_keys(self) -> list[str]:
        if self._rng.random() < 0.05:
            return list(PALETTE)
        if self._rng.random() < 0.08:
            return list(self._rng.choice(WAYS))
        if self._rng.random() < 0.25:
            return [*self._rng.choice(TEXTS), *self._rng.choice((["enter"], ["escape"], []))]
        return self._rng.choices(KEYS, k=self._rng.randint(1, 5))


def _where(run: Running) -> Iterator[str]:
    """What is there: each dialog, and the place of each screen under it."""
    for screen in run.app.screen_stack:
        if isinstance(screen, MainScreen):
            place = screen.navigator.trail[-1]
            yield " ".join(filter(None, (screen.session.mirror.realm.value, place.view, place.kind)))
        else:
            yield type(screen).__name__


def happen(cluster: FakeCluster, rng: random.Random, number: int) -> None:
    """One thing happens in the cluster."""
    cluster.advance(rng.choice((0, 1, 7, 70)))
    services, tasks = cluster.all(objects_pb2.Service), cluster.all(objects_pb2.Task)
    nodes = cluster.all(objects_pb2.Node)
    match rng.randrange(9):
        case 0 if len(services) < _OBJECTS_MAX:
            cluster.put(make_service(f"s-new-{number}", name=f"new-{number}", replicas=rng.randint(0, 3)))
        case 1 if len(nodes) < _OBJECTS_MAX:
            cluster.put(
                make_node(f"n-new-{number}", hostname=rng.choice(("w1", "x\x1b[31m", "", "ª²", "節點")))
            )
        case 2 if services:
            cluster.remove(objects_pb2.Service, rng.choice(services).id)
        case 3 if len(nodes) > 3:
            cluster.remove(objects_pb2.Node, rng.choice(nodes).id)
        case 4 if tasks:
            cluster.remove(objects_pb2.Task, rng.choice(tasks).id)
        case 5 if services:
            service = rng.choice(services)
            place = rng.choice(nodes).id if nodes else ""
            cluster.put(make_task(f"t-new-{number}", service=service, slot=1, node_id=place, state="RUNNING"))
        case 6 if nodes:
            cluster.update(objects_pb2.Node, rng.choice(nodes).id, lambda node: _befall(node, rng))
        case 7:
            cluster.cut()
        case _ if tasks:
            cluster.update(
                objects_pb2.Task, rng.choice(tasks).id, lambda task: _go_on(task, rng, cluster.now_ns)
            )


def _befall(node: objects_pb2.Node, rng: random.Random) -> None:
    node.status.state = rng.choice((types_pb2.NodeStatus.READY, types_pb2.NodeStatus.DOWN))
    node.spec.availability = rng.choice((specs_pb2.NodeSpec.ACTIVE, specs_pb2.NodeSpec.DRAIN))


def _go_on(task: objects_pb2.Task, rng: random.Random, now_ns: int) -> None:
    task.status.state = rng.choice(_STATES)
    task.status.err = rng.choice(
        ("", "task: non-zero exit (3)", "no suitable node\n\x1b[2Jgone \u202e", "x" * 300)
    )
    task.status.timestamp.CopyFrom(timestamp(now_ns))


def check(run: Running) -> None:
    """What must hold whenever nothing is left to do. Raises AssertionError."""
    assert run.app.is_running, "the program ended"
    assert run.app._exception is None, run.app._exception
    failures = [toast for toast in run.app.query(Toast) if "failed:" in str(toast.render())]
    assert not failures, [str(toast.render()) for toast in failures]
    width, height = run.app.size
    if width >= 60 and height >= 15:
        focused = run.app.focused
        # A dialog that is answered with a key has nothing to put the focus on, and takes the keys itself.
        is_question = isinstance(run.app.screen, Dialog) and not run.app.screen.focus_chain
        assert focused is not None or is_question, "nothing has the keys"
        shown = focused.ancestors_with_self if focused is not None else ()
        assert all(one.display for one in shown if hasattr(one, "display"))
    # A screen that another covers is brought up to date when it is come back to.
    if all(screen is run.screen or isinstance(screen, ModalScreen) for screen in run.app.screen_stack):
        _check_contents(run)


def _check_contents(run: Running) -> None:
    mirror = run.screen.session.mirror
    for kind in registry.stored():
        held = {item.id for item in run.cluster.all(kind.message)}
        assert set(mirror.ids(kind.message)) == held, f"not the cluster's {kind.plural}"
    view = run.screen.navigator.view
    for pane in view.query(ObjectPane):
        if pane.is_shown and view.display:
            _check_rows(pane, run)


def _check_rows(pane: ObjectPane, run: Running) -> None:
    """Each row that is drawn says what its object says now."""
    mirror, now_ns = run.screen.session.mirror, run.screen.session.now_ns
    table = pane.table
    for row_id in table.visible_ids():
        item = mirror.get(pane.kind.message, row_id.id)
        assert item is not None, f"{row_id} is shown and gone"
        drawn = table._drawn.get(row_id)
        if drawn is not None and drawn.strip is not None:
            assert drawn.cells == pane.kind.row(item, mirror, now_ns), f"{row_id} is shown as it was"
