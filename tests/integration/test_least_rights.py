"""What a running node leaves open: every file, socket, descriptor, argument and variable of it (docs/security.md)."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from swarm_testkit.daemons import wait_until
from swarm_testkit.looks import rows
from swarm_testkit.machines import Machine, several

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow, pytest.mark.xdist_group("least-rights")]
SECRET, VALUE, CONTENT = "secret-content-18d2", "value-of-a-variable-7c1f", "content-of-a-config-55ab"
PUBLIC = {"swarm-node.crt", "swarm-root-ca.crt"}


@pytest.fixture(scope="module")
def machines() -> Iterator[tuple[Machine, ...]]:
    """A locked manager and a worker, started by somebody whose umask keeps nothing back, with a task that has a secret and a config."""
    before = os.umask(0)
    try:
        with several("m", "w") as found:
            manager, worker = found
            manager.init("--autolock")
            worker.work(manager)
            here = manager.state.parent
            (here / "secret").write_text(SECRET)
            (here / "config").write_text(CONTENT)
            manager.ask("secret", "create", "s", str(here / "secret"))
            manager.ask("config", "create", "c", str(here / "config"))
            manager.ask(
                "service", "create", "--name", "web", "--runtime", "process", "--replicas", "2", "--secret", "s", "--config", "c",
                "--env", f"NAME={VALUE}", "--constraint", "node.role==worker", "sleep", "1000",
            )  # fmt: skip
            tasks = lambda: rows(manager.socket, "task", "ls")  # noqa: E731
            wait_until(
                lambda: sum("Running" in task["CurrentState"] for task in tasks()) == 2, what="the tasks"
            )
            yield found
    finally:
        os.umask(before)


def daemons(machine: Machine) -> list[psutil.Process]:
    """Node daemon and manager."""
    pid = machine.process()
    assert pid is not None
    daemon = psutil.Process(pid)
    return [daemon, *daemon.children()]


def processes(machine: Machine) -> list[psutil.Process]:
    """Daemons, shims and what they run."""
    found = daemons(machine)
    for process in psutil.process_iter():
        try:
            if any("shim.py" in word for word in process.cmdline()) and str(machine.state) in " ".join(
                process.cmdline()
            ):
                found += [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    return found


def secrets_of(machines: tuple[Machine, ...]) -> set[str]:
    """Everything that nobody but the cluster's own may see."""
    manager, _ = machines
    lines = [
        line
        for name in ("m", "w")
        for line in (manager.state.parent / name / "certificates" / "swarm-node.key").read_text().splitlines()
    ]
    return {
        SECRET, CONTENT, manager.token("worker"), manager.token("manager"), manager.ask("cluster", "unlock-key", "-q").strip(),
        *(line for line in lines if len(line) > 30 and ":" not in line),
    }  # fmt: skip


def test_files(machines: tuple[Machine, ...]) -> None:
    """Every file is its owner's alone, whatever the umask; two certificates may be read, and nothing may be written by anybody else."""
    seen = 0
    for machine in machines:
        assert stat.S_IMODE(machine.state.stat().st_mode) == 0o700
        for path in machine.state.rglob("*"):
            try:
                found = path.lstat()
            except FileNotFoundError:  # the node that runs here has renamed or removed it
                continue
            mode, name = stat.S_IMODE(found.st_mode), str(path.relative_to(machine.state))
            assert found.st_uid == os.geteuid(), name
            if path.name in PUBLIC:
                assert mode == 0o644, name
            elif stat.S_ISDIR(found.st_mode):
                assert mode in (0o700, 0o711) or (name, mode) == ("certificates", 0o755), (name, oct(mode))
            elif not stat.S_ISLNK(found.st_mode):
                assert mode & 0o077 == 0, (name, oct(mode))
            seen += 1
    assert seen > 40


