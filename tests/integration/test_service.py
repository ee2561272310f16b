"""This machine's node as a service of a real systemd."""

import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path

import pytest
from swarm_core.client import node_directory
from swarm_testkit.daemons import Daemon, daemon, private_directory, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.pages import RECIPES, ROOT, blocks
from swarm_testkit.private_systemd import Systemd, private_systemd
from swarm_testkit.programs import TUI

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.timeout(240)]


def say(systemd: Systemd, *words: str) -> str:
    outcome = systemd.run(*TUI, *words)
    assert outcome.code == 0, f"{outcome.err}\n{systemd.log.read_text(errors='replace')[-4000:]}"
    return outcome.out


def daemon_of(state: Path) -> int:
    holder = node_directory.holder(state)
    return holder.process.pid if holder is not None and holder.process is not None else 0


def test_a_node_s_life_as_a_service() -> None:
    """Installed, it is up and ready; killed, it is started again, and its task runs on; ended, it stays so until 'up'; taken back, nothing of it
    runs or is written, and its state is there."""
    with private_systemd() as systemd, private_directory() as directory:
        state = directory / "s"
        node = Daemon(state)
        where = ("--state-dir", str(state))
        try:
            asked = ("--executor", "process", "--listen-remote-api", f"127.0.0.1:{free_port()}")
            told = say(systemd, "up", *where, *asked, "--install", "--scope", "user")
            (unit,) = (systemd.home / "config" / "systemd" / "user").glob("*.service")
            assert str(unit) in told and "enable-linger" in told
            assert systemd.shows(unit.name, "ActiveState") == "active"
            first = daemon_of(state)
            assert int(systemd.shows(unit.name, "MainPID")) == first
            ask = ("--socket", str(state / "control.sock"))
            say(
                systemd,
                *ask,
                "service",
                "create",
                "--name",
                "web",
                "--runtime",
                "process",
                "--",
                "sleep",
                "86401",
            )
            task = wait_until(sleeping, what="the task's process")

            os.kill(first, signal.SIGKILL)
            second = wait_until(
                lambda: (found := daemon_of(state)) not in (0, first) and found,
                seconds=60,
                what="a new daemon",
            )
            wait_until(lambda: systemd.shows(unit.name, "ActiveState") == "active", what="it is ready")
            assert Path(f"/proc/{task}").exists()

            say(systemd, "down", *where)
            wait_until(lambda: systemd.shows(unit.name, "ActiveState") == "inactive", what="it has ended")
            assert daemon_of(state) == 0 and Path(f"/proc/{task}").exists()
            refused = systemd.run(*TUI, "up", "-d", *where, "--metrics-addr", "127.0.0.1:1")
            assert refused.code == 1 and "give 'swarm-tui up --install' the options" in refused.err
            say(systemd, "up", "-d", *where)
            assert systemd.shows(unit.name, "ActiveState") == "active" and daemon_of(state) not in (0, second)

            assert str(unit) in say(systemd, "up", *where, "--uninstall")
            assert daemon_of(state) == 0 and not unit.exists() and (state / "raft").is_dir()
            assert systemd.run("systemctl", "--user", "is-enabled", unit.name).code != 0
            again = systemd.run(*TUI, "up", *where, "--uninstall")
            assert again.code == 1 and "is no service of systemd" in again.err
        finally:
            node.destroy()


def test_services_scale_under_systemd() -> None:
    """docs/recipes/autoscale.md: each of its commands, by this user's systemd; the unit is the one that is installed, with all that it takes away."""
    with private_systemd() as systemd, daemon() as node:
        units = systemd.home / "config" / "systemd" / "user"
        share = systemd.home / "swarm-tui" / "share" / "systemd" / "system"
        shutil.copytree(ROOT / "share" / "systemd" / "system", share)
        tui = systemd.home / "tui"
        words = shlex.join([*TUI, "--socket", str(node.socket)])
        tui.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        tui.chmod(0o755)

        def type_(section: str) -> str:
            here = {
                "/etc/systemd/system": str(units),
                "systemctl ": "systemctl --user ",
                "swarm-tui ": f"{tui} ",
            }
            found = blocks(RECIPES / "autoscale.md", section)
            assert found, section
            script = re.sub("|".join(map(re.escape, here)), lambda match: here[match[0]], "".join(found))
            ended = systemd.run("bash", "-euo", "pipefail", "-c", script)
            assert ended.code == 0, f"{script}\n{ended.out}{ended.err}"
            return ended.out

        wait_until(node.socket.exists, what="the control socket")
        made = systemd.run(
            str(tui), "service", "create", "--name", "web", "--runtime", "process", "--", "sleep", "86402"
        )
        assert made.code == 0, made.err
        said = type_("Say how a service scales")
        assert "web scales by itself" in said and "web: 1 → 2" in said
        unit = "swarm-tui-autoscale.service"
        own = units / f"{unit}.d"
        own.mkdir(parents=True)
        # The checkout and the node may lie where the unit sees nothing.
        seen = " ".join({sys.prefix, sys.base_prefix, str(ROOT), str(node.state), str(tui)})
        (own / "here.conf").write_text(
            f"[Service]\nExecStart=\nExecStart={tui} --level 1 autoscale\nBindReadOnlyPaths={seen}\n"
        )
        type_("As a service of the machine")
        try:
            ask = (str(tui), "service", "ls", "--format", "{{.Replicas}}")
            wait_until(lambda: systemd.run(*ask).out.startswith("2/2"), what="two tasks", seconds=60)
            assert systemd.shows(unit, "ActiveState") == "active"
            assert systemd.shows(unit, "NRestarts") == "0"
            wait_until(lambda: "web: 1 → 2" in systemd.log.read_text(errors="replace"), what="its word")
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"{error}\n{systemd.log.read_text(errors='replace')[-3000:]}") from None
        type_("Back again")
        assert systemd.shows(unit, "ActiveState") == "inactive"
        assert "swarmtui.autoscale=" not in systemd.run(str(tui), "service", "inspect", "web").out


def sleeping() -> int:
    """The process of the task."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == b"sleep\x0086401\x00":
                return int(path.parent.name)
        except OSError:
            continue
    return 0
