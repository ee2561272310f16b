"""Real nodes and a real Prometheus that scrapes them, with the dashboard's own questions."""

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.figures import series_names
from swarm_testkit.free_ports import free_port
from swarm_testkit.pace import LEAST_S
from swarm_testkit.programs import AGENTD, TUI, run
from swarm_testkit.prometheus import prometheus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.xdist_group("metrics")]
DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana" / "swarm-tui.json"


def ask(address: str, path: str) -> tuple[int, str]:
    """Status and body; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


@dataclass(frozen=True, slots=True)
class Pair:
    """A manager and a worker, and where each is asked."""

    manager: Daemon
    worker: Daemon
    asked: tuple[str, str]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Both ready, with a service whose tasks run."""
    with private_directory() as directory:
        asked = (f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}")
        manager = Daemon(
            directory / "m", "--metrics-addr", asked[0], "--log-format", "json", "--log-level", "debug"
        )
        manager.start()
        nodes = [manager]
        try:
            is_ready(asked[0], manager)
            token = say(manager, "cluster", "join-token", "-q", "worker").strip()
            (directory / "daemon.json").write_text(json.dumps({"metrics-addr": asked[1]}))
            worker = Daemon(
                directory / "w", "--join-addr", manager.address, "--join-token", token,
                "--config-file", str(directory / "daemon.json"),
            )  # fmt: skip
            nodes.append(worker.start())
            is_ready(asked[1], worker)
            say(
                manager,
                "service",
                "create",
                "--name",
                "web",
                "-d",
                "--replicas",
                "4",
                "--runtime",
                "process",
                "--",
                "sleep",
                "600",
            )
            yield Pair(manager, worker, asked)
        finally:
            for node in nodes:
                node.destroy()


def say(manager: Daemon, *words: str) -> str:
    outcome = run((*TUI, "--socket", str(manager.socket), *words))
    assert outcome.code == 0, outcome.err
    return outcome.out


def is_ready(address: str, node: Daemon) -> None:
    try:
        wait_until(lambda: ask(address, "/readyz")[0] == 200, seconds=90, what=f"{node.state.name} is ready")
    except TimeoutError as error:
        raise AssertionError(f"{error}\n{ask(address, '/readyz')}\n{node.tail()}") from None


def test_prometheus_scrapes_manager_and_worker(pair: Pair) -> None:
    """It takes every series of both; all are of the page; what it counts is so; and it understands each question of the dashboard."""
    job = {
        "job_name": "swarm",
        "scrape_interval": "1s",
        "static_configs": [{"targets": list(pair.asked)}],
    }
    manager, worker = pair.asked
    with prometheus([job]) as server:
        wait_until(
            lambda: (
                {(one.labels["instance"], one.value) for one in server.samples("up")}
                == {(manager, 1), (worker, 1)}
            ),
            seconds=60,
            what="both are up",
        )
        running = f'swarm_manager_tasks_total{{instance="{manager}",state="running"}}'
        wait_until(
            lambda: [one.value for one in server.samples(running)] == [4], seconds=60, what="four tasks"
        )
        wait_until(
            lambda: sum(one.value for one in server.samples('swarm_agent_tasks{state="running"}')) == 4,
            seconds=60,
            what="both agents tell of them",
        )
        names = {one.labels["instance"]: set[str]() for one in server.samples("up")}
        # On a busy machine a scrape may take longer than it may, and then there is nothing of this moment.
        for one in server.samples('last_over_time({job="swarm"}[1m])'):
            names[one.labels["instance"]].add(one.labels["__name__"])
        own = {"up"} | {name for name in names[worker] if name.startswith("scrape_")}
        assert names[manager] - own == series_names()
        assert names[worker] - own == {
            name for name in series_names() if name.startswith(("swarm_node_", "swarm_agent_", "process_"))
        }
        sessions = server.samples("last_over_time(swarm_dispatcher_sessions[1m])")
        assert [one.value for one in sessions] == [2]
        for query in questions():
            server.samples(query)
        wait_until(
            lambda: [one.value for one in server.samples(questions()[0])] == [1],
            seconds=60,
            what="one leader",
        )


