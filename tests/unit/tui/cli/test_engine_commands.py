"""`engine`, `container`, `image`, and `volume` and `network` with --engine, on fake engines (docs/design/engine-commands.md)."""

import asyncio
import json
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from swarm_core.engines.api import EngineApi
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.engine_command_line import Run, command_line_over
from swarm_testkit.factories import make_node
from swarm_testkit.fake_engines.beside import Beside, engines_beside
from swarm_testkit.fake_engines.engine import About, FakeEngine
from swarm_testkit.fake_engines.serving import FakeEngines
from swarm_tui.cli import main

IMAGE = "busybox:local"


@pytest.fixture(scope="module")
def engines() -> Iterator[Beside]:
    """Two engines with three containers each, and a third that listens no more."""
    with TemporaryDirectory(prefix="fe-") as directory:
        with engines_beside(Path(directory), 3, containers=3) as beside:
            beside.wait(lambda engines: engines.vanish(2))
            yield beside


@pytest.fixture
def run(
    engines: Beside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """The command line, of a person whose list has the engines h0, h1 and, unhealthy, h2."""
    return command_line_over(engines.urls, tmp_path, monkeypatch, capfd)


def started(engine: FakeEngine, name: str, *words: str, **labels: str) -> str:
    """A container of this name that was started; its id."""
    one = engine.create(name, {"Image": IMAGE, "Cmd": list(words or ("sleep", "9")), "Labels": labels})
    engine.running.start(one)
    return one.id


def test_engines_are_added_listed_and_taken_away(run: Run, tmp_path: Path) -> None:
    """16.1.1: the list is a file of its owner alone, and keeps what else is in it."""
    path = tmp_path / "swarm-tui" / "engines.toml"
    path.write_text("# mine\n" + path.read_text())
    assert run("engine", "add", "far", "ssh://ana@far.example", "--label", "rack=a").out == "far\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert '[engines."far"]\nurl = "ssh://ana@far.example"\nlabels = { "rack" = "a" }' in path.read_text()
    again = run("engine", "add", "far", "tcp://1.2.3.4")
    assert (again.code, "There is an engine 'far' already" in again.err) == (1, True)
    assert run("engine", "rm", "far").out == "far\n"
    assert path.read_text().startswith("# mine\n") and "far" not in path.read_text()
    gone = run("engine", "rm", "far")
    assert (gone.code, "There is no engine 'far'" in gone.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("x", "http:/a"), "names no machine"),
        (("x", "ftp://a"), "begins with none of unix://, tcp:// and ssh://"),
        (("a b", "tcp://a"), "has a name with other signs"),
        (("x", "tcp://a", "--tlscert", "c"), "needs both a certificate and its key"),
        (
            ("x", "unix:///a", "--tlscacert", "c"),
            "has certificates, and an address that is reached without TLS",
        ),
    ],
)
def test_what_can_be_no_engine_is_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    """16.1.2: with its reason, and nothing is written."""
    told = run("engine", "add", *words)
    assert told.code == 2
    assert said in told.err


def test_each_engine_has_its_word(run: Run) -> None:
    """16.2.1: states in one list, with what is wrong; an engine in maintenance says so."""
    assert run("engine", "maintain", "h1").out == "h1\n"
    lines = run("engine", "ls").lines
    assert lines[0].split() == [
        "ENGINE",
        "STATE",
        "VERSION",
        "CONTAINERS",
        "IMAGES",
        "CPUS",
        "MEMORY",
        "ADDRESS",
        "NOTE",
    ]
    assert lines[1].split()[:3] == ["h0", "healthy", "20.10.24"]
    assert lines[2].split()[:2] == ["h1", "maintenance"]
    assert lines[3].split()[:2] == ["h2", "unhealthy"] and "does not answer" in lines[3]
    assert run("engine", "maintain", "h1", "--off").code == 0
    shown = run("engine", "ls", "--engine", "h1", "--format", "{{.Name}} {{.Status}} {{.CPUs}}")
    assert shown.out == "h1 healthy 4\n"
    (row,) = (json.loads(line) for line in run("engine", "ls", "--engine", "h0", "--format", "json").lines)
    assert (row["Name"], row["Hostname"], row["CPUs"]) == ("h0", "host-0", 4)
    (whole,) = json.loads(run("engine", "inspect", "h0").out)
    assert (whole["Name"], whole["Info"]["Name"]) == ("h0", "host-0")


