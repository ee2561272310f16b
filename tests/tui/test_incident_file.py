"""An incident as one file: written in the dashboard, shown by another copy of it (docs/design/journal.md 6)."""

from contextlib import closing
from pathlib import Path

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import dashboard_of, screen_text, until, until_live
from swarm_tui.app import SwarmApp
from swarm_tui.dialogs.ask_line import AskLine
from swarm_tui.journal import bundle
from swarm_tui.journal.recorder import Recorder
from swarm_tui.shell.command_bar import CommandBar
from swarm_tui.shell.rewind import RewindScreen
from textual.pilot import Pilot
from textual.widgets import Input


async def _press(pilot: Pilot[None], *keys: str) -> None:
    """Press each key once what the one before did is over."""
    app = pilot.app
    assert isinstance(app, SwarmApp)
    for key in keys:
        await pilot.press(key)
        await until(pilot, lambda: app.is_caught_up)


def _web(cluster: FakeCluster) -> objects_pb2.Service:
    return next(one for one in cluster.all(objects_pb2.Service) if one.spec.annotations.name == "web")


async def _file(cluster: FakeCluster, place: Path, command: str = "") -> Path:
    """The file of an incident: "web" was scaled from 12 to 5, and then a task of it failed."""
    to = place / "x.incident"
    recorder = Recorder(place / "journals", cluster.clock, title="prod-eu", gather_s=0.01)
    app = dashboard_of(cluster, recorder=recorder)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_live(app, pilot)
        mirror = app._session.mirror
        task = next(iter(mirror.tasks_of_service(_web(cluster).id))).id

        def scale(service: objects_pb2.Service) -> None:
            service.spec.replicated.replicas = 5

        def fail(task: objects_pb2.Task) -> None:
            task.status.state = types_pb2.FAILED
            task.status.err = "task: non-zero exit (137)"

        cluster.advance(30)
        cluster.update(objects_pb2.Service, _web(cluster).id, scale)
        await until(
            pilot, lambda: mirror.get(objects_pb2.Service, _web(cluster).id).spec.replicated.replicas == 5
        )  # type: ignore[union-attr]
        cluster.advance(30)
        cluster.update(objects_pb2.Task, task, fail)
        await until(pilot, lambda: mirror.get(objects_pb2.Task, task).status.err)  # type: ignore[union-attr]
        if command:
            bar = app.screen.desk.command  # type: ignore[attr-defined]
            assert isinstance(bar, CommandBar)
            assert bar.accept(command) == ""
        else:
            await _press(pilot, "B")
        await until(pilot, lambda: isinstance(app.screen, AskLine))
        app.screen.query_one(Input).value = str(to)
        await pilot.press("enter")
        await until(pilot, lambda: any("swarm-tui open" in one.message for one in app._notifications))
    recorder.close()
    return to


async def test_another_copy_shows_it(cluster: FakeCluster, tmp_path: Path) -> None:
    """The file opens at its end, as a view of the past; `<` leads to the failure, `,` to what was before."""
    tape, title = bundle.open_bundle(await _file(cluster, tmp_path))
    app = SwarmApp.of_file(tape, title, cluster.clock)
    with closing(tape.file):
        async with app.run_test(size=(120, 40)) as pilot:
            screen = app.screen
            assert isinstance(screen, RewindScreen)
            mirror = screen.session.mirror
            await until(pilot, lambda: mirror.objects(objects_pb2.Service) and "REWIND" in screen_text(app))
            await until(pilot, lambda: "web" in screen_text(app) and "5" in screen_text(app))
            await _press(pilot, "less_than_sign")
            failed = [one for one in mirror.objects(objects_pb2.Task) if one.status.err]
            assert [one.status.state for one in failed if "137" in one.status.err] == [types_pb2.FAILED]
            await _press(pilot, "comma", "comma")
            replicas = {
                one.spec.annotations.name: one.spec.replicated.replicas
                for one in mirror.objects(objects_pb2.Service)
            }
            assert replicas["web"] == 12
            texts = {one.name: one.text for one in screen.past.differences()}
            assert "scaled 12 → 5" in texts["web"], (
                "beside it stands what became different until the end of the file"
            )


async def test_there_is_no_now(cluster: FakeCluster, tmp_path: Path) -> None:
    """In a file no key leads to now, and none lists anew; what changes is refused; nothing is asked of any cluster."""
    tape, title = bundle.open_bundle(await _file(cluster, tmp_path))
    calls = len(cluster.calls)
    app = SwarmApp.of_file(tape, title, cluster.clock)
    with closing(tape.file):
        async with app.run_test(size=(120, 40)) as pilot:
            screen = app.screen
            assert isinstance(screen, RewindScreen)
            await until(pilot, lambda: "REWIND" in screen_text(app))
            assert "ctrl+t" not in screen_text(app)
            await _press(pilot, "ctrl+t", "ctrl+r")
            await until(pilot, lambda: any("This is a file" in one.message for one in app._notifications))
            assert app.screen is screen
            await until(pilot, lambda: screen.session.mirror.objects(objects_pb2.Service))
            await _press(pilot, "3", "s")
            await until(
                pilot, lambda: any("changes the cluster" in one.message for one in app._notifications)
            )
    assert len(cluster.calls) == calls


async def test_a_time_is_typed_after_the_command(cluster: FakeCluster, tmp_path: Path) -> None:
    """:bundle 45s writes what was recorded in the last forty-five seconds."""
    start_ns = cluster.now_ns
    tape, _ = bundle.open_bundle(await _file(cluster, tmp_path, "bundle 45s"))
    with closing(tape.file):
        assert tape.start_ns == start_ns + 15 * 1_000_000_000
