"""Rewinding: every view as of a moment, the way through time, and nothing that reaches the cluster (docs/design/journal.md 5)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from swarm_core.api.names import STACK_LABEL
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_testkit.cluster_fake import FakeCluster, log_line
from swarm_testkit.dashboard import dashboard_of, screen_text, until, until_live
from swarm_tui.app import SwarmApp
from swarm_tui.journal.recorder import Recorder
from swarm_tui.shell.command_bar import CommandBar
from swarm_tui.shell.rewind import RewindScreen
from swarm_tui.views.dashboard.view import DashboardView
from textual.pilot import Pilot


def past_of(app: SwarmApp) -> RewindScreen:
    """The screen of the past, which must be shown."""
    assert isinstance(app.screen, RewindScreen)
    return app.screen


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press each key once what the one before did is over."""
    app = pilot.app
    assert isinstance(app, SwarmApp)
    for key in keys:
        await pilot.press(key)
        await until(pilot, lambda: app.is_caught_up)


def replicas_shown(app: SwarmApp) -> int:
    """How many tasks the service "web" was meant to have at the moment shown."""
    services = past_of(app).session.mirror.objects(objects_pb2.Service)
    return next(one.spec.replicated.replicas for one in services if one.spec.annotations.name == "web")


def web(cluster: FakeCluster) -> objects_pb2.Service:
    return next(one for one in cluster.all(objects_pb2.Service) if one.spec.annotations.name == "web")


async def scale(pilot: Pilot[None], app: SwarmApp, cluster: FakeCluster, replicas: int) -> None:
    """Scale "web" half a minute later, and wait until the dashboard knows."""

    def change(service: objects_pb2.Service) -> None:
        service.spec.replicated.replicas = replicas

    cluster.advance(30)
    cluster.update(objects_pb2.Service, web(cluster).id, change)
    mirror = app._session.mirror

    def is_known() -> bool:
        held = mirror.get(objects_pb2.Service, web(cluster).id)
        return held is not None and held.spec.replicated.replicas == replicas

    await until(pilot, is_known)