def test_containers_are_listed_with_their_engine(run: Run) -> None:
    """16.2.2: docker's columns, the engine in front; one that is away is told and left out."""
    told = run("container", "ls")
    assert told.code == 0
    titles = ["ENGINE", "CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert told.lines[0].split() == titles
    assert {line.split()[0] for line in told.lines[1:]} == {"h0", "h1"}
    assert told.err.startswith("h2 is left out: the container engine at ")
    names = run(
        "container", "ls", "--engine", "h1", "--filter", "name=db", "--format", "{{.Engine}}/{{.Names}}"
    )
    assert (names.out, names.err) == ("h1/db-1\n", "")
    (row,) = run("container", "ls", "--engine", "h0", "--filter", "name=web", "--format", "json").lines
    assert json.loads(row)["State"] == "running"
    (short,) = run("container", "ls", "-q", "--engine", "h0", "--filter", "name=web").lines
    (whole,) = run("container", "ls", "-q", "--no-trunc", "--engine", "h0", "--filter", "name=web").lines
    assert len(short) == 12 and whole.startswith(short)


def test_where_no_engine_answers_the_command_fails(run: Run) -> None:
    """16.2.3: exit code 1, and each engine's sentence."""
    told = run("container", "ls", "--engine", "h2")
    assert told.code == 1
    assert "h2 is left out" in told.err and told.err.endswith("Error: No engine answers.\n")


def test_engines_may_be_named_in_place_of_the_list(run: Run, engines: Beside, tmp_path: Path) -> None:
    """16.1.3: addresses, a file, docker's contexts; what is called by its address shows the name that it has."""
    by_address = run("container", "ls", "--engines", engines.urls[0], "--format", "{{.Engine}}")
    assert set(by_address.lines) == {"host-0"}
    path = tmp_path / "other.toml"
    path.write_text(f'[engines.one]\nurl = "{engines.urls[1]}"\n')
    assert set(run("container", "ls", "--engines", str(path), "--format", "{{.Engine}}").lines) == {"one"}
    unknown = run("container", "ls", "--engines", "nobody")
    assert (unknown.code, unknown.err) == (1, "Error: Docker has no context 'nobody'; known are: default.\n")
    twice = run("container", "ls", "--engines", f"{engines.urls[0]},{engines.urls[0]}")
    assert twice.code == 2 and "twice" in twice.err
    stranger = run("container", "ls", "--engine", "nobody")
    assert stranger.code == 1 and "No such engine: nobody; known are: h0, h1, h2." in stranger.err


def test_without_a_list_one_is_told_how_to_make_it(run: Run, tmp_path: Path) -> None:
    """16.1.4: the sentence names the command."""
    (tmp_path / "swarm-tui" / "engines.toml").unlink()
    told = run("engine", "ls")
    assert (told.code, "swarm-tui engine add NAME URL" in told.err) == (1, True)


def test_the_dashboard_of_engines_alone(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """18.1.7: it needs a terminal, and engines; each is told in one sentence."""
    told = run("engine", "ui")
    assert (told.code, told.out) == (2, "") and told.err.startswith("Error: The dashboard needs a terminal")
    with monkeypatch.context() as wish:
        wish.setenv("SWARM_TUI_PLAIN", "1")
        plain = run("engine", "ui")
    assert plain.code == 2 and "'swarm-tui engine ls'" in plain.err
    (tmp_path / "swarm-tui" / "engines.toml").unlink()
    none = run("engine", "ui")
    assert (none.code, len(none.err.splitlines())) == (1, 1) and "swarm-tui engine add NAME URL" in none.err


def test_a_name_that_several_engines_have_is_refused(run: Run) -> None:
    """16.2.4: until it names one, by prefix or by option."""
    told = run("container", "inspect", "db-1")
    assert told.code == 1
    assert "h0/db-1, h1/db-1" in told.err and "Write ENGINE/NAME" in told.err
    by_prefix = json.loads(run("container", "inspect", "h1/db-1").out)
    by_option = json.loads(run("container", "inspect", "--engine", "h1", "db-1").out)
    assert by_prefix == by_option and by_prefix[0]["Engine"] == "h1"
    absent = run("container", "inspect", "nobody")
    assert (absent.code, absent.err) == (1, "Error: No such container: nobody. h2 could not be asked.\n")


def test_containers_are_stopped_killed_and_removed(run: Run, engines: Beside) -> None:
    """16.2.5: on the engine that has each; what fails is told and the rest is done."""
    id_ = engines.do(lambda some: started(some[1], "to-stop"))
    engines.do(lambda some: started(some[0], "to-kill"))
    assert run("container", "stop", "-t", "0", "to-stop").out == "to-stop\n"
    assert engines.do(lambda some: some[1].containers[id_].status) == "exited"
    assert run("container", "kill", "to-kill").out == "to-kill\n"
    told = run("container", "kill", "to-kill", "h0/web-0x")
    assert (
        told.code == 1
        and "Could not kill to-kill: it does not run." in told.err
        and "No such container: h0/web-0x" in told.err
    )
    assert run("container", "rm", "to-stop", "to-kill").lines == ["to-stop", "to-kill"]
    assert engines.do(lambda some: id_ in some[1].containers) is False


def test_what_runs_is_removed_by_force_alone(run: Run, engines: Beside) -> None:
    """What runs is named, and --force."""
    engines.do(lambda some: started(some[0], "runs"))
    told = run("container", "rm", "runs")
    assert told.code == 1 and "Could not remove runs: it runs; stop it first, or say --force." in told.err
    assert run("container", "rm", "-f", "runs").out == "runs\n"


def test_a_task_s_container_is_left_to_its_service(run: Run, engines: Beside) -> None:
    """16.2.6: the sentence names the service."""
    labels = {"com.docker.swarm.service.name": "web"}
    engines.do(lambda some: started(some[0], "web.1.abc", **labels))
    told = run("container", "rm", "-f", "web.1.abc")
    assert (told.code, "belongs to the service web" in told.err) == (1, True)


def test_a_change_needs_the_level_of_its_plan(run: Run) -> None:
    """16.2.7: below it nothing is asked of any engine."""
    for needed, *words in (
        (1, "container", "stop", "x"),
        (2, "container", "run", "x"),
        (2, "volume", "create", "--engine", "h0", "x"),
        (2, "image", "pull", "x"),
        (2, "engine", "maintain", "h0"),
        (2, "engine", "rm", "h0"),
        (3, "container", "rm", "x"),
        (3, "container", "exec", "x", "ls"),
        (3, "image", "prune", "-f"),
        (3, "network", "rm", "--engine", "h0", "x"),
    ):
        told = run("--level", str(needed - 1), *map(str, words))
        assert (told.code, f"it needs level {needed}" in told.err) == (1, True), told


def test_logs_of_both_streams(run: Run, engines: Beside) -> None:
    """16.2.8: errors apart, the last lines alone where asked."""
    engines.do(lambda some: started(some[0], "talks", "sh", "-c", "echo one; echo two; echo oops >&2"))
    told = run("container", "logs", "talks")
    assert (told.code, told.out, told.err) == (0, "one\ntwo\n", "oops\n")
    assert run("container", "logs", "--tail", "2", "talks").out == "two\n"
    assert run("container", "logs", "--tail", "x", "talks").code == 2


def test_a_command_in_a_container(run: Run, engines: Beside) -> None:
    """16.2.9: its output, its errors apart, its exit code."""
    engines.do(lambda some: started(some[1], "inside"))
    told = run("container", "exec", "inside", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (told.code, told.out, told.err) == (7, "out\n", "err\n")
    idle = run("container", "exec", "-d", "inside", "sleep", "9")
    assert (idle.code, idle.out) == (0, "")


def test_processes_of_a_container(run: Run) -> None:
    """docker's table."""
    lines = run("container", "top", "h0/web-0").lines
    assert lines[0].split()[-1] == "CMD" and lines[1].endswith("sleep 1000000")


def test_images_are_pulled_everywhere_and_removed(run: Run, engines: Beside) -> None:
    """16.2.10: on each engine that lives; one that cannot is told, and the command fails."""
    engines.do(lambda some: [one.pullable.add("new:1") for one in some])
    told = run("image", "pull", "--engine", "h0", "--engine", "h1", "new:1")
    assert (told.code, told.lines) == (
        0,
        [f"{name}: Status: Downloaded newer image for new:1" for name in ("h0", "h1")],
    )
    listed = run(
        "image", "ls", "--filter", "reference=new", "--format", "{{.Engine}} {{.Repository}}:{{.Tag}}"
    )
    assert listed.lines == ["h0 new:1", "h1 new:1"]
    removed = run("image", "rm", "new:1")
    assert removed.code == 0 and [line for line in removed.lines if "Untagged" in line] == [
        "h0: Untagged: new:1",
        "h1: Untagged: new:1",
    ]
    refused = run("image", "pull", "--engine", "h0", "no-such:1")
    assert refused.code == 1 and "Could not pull no-such:1 on h0: pull access denied" in refused.err


def test_images_that_nobody_uses_are_pruned(run: Run, engines: Beside) -> None:
    """The nameless ones; with --all every one without a container."""
    engines.do(lambda some: [one.add_image(size=10 << 20) for one in list(some)[:2]])
    told = run("image", "prune", "-f", "--engine", "h0", "--engine", "h1")
    assert told.lines == [f"{name}: 1 image removed, 10M freed" for name in ("h0", "h1")]


def test_volumes_of_engines(run: Run) -> None:
    """16.2.11: made, listed, inspected and removed where --engine says."""
    assert run("volume", "create", "--engine", "h0", "--label", "a=b", "data").out == "h0: data\n"
    listed = run("volume", "ls", "--engine", "all", "--filter", "label=a")
    assert listed.lines == ["ENGINE   DRIVER   VOLUME NAME", "h0       local    data"]
    assert json.loads(run("volume", "inspect", "--engine", "all", "data").out)[0]["Labels"] == {"a": "b"}
    assert run("volume", "rm", "--engine", "h0", "data").out == "data\n"
    refused = run("volume", "create", "--engine", "h0", "--group", "g", "data")
    assert (refused.code, "--group is for the cluster's objects" in refused.err) == (2, True)


def test_networks_of_engines(run: Run) -> None:
    """The same, with a driver of the engine's where none is named."""
    made = run("network", "create", "--engine", "h1", "--internal", "front")
    assert made.out.startswith("h1: ")
    (row,) = run("network", "ls", "--engine", "all", "--filter", "name=front", "--format", "json").lines
    assert (json.loads(row)["Driver"], json.loads(row)["Internal"]) == ("bridge", "true")
    assert run("network", "rm", "--engine", "all", "front").out == "front\n"


def test_past_events_come_in_the_order_of_time(run: Run, engines: Beside) -> None:
    """16.2.12: of all engines, with the engine in front."""
    for number in (0, 1, 0):
        engines.do(lambda some, at=number: started(some[at], f"order-{at}-{some[at].events.count}"))
    words = ("--since", "1h", "--until", "0s", "--filter", "event=create", "--filter", "type=container")
    told = run("engine", "events", *words)
    mine = [line for line in told.lines if "name=order-" in line]
    assert [line.split()[0] for line in mine] == ["h0", "h1", "h0"]
    assert " container create " in mine[0]


def test_containers_are_started_paused_and_restarted(run: Run, engines: Beside) -> None:
    """16.2.5: each on the engine that has it."""
    id_ = engines.do(lambda some: started(some[1], "to-pause"))

    def status() -> str:
        return engines.do(lambda some: some[1].containers[id_].status)

    for verb, is_now in (
        ("pause", "paused"),
        ("unpause", "running"),
        ("stop", "exited"),
        ("start", "running"),
    ):
        assert run("container", verb, "to-pause").out == "to-pause\n"
        assert status() == is_now
    before = engines.do(lambda some: some[1].counters.by_path.get("POST /containers/{name}/restart", 0))
    assert run("container", "restart", "--timeout", "0", "h1/to-pause").out == "h1/to-pause\n"
    assert status() == "running"
    assert engines.do(lambda some: some[1].counters.by_path["POST /containers/{name}/restart"]) == before + 1
    assert run("container", "rm", "-f", "to-pause").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ("container", "stop", "h0/web-0"),
            2,
            "Stop container web-0   level 1 operate · reversible\n  ~ h0/web-0: stopped\n    Taken back by: swarm-tui container start h0/web-0",
        ),
        (("container", "start", "h0/web-0"), 0, "Nothing would change: web-0 runs already."),
        (("container", "kill", "-s", "HUP", "h0/web-0"), 2, "kill --signal HUP web-0"),
        (
            ("container", "restart", "h0/web-0"),
            2,
            "Restart container web-0   level 1 operate · cannot be taken back",
        ),
        (("container", "pause", "h0/web-0"), 2, "Taken back by: swarm-tui container unpause h0/web-0"),
        (
            ("container", "rm", "-f", "-v", "h0/web-0"),
            2,
            "~ h0/web-0: removed, with its nameless volumes",
        ),
        (
            ("volume", "create", "--engine", "h1", "dry"),
            2,
            "Create volume dry   level 2 configure · reversible\n  ~ h1: volume dry made",
        ),
        (("network", "create", "--engine", "h1", "bridge"), 0, "h1 has a network bridge already"),
        (
            ("image", "pull", "--engine", "h0", "x"),
            2,
            "Pull x:latest   level 2 configure · reversible\n  ~ h0: x:latest pulled",
        ),
        (
            ("image", "rm", "-f", "--engine", "h0", IMAGE),
            2,
            f"Remove image {IMAGE}   level 3 impact · comes back with another id",
        ),
        (("image", "prune", "--engine", "h0"), 0, "h0 has no image that nobody uses"),
        (("engine", "add", "far", "ssh://far"), 2, "Taken back by: swarm-tui engine rm far"),
        (("engine", "rm", "h0"), 2, "Taken back by: swarm-tui engine add h0 unix://"),
        (("engine", "maintain", "h0"), 2, "Maintain engine h0   level 2 configure · reversible"),
        (("engine", "maintain", "--off", "h0"), 0, "h0 takes new containers again already"),
    ],
)
def test_a_dry_run_changes_nothing(
    run: Run, engines: Beside, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    """16.2.7: what would be done, with which way back and docker's command; 2 where something would change."""
    before = ((tmp_path / "swarm-tui" / "engines.toml").read_text(), engines.do(lambda some: posted(some)))
    told = run("--level", "0", *words, "--dry-run")
    assert (told.code, said in told.out) == (code, True), told
    after = ((tmp_path / "swarm-tui" / "engines.toml").read_text(), engines.do(lambda some: posted(some)))
    assert before == after


def posted(engines: Iterable[FakeEngine]) -> list[int]:
    """How often each engine was asked to change something."""
    return [
        sum(count for path, count in one.counters.by_path.items() if not path.startswith(("GET ", "HEAD ")))
        for one in engines
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("container", "rm", "h0/web-0"),
            "Could not remove web-0: it runs; stop it first, or say --force.",
        ),
        (("container", "unpause", "h0/web-0"), "it is running"),
        (("network", "rm", "--engine", "h1", "bridge"), "its engine brings it"),
        (("container", "stop", "nobody"), "No such container: nobody"),
        (("image", "rm", "--engine", "h0", IMAGE), "use it; say --force"),
        (("image", "pull", "--engine", "h2", "x"), "Could not pull x:latest on h2: engine h2 is unhealthy"),
    ],
)
def test_a_dry_run_says_what_would_be_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    """16.2.7: with exit code 1."""
    told = run(*words, "--dry-run")
    assert (told.code, said in told.err) == (1, True), told


