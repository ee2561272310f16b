"""A cluster that is backed up, destroyed and restored on another machine, with real daemons (docs/design/backup.md)."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_testkit.daemons import wait_until
from swarm_testkit.looks import rows
from swarm_testkit.machines import Machine, several
from swarm_testkit.programs import TUI, run

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]
SECRET = "the-secret-that-nobody-may-read"
PASSPHRASE = "correct horse battery"


@pytest.fixture
def machines() -> Iterator[tuple[Machine, ...]]:
    with several("m", "n", "o", "v", "w") as found:
        yield found


def running(machine: Machine) -> set[tuple[str, str]]:
    """Id and node of each task that runs, as the machine's manager tells."""
    tasks = rows(machine.state / "control.sock", "task", "ls", "--filter", "desired-state=running")
    return {(task["ID"], task["Node"]) for task in tasks if task["CurrentState"].startswith("Running")}


def ready(machine: Machine) -> int:
    return sum(node["Status"] == "Ready" for node in machine.nodes())


def backed_up(machine: Machine, path: Path, passphrase: Path) -> str:
    return machine.ask("cluster", "backup", str(path), "--passphrase-file", str(passphrase))


def test_backed_up_destroyed_and_restored(machines: tuple[Machine, ...]) -> None:
    """17.1 to 17.3: a locked cluster comes back on another machine, at its address and at another one. Its workers find it, no task was started
    anew, what was made after the backup is gone, and what is made now has versions that nobody saw."""
    first, second, third, *workers = machines
    here = first.state.parent
    passphrase, starts = here / "passphrase", here / "starts"
    passphrase.write_text(f"{PASSPHRASE}\n")
    passphrase.chmod(0o600)
    first.init("--autolock")
    for worker in workers:
        worker.work(first)
    (here / "secret").write_text(SECRET)
    first.ask("secret", "create", "s", str(here / "secret"))
    script = f"echo $$ >> {starts}; exec sleep 1000"
    first.ask(
        "service", "create", "--name", "web", "--replicas", "4", "--runtime", "process",
        "--constraint", "node.role==worker", "sh", "-c", script,
    )  # fmt: skip
    before = running(first)
    assert len(before) == 4
    unlock_key = first.ask("cluster", "unlock-key", "-q").strip()

    said = backed_up(first, here / "backup", passphrase)
    assert "sealed" in said
    assert (here / "backup").stat().st_mode & 0o777 == 0o600
    sealed = (here / "backup").read_bytes()
    assert not any(word in sealed for word in (b"PRIVATE KEY", SECRET.encode(), b"SWMTKN", b"web"))
    first.ask("config", "create", "late", str(passphrase))
    first.destroy()
    shutil.rmtree(first.state)

    for worker in workers:
        assert worker.process() is not None
    restored = second.done("cluster", "restore", str(here / "backup"), "--passphrase-file", str(passphrase))
    assert "only manager" in restored and first.address in restored
    wait_until(lambda: ready(second) == 3, what="the workers")
    wait_until(lambda: running(second) == before, what="the tasks")
    assert second.ask("secret", "ls", "-q") and not second.ask("config", "ls", "-q").strip()
    second.ask("config", "create", "new", str(passphrase))
    assert int(second.ask("config", "inspect", "new", "--format", "{{.Version.Index}}")) > 1_000_000_000
    assert "ENCRYPTED" in (second.state / "certificates" / "swarm-node.key").read_text()
    again = second.refused("cluster", "restore", str(here / "backup"), "--passphrase-file", str(passphrase))
    assert "nothing was changed" in again

    # A manager that comes back is unlocked by the key of then.
    second.done("down")
    assert "locked" in second.refused("up", "--detach")
    outcome = run((*TUI, "cluster", "unlock", "--state-dir", str(second.state)), stdin=unlock_key.encode())
    assert outcome.code == 0, outcome.err

    backed_up(second, here / "backup-2", passphrase)
    token = second.token("worker")
    second.destroy()
    shutil.rmtree(second.state)
    restored = third.done(
        "cluster", "restore", str(here / "backup-2"), "--passphrase-file", str(passphrase), "--listen-addr", third.address
    )  # fmt: skip
    assert f"up --join {third.address}" in restored
    for worker in workers:
        worker.done("down")
        worker.done("up", "--detach", "--join", third.address, "--token", token)
    wait_until(lambda: ready(third) == 3, what="the workers that were told")
    wait_until(lambda: running(third) == before, what="the tasks")
    assert len(starts.read_text().splitlines()) == 4
