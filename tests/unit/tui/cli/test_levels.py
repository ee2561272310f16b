"""`--level`: how far commands may go (docs/design/plans.md 13.1)."""

import pytest
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.command_line import CommandLine


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(lively_cluster(), capsys)


@pytest.mark.parametrize(
    ("level", "command", "needed"),
    [
        (0, "service scale --detach db=2", "level 1 (operate)"),
        (1, "service update --detach --env-add A=1 db", "level 2 (configure)"),
        (1, "network create x", "level 2 (configure)"),
        (2, "node drain w1", "level 3 (impact)"),
        (2, "node promote w1", "level 3 (impact)"),
        (2, "service rm db", "level 3 (impact)"),
        (2, "cluster update --task-history-limit 3", "level 3 (impact)"),
        (2, "cluster leave --force", "level 3 (impact)"),
        (2, "down", "level 3 (impact)"),
    ],
)
def test_a_command_above_the_level_is_refused(
    run: CommandLine, level: int, command: str, needed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """13.1.3: it says which level it needs and how to get it, ends with 1, and nothing is written."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    told = run("--level", str(level), *command.split())
    assert (told.code, told.out) == (1, "")
    assert f"it needs {needed}, and level {level} (" in told.err
    assert f"--level {needed[6]} allows it" in told.err
    assert not [
        one for one, _ in run.fake.calls if one.startswith(("Control.Upd", "Control.Cre", "Control.Rem"))
    ]


def test_a_command_at_its_level_is_carried_out(run: CommandLine) -> None:
    """13.1.3: the level itself is enough, and looking needs none."""
    assert run("--level", "1", "service", "scale", "--detach", "db=2").code == 0
    assert run("--level", "0", "service", "ls").code == 0
    assert run("--level", "0", "node", "drain", "--dry-run", "w1").code == 2


def test_the_variable_is_the_flag(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """13.1.3: $SWARM_TUI_LEVEL holds where no flag is given."""
    monkeypatch.setenv("SWARM_TUI_LEVEL", "0")
    assert run("service", "scale", "--detach", "db=2").code == 1
    assert run("--level", "1", "service", "scale", "--detach", "db=2").code == 0


def test_a_level_that_is_none(run: CommandLine) -> None:
    """13.1.3: only 0 to 3 are levels."""
    told = run("--level", "4", "service", "ls")
    assert told.code == 2
    assert "level" in told.err