def test_engines_of_the_swarm_s_nodes(
    engines: Beside, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """16.1.6: each node's label names its engine; without labels one is told how to set one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    nodes = FakeCluster()
    command = CommandLine(nodes, capfd)
    none = command("engine", "ls", "--engines", "swarm")
    assert none.code == 1 and "--label-add swarmtui.engine=" in none.err
    for name, number in (("n1", 0), ("n2", 1)):
        node = make_node(name)
        node.description.hostname = name
        node.spec.annotations.labels["swarmtui.engine"] = engines.urls[number]
        nodes.put(node)
    told = command("engine", "ls", "--engines", "swarm", "--format", "{{.Name}} {{.Status}}")
    assert told.lines == ["n1 healthy", "n2 healthy"]


def test_addresses_with_a_range_and_files_of_addresses(run: Run, engines: Beside, tmp_path: Path) -> None:
    """16.1.3: as classic Swarm's lists."""
    directory = Path(engines.urls[0].removeprefix("unix://")).parent
    told = run("engine", "ls", "--engines", f"unix://{directory}/[0:1].sock", "--format", "{{.Name}}")
    assert told.lines == ["host-0", "host-1"]
    path = tmp_path / "list"
    path.write_text(f"# two\n{engines.urls[0]}\n{engines.urls[1]}\n")
    assert run("engine", "ls", "--engines", str(path), "--format", "{{.Name}}").lines == ["host-0", "host-1"]


def test_bad_engines_have_one_word_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """16.2.1, 16.2.3: each its word in the list; the rest goes on, with times by our clock."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    async def spoil(some: FakeEngines) -> None:
        await some.add(About("old", api="1.10", oldest_api="1.5"))
        some[1].faults.garbage, some[2].faults.garbage = "bytes", "half"
        some[3].faults.skew_s, some[4].faults.error = 3600.0, 500
        some[5].id = some[0].id
        one = some[3].create("ahead", {"Image": IMAGE, "Cmd": ["sleep", "9"]})
        assert one.created == pytest.approx(time.time() + 3600, abs=60)

    names = ("good", "bytes", "half", "clock", "refuses", "twin", "old")
    with TemporaryDirectory(prefix="fe-") as directory, engines_beside(Path(directory), 6) as beside:
        beside.wait(spoil)
        urls = beside.do(lambda some: [engine.url for engine in some])
        path = tmp_path / "bad.toml"
        path.write_text(
            "[engines]\n" + "".join(f'{name} = "{url}"\n' for name, url in zip(names, urls, strict=True))
        )
        assert main.run(("engine", "ls", "--engines", str(path))) == 0
        rows = capfd.readouterr().out.splitlines()
        assert main.run(("container", "ls", "-a", "--engines", str(path))) == 0
        listed = capfd.readouterr()
    assert len(rows) == 1 + len(names)
    words = {name: word for name, word, *_ in (row.split() for row in rows[1:])}
    assert {words.pop("good"), words.pop("twin")} == {"healthy", "duplicate"}  # whoever answered first
    assert words == {
        "bytes": "garbled",
        "half": "unhealthy",
        "clock": "skewed",
        "refuses": "refused",
        "old": "incompatible",
    }
    assert "its clock is 1 h ahead of ours" in next(row for row in rows if row.startswith("clock"))
    assert "ahead" in listed.out and ("seconds ago" in listed.out or "second ago" in listed.out)
    assert len([line for line in listed.err.splitlines() if " is left out: " in line]) == 5


def test_a_change_that_is_not_answered_is_told_and_fails(
    run: Run, engines: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """16.2.5: the other engine's container is killed; of this one it is said that nobody knows."""
    held, post = asyncio.Event(), EngineApi.post

    def hold(fakes: FakeEngines) -> str:
        started(fakes[1], "quick")
        path = f"/containers/{started(fakes[0], 'held')}/kill"
        fakes[0].faults.holds[path] = held
        return path

    path = engines.do(hold)

    async def impatient(api: EngineApi, asked: str, *more: Any, **named: Any) -> Any:
        # Of the one that is held alone: a busy machine may take as long for the other.
        return await post(api, asked, *more, **(named | {"timeout": 0.2} if asked == path else named))

    monkeypatch.setattr(EngineApi, "post", impatient)
    try:
        told = run("container", "kill", "h0/held", "h1/quick")
    finally:
        engines.do(lambda fakes: (held.set(), fakes[0].faults.holds.pop(path)))
    assert (told.code, told.out) == (1, "h1/quick\n")
    assert "Kill held: h0 did not answer within 0.2 s; whether it was done is not known." in told.err