def questions() -> list[str]:
    """Those of the dashboard, of every node."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [one.replace("$instance", ".*").replace("$__rate_interval", "1m") for one in found]


def test_top_managers(pair: Pair) -> None:
    """A manager tells of itself what it has counted."""
    (line,) = say(pair.manager, "top", "managers", "--no-stream", "--format", "json").splitlines()
    told = json.loads(line)
    assert (
        told["Leader"] is True and told["Applied"] > 0 and told["Memory"] > 1 << 20 and told["Trouble"] == ""
    )
    assert 0 < told["FsyncP99"] <= 5 and told["CallsPerSecond"] > 0


def test_health_follows_what_happens(pair: Pair) -> None:
    """A manager's process that dies is told of and comes back; a worker without a manager answers and is not ready; both are well again."""
    manager, worker = pair.asked
    starts = starts_of(manager)
    assert pair.manager.kill_manager()
    is_missed(manager)
    is_ready(manager, pair.manager)
    assert starts_of(manager) == starts + 1
    pair.manager.stop()
    wait_until(lambda: ask(worker, "/readyz")[0] == 503, what="the manager is missed by the worker")
    assert "[-]session failed" in ask(worker, "/readyz")[1]
    assert ask(worker, "/healthz") == (200, "ok\n")
    assert ask(manager, "/healthz")[0] == 0
    pair.manager.start()
    is_ready(manager, pair.manager)
    is_ready(worker, pair.worker)


def starts_of(address: str) -> int:
    found = re.search(r"^swarm_node_manager_starts_total (\S+)$", ask(address, "/metrics")[1], re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def test_the_log_is_json_and_its_level_changes(pair: Pair) -> None:
    """Each line of both processes is an object that names the node, and the call where it belongs to one; another level holds at once, for the
    manager's process too, and for the one that is started after it."""
    lines = [json.loads(line) for line in pair.manager.log.read_text().splitlines()]
    named = [one for one in lines if one.get("node")]
    assert len({one["node"] for one in named}) == 1 and len(named) > len(lines) / 2
    assert {"swarm_agentd", "swarm_core"} <= {one["logger"].partition(".")[0] for one in named}
    session = next(one for one in lines if one["msg"].endswith("has registered"))
    assert session["call"] == "docker.swarmkit.v1.Dispatcher.Session" and session["level"] == "debug"
    where = ("--state-dir", str(pair.manager.state))
    assert run((*TUI, "log-level", *where)).out == "debug\n"
    changed = run((*TUI, "log-level", "error", *where))
    assert (changed.code, changed.out) == (0, "The node logs error and above.\n"), changed.err
    assert run((*TUI, "log-level", *where)).out == "error\n"
    starts = starts_of(pair.asked[0])
    assert pair.manager.kill_manager()
    wait_until(lambda: starts_of(pair.asked[0]) > starts, what="another manager")
    is_ready(pair.asked[0], pair.manager)
    before = pair.manager.log.stat().st_size
    say(pair.manager, "service", "scale", "-d", "web=5")
    with pair.manager.log.open() as file:
        file.seek(before)
        assert [one for one in file if json.loads(one)["level"] in ("debug", "info")] == []
    assert run((*TUI, "log-level", "info", *where)).code == 0
    assert (
        run((*TUI, "log-level", "info", "--state-dir", "/nonexistent")).err == "Error: No node runs here.\n"
    )


def is_missed(address: str) -> None:
    wait_until(lambda: ask(address, "/readyz")[0] == 503, what="the manager is missed", longest_s=LEAST_S)


def test_an_address_that_is_taken_is_one_sentence(pair: Pair, tmp_path: Path) -> None:
    """The daemon does not run without what it was asked for."""
    command = ["--state-dir", str(tmp_path / "s"), "--executor", "process", "--metrics-addr", pair.asked[0]]

    ended = subprocess.run([*AGENTD, *command], capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in ended.stderr.splitlines() if line.startswith("swarm-agentd: ")]
    assert ended.returncode == 1 and len(said) == 1 and "Address already in use" in said[0], ended.stderr