@asynccontextmanager
async def rewound(
    cluster: FakeCluster, place: Path, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[SwarmApp, Pilot[None]]]:
    """The dashboard after "web" was scaled to 5 and to 7, and a task of it failed; rewound to now."""
    recorder = Recorder(place, cluster.clock, gather_s=0.01)
    app = dashboard_of(cluster, recorder=recorder)
    async with app.run_test(size=size) as pilot:
        await until_live(app, pilot)
        for replicas in (5, 7):
            await scale(pilot, app, cluster, replicas)
        task = next(iter(app._session.mirror.tasks_of_service(web(cluster).id)))
        cluster.advance(30)

        def fail(changed: objects_pb2.Task) -> None:
            changed.status.state = types_pb2.FAILED
            changed.status.err = "task: non-zero exit (137)"

        cluster.update(objects_pb2.Task, task.id, fail)
        await until(pilot, lambda: app._session.mirror.get(objects_pb2.Task, task.id).status.err)  # type: ignore[union-attr]
        await press(pilot, "ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, RewindScreen) and past_of(app).is_mounted)
        yield app, pilot
    recorder.close()


async def test_steps_lead_through_what_happened(cluster: FakeCluster, tmp_path: Path) -> None:
    """From now `,` leads back through every change and `.` on again; at either end a sentence says so."""
    async with rewound(cluster, tmp_path) as (app, pilot):
        assert replicas_shown(app) == 7
        seen = []
        for _ in range(3):
            await press(pilot, "comma")
            seen.append(replicas_shown(app))
        assert seen == [7, 5, 12], "the failure is taken back first"
        await press(pilot, "comma")
        await until(pilot, lambda: any("first moment" in one.message for one in app._notifications))
        await press(pilot, "full_stop")
        assert replicas_shown(app) == 5


async def test_the_moment_of_now_is_told_at_once(cluster: FakeCluster, tmp_path: Path) -> None:
    """Before any step: the line of time, and what happened in the half minute before."""
    async with rewound(cluster, tmp_path) as (app, pilot):
        await until(pilot, lambda: "failed" in screen_text(app) and "ctrl+t live" in screen_text(app))
        assert "nothing happened" not in screen_text(app)


async def test_incidents_are_leapt_to(cluster: FakeCluster, tmp_path: Path) -> None:
    """`<` goes to the failure from now, and says so when there is none before."""
    async with rewound(cluster, tmp_path) as (app, pilot):
        await press(pilot, "less_than_sign")
        failures = [t for t in past_of(app).session.mirror.tasks_of_service(web(cluster).id) if t.status.err]
        assert [one.status.state for one in failures] == [types_pb2.FAILED]


async def test_nothing_in_the_past_reaches_the_cluster(cluster: FakeCluster, tmp_path: Path) -> None:
    """Every verb that changes something is refused with a sentence, offered in no key bar, and no call is made."""
    async with rewound(cluster, tmp_path) as (app, pilot):
        runner, calls = past_of(app).runner, len(cluster.calls)
        changing = [verb for verb in runner.verbs if verb.changes and runner.applies(verb)]
        assert {"list.scale", "list.restart", "list.remove"} <= {verb.id for verb in changing}
        assert not {verb.id for verb in changing} & {key.action for key in runner.offered()}
        for verb in changing:
            if verb.keys:
                await press(pilot, verb.keys[0])
            else:
                runner.run(verb.id)
            sentence = f"“{verb.label}” changes the cluster, and this is the past"
            await until(pilot, lambda: any(sentence in one.message for one in app._notifications))  # noqa: B023
            assert isinstance(app.screen, RewindScreen), verb.id
        bar = past_of(app).desk.command
        assert isinstance(bar, CommandBar) and "this is the past" in bar.accept("scale svc/web +3")
        assert [name for name, _ in cluster.calls[calls:] if "List" not in name and "Raft" not in name] == []


async def test_the_same_key_leads_back_to_now(cluster: FakeCluster, tmp_path: Path) -> None:
    """ctrl+t is now again, in the view that was gone to in the past; so is q at the beginning of the way."""
    async with rewound(cluster, tmp_path) as (app, pilot):
        await press(pilot, "3")
        assert past_of(app).navigator.here.view == "services"
        await press(pilot, "ctrl+t")
        await until(pilot, lambda: not isinstance(app.screen, RewindScreen))
        await until(pilot, lambda: app._main.navigator.here.view == "services")
        await press(pilot, "ctrl+t")
        await until(
            pilot,
            lambda: isinstance(app.screen, RewindScreen) and past_of(app).navigator.here.view == "services",
        )
        await press(pilot, "q", "q")
        await until(pilot, lambda: not isinstance(app.screen, RewindScreen))


async def test_what_is_different_now_stands_beside(cluster: FakeCluster, tmp_path: Path) -> None:
    """Beside the past stands what became different since, and what happened around the moment."""
    async with rewound(cluster, tmp_path) as (app, pilot):
        assert not [one for one in past_of(app).past.differences() if one.name == "web"]
        for _ in range(2):
            await press(pilot, "comma")
        texts = {one.name: one.text for one in past_of(app).past.differences()}
        assert "scaled 5 → 7" in texts["web"]
        assert [one.text for one in past_of(app).past.around if one.name == "web"] == [
            "scaled 12 → 5",
            "scaled 5 → 7",
        ]


async def command(pilot: Pilot[None], app: SwarmApp, text: str) -> None:
    """Carry out what is typed into the line of commands."""
    bar = app.screen.desk.command  # type: ignore[attr-defined]
    assert isinstance(bar, CommandBar)
    assert bar.accept(text) == ""
    await until(pilot, lambda: app.is_caught_up)


async def test_a_moment_is_typed(cluster: FakeCluster, tmp_path: Path) -> None:
    """:at takes an age, a shift from the moment shown, and what happened; what is none of them is told, and nothing moves."""
    async with rewound(cluster, tmp_path) as (app, pilot):
        await command(pilot, app, "at 45s")
        await until(pilot, lambda: replicas_shown(app) == 5)
        await command(pilot, app, "at +20s")
        await until(pilot, lambda: replicas_shown(app) == 7)
        await command(pilot, app, "at web scaled 12")
        await until(pilot, lambda: replicas_shown(app) == 5)
        await command(pilot, app, "at 2h")
        await until(pilot, lambda: any("What is known begins" in one.message for one in app._notifications))
        await command(pilot, app, "at Never")
        await until(pilot, lambda: any("'Never' is no time" in one.message for one in app._notifications))
        assert replicas_shown(app) == 5


async def test_a_moment_is_typed_from_now(cluster: FakeCluster, tmp_path: Path) -> None:
    """From now :at leads straight to the moment; to one that is not known it leads nowhere."""
    async with rewound(cluster, tmp_path) as (app, pilot):
        await press(pilot, "ctrl+t")
        await until(pilot, lambda: not isinstance(app.screen, RewindScreen))
        await command(pilot, app, "at 3h")
        await until(pilot, lambda: any("What is known begins" in one.message for one in app._notifications))
        assert not isinstance(app.screen, RewindScreen)
        await command(pilot, app, "at 45s")
        await until(pilot, lambda: isinstance(app.screen, RewindScreen) and replicas_shown(app) == 5)


async def test_then_is_compared_with_now(cluster: FakeCluster, tmp_path: Path) -> None:
    """`=` shows what differs in an object between the moment and now, line by line."""
    async with rewound(cluster, tmp_path) as (app, pilot):
        await command(pilot, app, "at 45s")
        await command(pilot, app, "compare svc/web")
        await until(pilot, lambda: "- then   + now" in screen_text(app))
        text = screen_text(app)
        assert "-    replicas: '5'" in text
        assert "+    replicas: '7'" in text


async def test_two_are_compared(cluster: FakeCluster) -> None:
    """Two that are named, or marked, are compared with each other; one alone needs the past."""
    app = dashboard_of(cluster)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_live(app, pilot)
        await command(pilot, app, "compare svc/web")
        await until(pilot, lambda: any("Mark two" in one.message for one in app._notifications))
        await command(pilot, app, "compare svc/web,api")
        await until(pilot, lambda: "- web   + api" in screen_text(app))


async def test_a_timeline_reaches_behind_the_program(cluster: FakeCluster, tmp_path: Path) -> None:
    """E tells what was recorded of the object before this program began, behind what it saw itself; of a stack, what befell its
    services."""
    cluster.update(
        objects_pb2.Service,
        web(cluster).id,
        lambda service: service.spec.annotations.labels.update({STACK_LABEL: "shop"}),
    )
    async with rewound(cluster, tmp_path):
        pass
    recorder = Recorder(tmp_path, cluster.clock, gather_s=0.01)
    app = dashboard_of(cluster, recorder=recorder)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_live(app, pilot)
        cluster.advance(3600)
        await scale(pilot, app, cluster, 3)
        await command(pilot, app, "timeline svc/web")
        await until(pilot, lambda: "scaled 7 → 3" in screen_text(app) and "scaled 5 → 7" in screen_text(app))
        assert "task failed" in screen_text(app)
        await press(pilot, "escape")
        await command(pilot, app, "timeline stack/shop")
        await until(pilot, lambda: "scaled 5 → 7" in screen_text(app) and "stack shop" in screen_text(app))
    recorder.close()


async def test_logs_are_those_of_the_moment(cluster: FakeCluster, tmp_path: Path) -> None:
    """In the past `l` shows what was written until the moment; a step on shows what came until then."""
    async with rewound(cluster, tmp_path) as (app, pilot):
        task = next(one for one in cluster.all(objects_pb2.Task) if one.service_id == web(cluster).id)
        for ago_s in (75, 50, 15):
            at_ns = cluster.now_ns - ago_s * 1_000_000_000
            cluster.log_lines(log_line(task, f"written {ago_s} s ago", at_ns=at_ns))
        await press(pilot, "comma", "comma")
        assert replicas_shown(app) == 5
        await command(pilot, app, "logs svc/web")
        await until(pilot, lambda: "written 75 s ago" in screen_text(app))
        assert "written 50" not in screen_text(app)
        await press(pilot, "full_stop")
        await until(pilot, lambda: "written 50 s ago" in screen_text(app))
        assert "written 15" not in screen_text(app)


async def test_playing_ends_at_the_newest(cluster: FakeCluster, tmp_path: Path) -> None:
    """`;` lets time go on from the moment, over idle times at once, and stops at the end by itself."""
    async with rewound(cluster, tmp_path) as (app, pilot):
        for _ in range(3):
            await press(pilot, "comma")
        assert replicas_shown(app) == 12
        await press(pilot, "semicolon")
        await until(pilot, lambda: replicas_shown(app) == 7 and not past_of(app).past.is_playing)


async def test_without_a_journal_it_says_so(cluster: FakeCluster) -> None:
    """Where nothing is recorded ctrl+t says why, and the dashboard goes on."""
    app = dashboard_of(cluster)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_live(app, pilot)
        await press(pilot, "ctrl+t")
        await until(pilot, lambda: any("Nothing is recorded" in one.message for one in app._notifications))
        assert not isinstance(app.screen, RewindScreen)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (250, 70)])
async def test_it_fits(cluster: FakeCluster, tmp_path: Path, size: tuple[int, int]) -> None:
    """At every size the views, the line of time and the lists beside have room."""
    async with rewound(cluster, tmp_path, size) as (app, pilot):
        screen = past_of(app)
        home = screen.navigator.view
        assert isinstance(home, DashboardView)
        await until(pilot, lambda: home.services.table.size.height)
        assert screen.query_one("#scrubber").size == (size[0], 3)
        assert home.services.table.size.width >= 40
        beside = screen.since.notes.size, screen.around.notes.size
        assert all(one.width >= 20 and one.height >= 2 for one in beside) or size == (60, 15), beside
