"""`container run` on fake engines, and the body that it asks for (docs/design/engine-commands.md 16.3)."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from swarm_testkit.daemons import wait_until
from swarm_testkit.engine_command_line import Run, command_line_over
from swarm_testkit.fake_engines.beside import Beside, engines_beside
from swarm_testkit.fake_engines.engine import About
from swarm_testkit.fake_engines.serving import FakeEngines
from swarm_testkit.programs import TUI

IMAGE = "busybox:local"


@pytest.fixture(scope="module")
def engines() -> Iterator[Beside]:
    """Three engines without containers; the last has a label."""

    async def add(some: FakeEngines) -> None:
        await some.add(About("host-2", labels=("storage=ssd",)))

    with TemporaryDirectory(prefix="fe-") as directory:
        with engines_beside(Path(directory), 2) as beside:
            beside.wait(add)
            beside.urls = beside.do(lambda some: [engine.url for engine in some])
            yield beside


@pytest.fixture
def run(
    engines: Beside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """The command line, of a person whose list has the engines h0, h1 and h2, all empty."""
    engines.do(
        lambda some: [one.remove(held, force=True) for one in some for held in list(one.containers.values())]
    )
    return command_line_over(engines.urls, tmp_path, monkeypatch, capfd)


def counts(engines: Beside) -> list[int]:
    """How many containers each engine has."""
    return engines.do(lambda some: [len(engine.containers) for engine in some])


def made(engines: Beside, name: str) -> dict[str, Any]:
    """The container of this name as its engine shows it."""
    return engines.do(
        lambda some: next(
            one.whole() for engine in some for one in engine.containers.values() if one.name == name
        )
    )


def test_containers_are_spread(run: Run, engines: Beside) -> None:
    """16.3.1: where the fewest are; the id is what is printed."""
    ids = [run("container", "run", "-d", IMAGE, "sleep", "9") for _ in range(3)]
    assert [(told.code, len(told.out.strip())) for told in ids] == [(0, 64)] * 3
    assert counts(engines) == [1, 1, 1]


def test_containers_are_packed_where_that_is_asked(run: Run, engines: Beside) -> None:
    """16.3.1: another strategy."""
    for _ in range(3):
        assert (
            run(
                "container", "run", "-d", "--strategy", "binpack", "--memory", "64m", IMAGE, "sleep", "9"
            ).code
            == 0
        )
    assert sorted(counts(engines)) == [0, 0, 3]
    wrong = run("container", "run", "-d", "--strategy", "best", IMAGE)
    assert wrong.code == 2 and "strategy not supported: best" in wrong.err


def test_an_engine_is_chosen_by_label_or_by_name(run: Run, engines: Beside) -> None:
    """16.3.2: a constraint, and --engine, which is not kept with the container."""
    assert run("container", "run", "-d", "--constraint", "storage==ssd", IMAGE, "sleep", "9").code == 0
    assert counts(engines) == [0, 0, 1]
    assert run("container", "run", "-d", "--name", "here", "--engine", "h1", IMAGE, "sleep", "9").code == 0
    assert counts(engines) == [0, 1, 1]
    assert set(made(engines, "here")["Config"]["Labels"]) == {"com.docker.swarm.id"}


def test_where_none_fits_each_engine_s_reason_is_told(run: Run) -> None:
    """16.3.3: and why, before anything is made."""
    told = run("container", "run", "-d", "--constraint", "storage==tape", IMAGE)
    assert told.code == 1
    assert "Unable to find a node that satisfies the following conditions" in told.err
    assert [line.split()[0] for line in told.err.splitlines()[:3]] == ["h0", "h1", "h2"]
    why = run("container", "run", "--why", "--constraint", "storage==ssd", IMAGE)
    assert (why.code, len(why.lines)) == (0, 3)
    assert why.lines[2].startswith("h2 is chosen")


def test_a_container_s_output_and_exit_code_are_the_command_s(run: Run, engines: Beside) -> None:
    """16.3.4: errors apart; with --rm nothing is left."""
    told = run("container", "run", "--rm", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (told.code, told.out, told.err) == (3, "out\n", "err\n")
    assert counts(engines) == [0, 0, 0]


def test_a_name_is_free_on_all_engines(run: Run) -> None:
    """16.3.5: or it is refused with who has it."""
    assert run("container", "run", "-d", "--name", "once", IMAGE, "sleep", "9").code == 0
    told = run("container", "run", "-d", "--name", "once", IMAGE, "sleep", "9")
    assert told.code == 1 and "The name once is already assigned" in told.err


def test_the_flags_are_docker_s(run: Run, engines: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    """16.3.6: what the engine is asked for."""
    monkeypatch.setenv("PASSED", "on")
    words = (
        "-d", "--name", "whole", "-e", "A=1", "-e", "PASSED", "-e", "ABSENT", "-l", "k=v", "-p", "8080:80", "-p", "127.0.0.1:53:53/udp",
        "-p", "9000-9001:90-91", "-p", "7000-7010:70", "-p", "60-61",
        "-v", "data:/data:ro", "-v", "/tmp", "-m", "64m", "--cpus", "0.5", "--restart", "on-failure:3", "-u", "1000", "-w", "/srv",
        "--hostname", "me", "--read-only", "--reschedule", "on-node-failure", IMAGE, "sleep", "9",
    )  # fmt: skip
    assert run("container", "run", *words).code == 0
    whole = made(engines, "whole")
    config, host = whole["Config"], whole["HostConfig"]
    assert config["Env"][:2] == ["A=1", "PASSED=on"] and not any("ABSENT" in one for one in config["Env"])
    assert (config["Cmd"], config["User"], config["WorkingDir"], config["Hostname"]) == (
        ["sleep", "9"],
        "1000",
        "/srv",
        "me",
    )
    assert (
        config["Labels"]["k"] == "v"
        and "on-node-failure" in config["Labels"]["com.docker.swarm.reschedule-policies"]
    )
    assert host["PortBindings"] == {
        "80/tcp": [{"HostIp": "", "HostPort": "8080"}],
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}],
        "90/tcp": [{"HostIp": "", "HostPort": "9000"}],
        "91/tcp": [{"HostIp": "", "HostPort": "9001"}],
        "70/tcp": [{"HostIp": "", "HostPort": "7000-7010"}],
        "60/tcp": [{"HostIp": "", "HostPort": ""}],
        "61/tcp": [{"HostIp": "", "HostPort": ""}],
    }
    assert (host["Binds"], host["Memory"], host["NanoCpus"]) == (["data:/data:ro"], 64 << 20, 500_000_000)
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3} and host["ReadonlyRootfs"]
    assert {mount["Destination"] for mount in whole["Mounts"]} == {"/data", "/tmp"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-p", "http"), "--publish: 'http' is not"),
        (("-p", "8000-8002:80-81"), "are not equally long"),
        (("-p", "9-8:80"), "has '9-8', which is no port"),
        (("-p", "80:70000"), "has '70000', which is no port"),
        (("--platform", "a/b/c/d"), "is no platform"),
        (("-v", "./here:/data"), "write its whole path"),
        (("--restart", "never"), "--restart is one of"),
        (("--rm", "--restart", "always"), "do not go together"),
        (("--memory", "much"), "--memory: "),
        (("--cpus", "all"), "--cpus: "),
        (("--label", "=x"), "--label: "),
        (("--constraint", "what"), "One of operator ==, != is expected"),
    ],
)
def test_flags_that_mean_nothing_are_refused(
    run: Run, engines: Beside, words: tuple[str, ...], said: str
) -> None:
    """Exit code 2, with the flag, and nothing is made."""
    told = run("container", "run", "-d", *words, IMAGE)
    assert told.code == 2
    assert said in told.err
    assert counts(engines) == [0, 0, 0]


def test_a_dry_run_says_where_it_would_go(run: Run, engines: Beside) -> None:
    """16.2.7: with exit code 2, and nothing is made; where none fits it would be refused."""
    told = run("--level", "0", "container", "run", "--dry-run", "--name", "dry", "--engine", "h1", IMAGE)
    assert told.code == 2
    assert (
        "Run container dry   level 2 configure · reversible\n  ~ dry: made and started on h1\n"
        "    Taken back by: swarm-tui container rm --force h1/dry" in told.out
    )
    assert f"Same as: docker -H {engines.urls[1]} run --name dry {IMAGE} …" in told.out
    refused = run("container", "run", "--dry-run", "--constraint", "node==h9", IMAGE)
    assert refused.code == 1 and "constraint node==h9" in refused.err
    assert counts(engines) == [0, 0, 0]


def test_a_making_that_fails_is_tried_elsewhere(run: Run, engines: Beside) -> None:
    """16.3.8: as often as --create-retry says, and the engine is named."""
    engines.do(lambda some: some[0].faults.fails.update({"/containers/create": (500, "no space left")}))
    try:
        words = ("-d", "--name", "elsewhere", "--constraint", "node!=h2", IMAGE, "sleep", "9")
        assert "no space left" in run("container", "run", *words).err
        told = run("container", "run", "--create-retry", "1", *words)
    finally:
        engines.do(lambda some: some[0].faults.fails.clear())
    assert told.code == 0
    assert told.err == "Warning: engine h0 did not make it: no space left\n"
    assert made(engines, "elsewhere")


def test_what_was_made_is_remembered(run: Run, engines: Beside, tmp_path: Path) -> None:
    """16.3.10: until it is removed."""
    deployed = tmp_path / "state" / "swarm-tui" / "deployed"
    assert run("container", "run", "-d", "--name", "kept", "-e", "A=1", IMAGE, "sleep", "9").code == 0
    (path,) = deployed.iterdir()
    assert json.loads(path.read_text())["Config"]["Env"] == ["A=1"]
    assert run("container", "rm", "-f", "kept").code == 0
    assert list(deployed.iterdir()) == []


def _begun(run: Run, *words: str) -> subprocess.Popen[str]:
    """`container run` in a process of its own, of the person that `run` is."""
    command = [*TUI, "container", "run", "--constraint", "node==h0", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_interrupted_before_it_runs_it_leaves_nothing_behind(run: Run, engines: Beside) -> None:
    """16.3.7: what the engine had made by then is removed again, and one sentence says so."""
    path = "/containers/create"
    held = engines.do(lambda some: some[0].faults.holds.setdefault(path, asyncio.Event()))
    process = _begun(run, "--name", "half", IMAGE, "sleep", "9")
    wait_until(lambda: counts(engines)[0] == 1, what="the container")
    process.send_signal(signal.SIGINT)
    engines.do(lambda some: (held.set(), some[0].faults.holds.clear()))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "Interrupted: no container was made.\n")
    assert counts(engines)[0] == 0


def test_interrupted_once_it_runs_the_container_is(run: Run, engines: Beside) -> None:
    """16.3.7: the first signal goes to the container, the second kills it; its exit code is the command's."""
    process = _begun(run, "--name", "deaf", IMAGE, "sleep", "1000000")
    wait_until(
        lambda: counts(engines)[0] == 1 and made(engines, "deaf")["State"]["Running"], what="it to run"
    )
    assert process.stderr is not None
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "Interrupted: SIGINT goes to h0/deaf; once more kills it.\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 137
    assert made(engines, "deaf")["State"]["Status"] == "exited"
