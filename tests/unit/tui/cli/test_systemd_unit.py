"""The unit by which systemd starts this machine's node (docs/design/node.md 6.11)."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from swarm_core.client import sockets
from swarm_testkit.host import lacking
from swarm_tui.cli.main import run
from swarm_tui.cli.plumbing import systemd_unit
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.cli.plumbing.systemd_unit import Scope, Unit, quoted

COMMAND = ["/usr/bin/python3", "-m", "swarm_agentd.main", "--state-dir=/var/lib/a b%c$d", '--hostname=x"y\\z']


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No unit of this machine is seen or touched."""
    monkeypatch.setattr(systemd_unit, "_SYSTEM_DIRECTORY", tmp_path / "system")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def analyze(
    tmp_path: Path, scope: Scope, *words: str, leaves_out: str = "$^"
) -> subprocess.CompletedProcess[str]:
    """What systemd's own judge says of the unit."""
    if shutil.which("systemd-analyze") is None:
        lacking("systemd is not installed")
    path = tmp_path / "swarm-tui.service"
    lines = Unit(tmp_path, scope).text(COMMAND).splitlines()
    path.write_text("\n".join(one for one in lines if not re.match(leaves_out, one)) + "\n")
    whose = ["--user"] if scope is Scope.USER and words[0] == "verify" else []
    return subprocess.run(
        ["systemd-analyze", *whose, *words, str(path)], capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path), "SYSTEMD_PAGER": "cat"},
    )  # fmt: skip


@pytest.mark.parametrize("scope", Scope)
def test_systemd_understands_it(tmp_path: Path, scope: Scope) -> None:
    """Not a word is unknown or wrong."""
    judged = analyze(tmp_path, scope, "verify")
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")


def test_what_is_taken_from_the_daemon(tmp_path: Path) -> None:
    """Systemd judges it safer than without; nothing that tasks inherit is among what it lacks."""

    def exposure(leaves_out: str) -> float:
        judged = analyze(
            tmp_path, Scope.SYSTEM, "security", "--offline=true", "--no-pager", leaves_out=leaves_out
        )
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", judged.stdout)
        assert found is not None, judged.stdout + judged.stderr
        return float(found[1])

    assert exposure("$^") < exposure("CapabilityBoundingSet|KeyringMode")
    text = Unit(tmp_path, Scope.SYSTEM).text(COMMAND)
    for word in (
        "NoNewPrivileges",
        "Protect",
        "Private",
        "SystemCall",
        "RestrictNamespaces",
        "MemoryDeny",
        "ReadOnly",
    ):
        assert word not in text
    needed = "CHOWN DAC_OVERRIDE FOWNER KILL SETGID SETUID NET_BIND_SERVICE SYS_ADMIN SYS_RESOURCE SYS_PTRACE SYS_CHROOT SETPCAP MKNOD"
    assert not {f"CAP_{word}" for word in needed.split()} & set(text.replace("~", " ").split())


def test_tasks_outlive_it_and_it_begins_no_cluster(tmp_path: Path) -> None:
    """Only the daemon is ended, its groups are its own, and a machine that left its cluster starts nothing."""
    for scope in Scope:
        lines = Unit(tmp_path, scope).text(COMMAND).splitlines()
        assert {"KillMode=process", "Delegate=yes", "Type=notify", "TimeoutStartSec=infinity"} <= set(lines)
        assert f"ConditionPathExists={tmp_path}/certificates/swarm-node.crt" in lines
    assert "CapabilityBoundingSet" not in Unit(tmp_path, Scope.USER).text(COMMAND)


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("--a=b", "--a=b"),
        ("a b", '"a b"'),
        ("50%", "50%%"),
        ("$HOME", "$$HOME"),
        ('x"y', '"x\\"y"'),
        ("a\\b", "a\\\\b"),
        ("", '""'),
        (";", '";"'),
    ],
)
def test_words_are_what_they_were(word: str, written: str) -> None:
    """Systemd's own marks in a path or an option are not its marks."""
    assert quoted(word) == written


def test_what_no_unit_can_hold() -> None:
    """A line of its own in a path would be a line of the unit."""
    with pytest.raises(Failure, match="cannot stand in a unit"):
        quoted("x\nExecStartPre=evil")


def test_each_state_directory_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual one has the plain name."""
    monkeypatch.setattr(sockets, "state_directory", lambda: tmp_path / "usual")
    usual, other = Unit(tmp_path / "usual", Scope.USER), Unit(tmp_path / "o", Scope.SYSTEM)
    assert usual.path == tmp_path / "config" / "systemd" / "user" / "swarm-tui.service"
    assert (
        re.fullmatch(r"swarm-tui-[0-9a-f]{8}\.service", other.name)
        and other.path.parent == tmp_path / "system"
    )
    assert systemd_unit.installed(tmp_path / "usual") is None
    usual.path.parent.mkdir(parents=True)
    usual.path.touch()
    assert systemd_unit.installed(tmp_path / "usual") == usual


def test_without_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The unit is shown all the same; nothing is installed, begun or left behind, and one sentence says why."""
    monkeypatch.setattr(systemd_unit, "_BOOTED", tmp_path / "none")
    words = ["up", "--state-dir", str(tmp_path / "s"), "--install"]
    assert run([*words, "--print", "--metrics-addr", "127.0.0.1:9323", "--scope", "system"]) == 0
    assert "--metrics-addr=127.0.0.1:9323" in capsys.readouterr().out
    assert run(words) == 1
    assert "was not started by systemd" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("words", [["--install", "--uninstall"], ["--print"], ["--scope", "user"]])
def test_what_does_not_go_together(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage is one sentence and exit code 2."""
    assert run(["up", *words]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1


def test_the_unit_that_scales(tmp_path: Path) -> None:
    """docs/recipes/autoscale.md: systemd understands it, and judges it by what it leaves a program that needs one socket."""
    if shutil.which("systemd-analyze") is None:
        lacking("systemd is not installed")
    shipped = Path(__file__).parents[4] / "share" / "systemd" / "system" / "swarm-tui-autoscale.service"
    path = tmp_path / shipped.name
    # There is no program of ours where a machine has it.
    path.write_text(shipped.read_text().replace("/usr/local/bin/swarm-tui ", "/bin/true "))

    def judged(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["systemd-analyze", *words, str(path)], capture_output=True, text=True, timeout=60, check=False,
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "SYSTEMD_PAGER": "cat"},
        )  # fmt: skip

    verified = judged("verify")
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    told = judged("security", "--offline=true", "--no-pager", "--threshold=12")
    assert told.returncode == 0, told.stdout