def test_sockets(machines: tuple[Machine, ...]) -> None:
    """The daemons listen at the manager's address and at their own socket, and nowhere else; the socket is the owner's alone."""
    manager, worker = machines
    assert stat.S_IMODE(manager.socket.stat().st_mode) == 0o600 and not worker.socket.exists()
    for machine, expected in ((manager, {manager.address}), (worker, set[str]())):
        listening = {
            f"{one.laddr.ip}:{one.laddr.port}"
            for process in processes(machine)
            for one in process.net_connections("inet")
            if one.status == psutil.CONN_LISTEN
        }
        assert listening == expected
        # A connection that was taken has its listener's name.
        unix = {
            one.laddr
            for process in processes(machine)
            for one in process.net_connections("unix")
            if one.laddr
        }
        assert len(unix) == (1 if machine is manager else 0) and not [
            path for path in unix if path.startswith("@")
        ]


def test_arguments_and_variables(machines: tuple[Machine, ...]) -> None:
    """No secret, token or key is in the arguments or variables of any process, nor a variable's value in those of a daemon."""
    hidden = secrets_of(machines)
    assert len(hidden) >= 7
    for machine in machines:
        found = processes(machine)
        for process in found:
            shown = " ".join(
                (*process.cmdline(), *(f"{name}={text}" for name, text in process.environ().items()))
            )
            assert not [word for word in hidden if word in shown], process
        for process in daemons(machine):
            assert VALUE not in str(process.environ()) + str(process.cmdline())
    assert len(found) >= 5, "a daemon, two shims, two tasks"


def test_logs(machines: tuple[Machine, ...]) -> None:
    """Nor are they in the daemons' logs, nor is a variable's value."""
    hidden = secrets_of(machines) | {VALUE}
    for machine in machines:
        file = machine.state / "agentd.log"
        wait_until(
            lambda file=file: "the node is ready" in file.read_text(), what=f"a whole beginning of {file}"
        )
        log = file.read_text()
        assert not [word for word in hidden if word in log]


def test_the_secret_is_on_no_disk(machines: tuple[Machine, ...]) -> None:
    """What the manager keeps is encrypted, and what a task gets is in memory: the secret's bytes are in no file of the state directories."""
    for machine in machines:
        for path in machine.state.rglob("*"):
            with suppress(FileNotFoundError):  # the node that runs here has renamed or removed it
                if path.is_file() and path.lstat().st_blocks:
                    assert SECRET.encode() not in path.read_bytes()[: 4 << 20], path


def test_descriptors(machines: tuple[Machine, ...]) -> None:
    """A task has its three streams and nothing of the daemon's; a shim has nothing of the daemon's; a manager has none of the agent's files."""
    manager, worker = machines
    tasks = [process for process in processes(worker) if process.cmdline()[:1] == ["sleep"]]
    assert len(tasks) == 2
    for task in tasks:
        assert sorted(map(int, os.listdir(f"/proc/{task.pid}/fd"))) == [0, 1, 2]
    for process in processes(worker):
        if "shim.py" not in " ".join(process.cmdline()):
            continue
        links = links_of(process)
        assert not [
            link for link in links if "tasks.db" in link or "agentd" in link or link.startswith("socket:")
        ], links
    for child in daemons(manager)[1:]:
        links = links_of(child)
        assert not [link for link in links if "tasks.db" in link or "agentd.pid" in link], links


def links_of(process: psutil.Process) -> set[str]:
    """Where its descriptors lead."""
    found = set()
    for number in os.listdir(f"/proc/{process.pid}/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(os.readlink(f"/proc/{process.pid}/fd/{number}"))
    return found


def test_capabilities(machines: tuple[Machine, ...]) -> None:
    """Nobody has more than who started the node, and no capability is handed on to a program that was not meant to have it."""
    own = _capabilities(os.getpid())
    for machine in machines:
        for process in processes(machine):
            found = _capabilities(process.pid)
            assert found["CapInh"] == found["CapAmb"] == 0
            assert found["CapEff"] & ~own["CapEff"] == 0


def _capabilities(pid: int) -> dict[str, int]:
    lines = (line.split(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: int(text, 16) for name, text in lines if name.startswith("Cap")}
