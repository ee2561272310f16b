"""Install, back up, restore and take away, as the pages say, by their own commands (`make pages` types all of them)."""

import shutil
import sysconfig

import pytest
from swarm_testkit.daemons import wait_until
from swarm_testkit.host import lacking
from swarm_testkit.hosts import missing_parts
from swarm_testkit.pages import ROOT, person, wheel

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.timeout(240)]


def test_a_machine_s_life_as_the_pages_tell_it() -> None:
    """From an empty directory to an empty directory. The libraries are those of this environment, so that no index is asked."""
    if missing := missing_parts():
        lacking(missing)
    if shutil.which("man") is None:
        lacking("man is not installed")
    libraries = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PYTHONPATH": sysconfig.get_path("purelib")}
    with person(more=libraries) as who:
        wheel(ROOT, who.home / "dist")
        assert not who.has("swarm-tui")
        installed = who.type("install.md", "Without pipx")
        assert "swarm-tui 0." in installed
        shown = who.type("install.md", "Man pages, without pipx")
        assert "SWARM-TUI(1)" in shown and "SWARM-AGENTD(8)" in shown
        who.type("install.md", "Completions")
        assert who.completed("swarm-tui serv") == ["service", "serve"]

        told = who.type("install.md", "A machine's node")
        assert "ExecStart=" in told and "swarm-tui/bin/python" in told
        begun = who.run("swarm-tui config create kept /etc/hostname; swarm-tui node ls -q").split()[-1]

        passphrase = who.home / "backup-passphrase"
        passphrase.write_text("correct horse battery\n")
        passphrase.chmod(0o600)
        who.type("back-up.md", "Back up")
        who.type("install.md", "Back again")
        assert not (who.state / "raft").exists()

        who.type("back-up.md", "Restore")
        assert who.run("swarm-tui config ls --format '{{.Name}}'").split() == ["kept"]
        nodes = "swarm-tui node ls --format '{{.ID}} {{.Status}} {{.ManagerStatus}}'"
        # The cluster answers a moment before its node has registered.
        wait_until(lambda: who.run(nodes).split() == [begun, "Ready", "Leader"], what="the node, as it was")
        who.type("install.md", "Back again")

        who.type("install.md", "The program away, without pipx")
        assert not who.has("swarm-tui")
        left = {path.name for path in who.home.iterdir()}
        assert left == {
            ".bash_completions", ".bashrc", ".local", ".path", "backup-passphrase", "dist", "swarm.backup",
        }  # fmt: skip
