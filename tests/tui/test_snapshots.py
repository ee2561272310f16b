"""Pictures of the main screens at the sizes people use; a difference is looked at before it is accepted.

`pytest tests/tui/test_snapshots.py --snapshot-update` accepts.
"""

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.errors import Unreachable
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import (
    busy_cluster,
    dashboard_of,
    live_through,
    settle,
    until_live,
    until_shown,
)
from swarm_testkit.factories import make_cluster, make_node
from swarm_tui.widgets.theme import DARK, LIGHT
from textual.widgets import Input, TextArea

TINY, SMALL, MEDIUM, LARGE = (60, 15), (80, 24), (120, 40), (200, 60)


@pytest.fixture
def picture(snap_compare):
    """Compares the screen after `keys`; without keys on a cluster that has lived for ten minutes."""

    def compare(keys=(), size=MEDIUM, *, theme=DARK.name, is_ascii=False, shows="prod-eu", trouble=None):
        cluster = busy_cluster()
        app = dashboard_of(cluster, theme=theme, is_ascii=is_ascii)

        async def run_before(pilot):
            await until_live(app, pilot)
            if not keys:
                await live_through(app, pilot, cluster)
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            if trouble is not None:
                trouble(cluster)
            await until_shown(app, pilot, shows)
            await settle(app, pilot)
            for field in (*app.screen.query(Input), *app.screen.query(TextArea)):
                field.cursor_blink = False
                # A text keeps the line that it drew while the cursor was hidden, and takes it for the one without blinking.
                field.notify_style_update()
                field.refresh()
            await pilot.pause()

        assert snap_compare(app, terminal_size=size, run_before=run_before)

    return compare


@pytest.mark.parametrize("size", [SMALL, MEDIUM, LARGE], ids=lambda size: "x".join(map(str, size)))
def test_dashboard(picture, size):
    """The first screen at each size."""
    picture(size=size)


def test_dashboard_light(picture):
    """The first screen in our light theme."""
    picture(theme=LIGHT.name)


def test_dashboard_in_the_terminals_own_colours(picture):
    """The first screen with nothing but the terminal's sixteen colours."""
    picture(theme="ansi-dark", size=SMALL)


def test_dashboard_without_colour(picture, monkeypatch):
    """The first screen under NO_COLOR: glyphs and words carry the meaning."""
    monkeypatch.setenv("NO_COLOR", "1")
    picture(size=SMALL)


def test_dashboard_ascii(picture):
    """The first screen in ASCII."""
    picture(is_ascii=True, shows="# prod-eu")


@pytest.mark.parametrize("key", ["2", "3", "4"], ids=["nodes", "services", "tasks"])
def test_lists(picture, key):
    """The three lists."""
    picture((key,))


@pytest.mark.parametrize("size", [TINY, SMALL, MEDIUM, LARGE], ids=lambda size: "x".join(map(str, size)))
def test_form(picture, size):
    """The service form, half filled in."""
    picture(("n", *"sessions", "tab", "tab", *"redis:7"), size, shows="✓ tagged")


def test_form_light(picture):
    """The form on a large screen in our light theme, of a running service."""
    picture(("3", "down", "down", "e"), (250, 70), theme=LIGHT.name, shows="Edit cache")


def test_form_as_yaml(picture):
    """In a narrow terminal fields and text take turns; a wrong text says so."""
    picture(("n", *"kv", "tab", "tab", *"redis:7", "f2", *"x"), SMALL, shows="✖ line 1: ")


@pytest.mark.parametrize(
    "keys", [("7", "n", *"pw", "tab", "tab", *"abc"), ("6", "n", *"back")], ids=["secret", "network"]
)
def test_object_forms(picture, keys):
    """Secrets and networks."""
    picture(keys, SMALL, shows="✓ free")


@pytest.mark.parametrize(
    ("keys", "size"),
    [(("3", "down", "v"), SMALL), (("2", "v"), MEDIUM)],
    ids=["services-80x24", "nodes-120x40"],
)
def test_tree(picture, keys, size):
    """What hangs on what: by service with one unfolded, and by node with the worst told above."""
    picture(keys, size, shows="Tree · ")


def test_pinned(picture):
    """The dashboard with a service pinned beside it."""
    picture(("equals_sign",), shows="pinned · service billing")


def test_pinned_logs_and_drawer(picture):
    """In a narrow terminal the pinned logs stand below, and the drawer below them."""
    picture(("3", "plus", "grave_accent"), SMALL, shows="42 lines")


def test_drill_in(picture):
    """The tasks of one service."""
    picture(("3", "down", "enter"), SMALL, shows="Tasks · service billing")


def test_describe(picture):
    """An object in words."""
    picture(("3", "down", "d"), SMALL, shows="service billing · describe")


def test_yaml(picture):
    """An object as YAML."""
    picture(("3", "y"), SMALL, shows="service api · yaml")


def test_logs(picture):
    """Logs of several tasks, in the order of their time."""
    picture(("3", "l"), SMALL, shows="42 lines")


def test_filter(picture):
    """A filter being typed."""
    picture(("4", "slash", *"api"), SMALL, shows="9 of 58")


def test_help(picture):
    """The keys."""
    picture(("question_mark",), shows="take a service back to one of its earlier specs")


def test_update(picture):
    """The dialog that updates a service, with an image typed and what it comes to."""
    picture(("3", "u", "0"), shows="image 1.42 → 1.420.")


def test_scale(picture):
    """The scale dialog with an amount typed."""
    picture(("3", "s", "plus", "3"), SMALL, shows="✓ 9 → 12")


def test_remove(picture):
    """The confirmation of a removal, with the wrong name."""
    picture(("3", "ctrl+d", "a", "enter"), SMALL, shows="✖ that is not api")


def test_stale(picture):
    """The stream is lost: what was known stays, grey, with its age."""

    def cut(cluster):
        cluster.unreachable = "connection refused"
        cluster.cut()

    # The cause that is found when it is tried again comes last.
    picture(trouble=cut, shows="connection refused")


def test_connecting(snap_compare):
    """No manager answers yet, and it is said why."""
    cluster = FakeCluster()
    cluster.fail_next("Watch.Watch", Unreachable("connection refused"), times=1000)
    app = dashboard_of(cluster)

    async def run_before(pilot):
        await until_shown(app, pilot, "connection refused")
        await settle(app, pilot)

    assert snap_compare(app, terminal_size=SMALL, run_before=run_before)


def test_an_empty_cluster(snap_compare):
    """One node and nothing on it: what a person sees first."""
    node = make_node("n1", hostname="laptop", role="MANAGER", state="READY")
    node.manager_status.leader = True
    node.manager_status.reachability = types_pb2.RaftMemberStatus.REACHABLE
    cluster = FakeCluster([make_cluster("c"), node])
    app = dashboard_of(cluster, title="local")

    async def run_before(pilot):
        await until_live(app, pilot)
        assert cluster.all(objects_pb2.Service) == []

    assert snap_compare(app, terminal_size=MEDIUM, run_before=run_before)


def test_too_small(picture):
    """A terminal with room for one line."""
    picture(size=(50, 8))
