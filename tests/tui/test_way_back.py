"""What is painted first when one comes back to a view, before its widgets are told that they are shown."""

from swarm_core.api.proto import objects_pb2
from swarm_testkit.dashboard import running
from swarm_testkit.factories import make_service, make_task
from swarm_tui.views.dashboard.view import DashboardView
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.widgets.notes import Notes
from swarm_tui.widgets.table import ObjectTable


def _untold(monkeypatch) -> None:
    """Nothing is told of its size and of being shown any more: what is painted is what is painted first."""
    for owner, handler in (
        (Notes, "on_resize"),
        (ObjectTable, "on_resize"),
        (DashboardView, "on_resize"),
        (ObjectPane, "on_object_table_shown"),
    ):
        monkeypatch.setattr(owner, handler, lambda self, *event: None)


async def test_notes_are_as_wide_as_they_are(cluster, monkeypatch):
    """Notes that came while the dashboard was hidden, and had no room, are whole at once."""
    async with running(cluster) as run:
        await run.press("3")
        cluster.put(make_service("s-sad", name="sad", replicas=1))
        waiting = make_task(
            "t-sad", service=cluster.get(objects_pb2.Service, "s-sad"), slot=1, state="PENDING"
        )
        waiting.status.err = "no suitable node (out of luck on all of them)"
        cluster.put(waiting)
        await run.knows()
        await run.shows("sad")
        _untold(monkeypatch)
        await run.press("1")
        await run.shows("Problems")
        assert "out of luck" in run.text


async def test_ages_are_of_now(cluster, monkeypatch):
    """What a list drew before it was hidden is not what it shows first."""
    async with running(cluster) as run:
        table = run.dashboard.services.table
        old = [str(table.render_line(y).text) for y in range(1, 4)]
        await run.press("3")
        cluster.advance(7200)
        _untold(monkeypatch)
        monkeypatch.setattr(ObjectTable, "time_passed", lambda self: None)
        await run.press("1")
        await run.shows("Problems")
        new = [str(table.render_line(y).text) for y in range(1, 4)]
        assert all(one != other for one, other in zip(old, new, strict=True))
