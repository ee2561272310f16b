"""`bundle` and `open` on the command line (docs/design/journal.md 6)."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.errors import CallFailed
from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine
from swarm_core.client.watch import Action, Change, Changed, Listed
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster, log_line
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_config
from swarm_tui.cli.plumbing import ui
from swarm_tui.journal import bundle
from swarm_tui.journal.past_logs import FileLogs
from swarm_tui.journal.places import journal_of
from swarm_tui.journal.replay import PastClock, Replay
from swarm_tui.journal.writer import Writer
from swarm_tui.resources import configs
from swarm_tui.resources.refs import ONLY_CLUSTER

S = 1_000_000_000


@pytest.fixture
def fake() -> FakeCluster:
    return lively_cluster()


@pytest.fixture
def tui(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


@pytest.fixture
def journals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where this user's journals are; there is none yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return ui.journal_directory()


def _record(journals: Path, fake: FakeCluster, title: str = "prod-eu", cluster_id: str = "") -> None:
    """What a dashboard would have recorded ten minutes ago: "web" was scaled to 99."""
    (itself,) = fake.all(objects_pb2.Cluster)
    kinds = (objects_pb2.Node, objects_pb2.Service, objects_pb2.Cluster, objects_pb2.Config)
    everything = [item for kind in kinds for item in fake.all(kind)]
    web = objects_pb2.Service()
    web.CopyFrom(next(one for one in fake.all(objects_pb2.Service) if one.spec.annotations.name == "web"))
    web.spec.replicated.replicas = 99
    web.meta.version.index += 1
    writer = Writer(journal_of(journals, cluster_id or itself.id), title=title)
    start = fake.now_ns - 600 * S
    writer.take(
        [(start, Listed(tuple(everything), 1)), (start + S, Changed((Change(Action.UPDATED, web),), 2))]
    )
    writer.close()


def test_the_cluster_that_answers_is_bundled(
    fake: FakeCluster, tui: CommandLine, journals: Path, tmp_path: Path
) -> None:
    """One file with what was recorded of this cluster; a line says from when to when, and what shows it."""
    _record(journals, fake)
    _record(journals, fake, "other", "another-id")
    result = tui("bundle", str(tmp_path / "x.incident"))
    assert (result.code, result.err) == (0, "")
    assert "swarm-tui open" in result.out
    assert str(tmp_path / "x.incident") in result.out
    tape, title = bundle.open_bundle(tmp_path / "x.incident")
    with closing(tape.file):
        assert title == "prod-eu"
        assert [one.text for one in tape.marks()] == ["scaled 12 → 99"]


def test_a_cluster_is_named_where_none_answers(
    fake: FakeCluster, tui: CommandLine, journals: Path, tmp_path: Path
) -> None:
    """--of takes a name or an id, and asks nobody; a name of two, or of none, is told with what there is."""
    _record(journals, fake)
    _record(journals, fake, "prod-us", "id-2")
    for number, name in enumerate(("prod-us", "id-2")):
        assert tui("bundle", str(tmp_path / f"{number}.incident"), "--of", name, "--time", "all").code == 0
    assert fake.calls == []
    result = tui("bundle", str(tmp_path / "x"), "--of", "prod-mars")
    assert (result.code, "recorded are: " in result.err, "prod-us" in result.err) == (1, True, True)
    _record(journals, fake, "prod-us", "id-3")
    result = tui("bundle", str(tmp_path / "x"), "--of", "prod-us")
    assert (result.code, "by its id" in result.err, "id-3" in result.err) == (1, True, True)


def test_what_cannot_be_is_one_sentence(
    fake: FakeCluster, tui: CommandLine, journals: Path, tmp_path: Path
) -> None:
    """Nothing recorded, a time that is none, a file that is there, a file that is no incident, and no terminal."""
    assert tui("bundle", str(tmp_path / "x")).err == (
        "Error: Nothing is recorded of this cluster: the dashboard records while it is open.\n"
    )
    _record(journals, fake)
    result = tui("bundle", str(tmp_path / "x"), "--time", "soon")
    assert (result.code, result.err.startswith("Error: --time: ")) == (2, True)
    (tmp_path / "mine").write_text("mine")
    assert "not written over" in tui("bundle", str(tmp_path / "mine")).err
    assert "is no file" not in tui("open", str(tmp_path / "mine")).err
    assert tui("open", str(tmp_path / "mine")).code == 1
    assert tui("open", str(tmp_path / "none")).err == f"Error: There is no file {tmp_path / 'none'}.\n"
    assert tui("bundle", str(tmp_path / "x")).code == 0
    result = tui("open", str(tmp_path / "x"))
    assert (result.code, "needs a terminal" in result.err) == (2, True)


def test_contents_of_configs_are_there_if_asked_for(
    fake: FakeCluster, tui: CommandLine, journals: Path, tmp_path: Path
) -> None:
    """A config is in the file with its name, and with what is in it after --configs alone; its page says which."""
    config = make_config("site", name="site")
    config.spec.data = b"listen 8080"
    fake.put(config)
    _record(journals, fake)
    pages = []
    for number, flags in enumerate(([], ["--configs"])):
        path = tmp_path / str(number)
        assert tui("bundle", str(path), *flags).code == 0
        tape, _ = bundle.open_bundle(path)
        with closing(tape.file):
            replay = Replay(PastClock(fake.clock, tape.end_ns), ONLY_CLUSTER)
            replay.show(tape.reel(tape.end_ns), tape.end_ns)
            shown = replay.mirror.get(objects_pb2.Config, "site")
            assert shown is not None
            pages.append(repr(configs.describe(shown, replay.mirror, fake.now_ns)))
    assert ["listen 8080" in one for one in pages] == [False, True]
    assert ["bundle --configs" in one for one in pages] == [True, False]


async def _lines_in(path: Path, fake: FakeCluster) -> list[str]:
    """What the file tells of all nodes' logs at its end."""
    tape, _ = bundle.open_bundle(path)
    seen: list[LogLine] = []
    with closing(tape.file):
        query = LogQuery(service_ids=tuple(one.id for one in fake.all(objects_pb2.Service)))
        await FileLogs(path, PastClock(fake.clock, fake.now_ns)).run(query, seen.extend)
    return [line.text for line in seen]


def test_logs_are_there_if_asked_for(
    fake: FakeCluster, tui: CommandLine, journals: Path, tmp_path: Path
) -> None:
    """--logs adds the lines that the named services wrote in the time, and of no other; without it there are none."""
    _record(journals, fake)
    tasks = {task.service_annotations.name: task for task in fake.all(objects_pb2.Task)}
    now = fake.now_ns
    fake.log_lines(
        log_line(tasks["web"], "too early", at_ns=now - 3600 * S),
        log_line(tasks["web"], "GET /", at_ns=now - 60 * S),
        log_line(tasks["db"], "SELECT", at_ns=now - 50 * S),
        log_line(tasks["cache"], "not asked for", at_ns=now - 40 * S),
    )
    result = tui("bundle", str(tmp_path / "x"), "--logs", "web", "--logs", "db")
    assert (result.code, result.err) == (0, "")
    assert asyncio.run(_lines_in(tmp_path / "x", fake)) == ["GET /", "SELECT"]
    assert tui("bundle", str(tmp_path / "y")).code == 0
    with pytest.raises(CallFailed, match="no logs in this file"):
        asyncio.run(_lines_in(tmp_path / "y", fake))
    assert tui("bundle", str(tmp_path / "z"), "--logs", "nothing").code == 1
    assert tui("bundle", str(tmp_path / "z"), "--logs", "web", "--of", "prod-eu").code == 2
