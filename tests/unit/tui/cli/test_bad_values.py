"""What the command line says about values that cannot be used, and about usage that is wrong."""

import pytest
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue
from swarm_tui.cli import main
from swarm_tui.operations import service_flags as flags


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("replicas", "18446744073709551616"),
        ("limit_memory", "99999999999p"),
        ("limit_cpu", "99999999999999"),
        ("restart_delay", "99999999999999999999s"),
        ("restart_max_attempts", "99999999999999999999999"),
        ("health_retries", "99999999999"),
    ],
)
def test_a_number_that_the_wire_cannot_hold_is_named_with_its_flag(flag: str, value: str) -> None:
    """A number beyond the wire's range is refused as too large, by flag and value."""
    with pytest.raises(InvalidValue, match=f"^--{flag.replace('_', '-')}: '{value}' is too large"):
        flags.apply(Draft.new("process"), flags.CREATE, {flag: value})


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["node", "ls", "--nosuch"],
        ["node", "ls", "extra"],
        ["node", "inspect"],
        ["service", "scale", "web=99999999999999999999"],
        ["service", "scale", "web=-1"],
        ["service", "scale", "web+=many"],
        ["service", "scale", "+=1"],
        ["service", "create", "--restart-delay", "soon", "nginx"],
        ["service", "create", "--runtime", "magic", "nginx"],
        ["node", "update", "w1", "--availability", "asleep"],
        ["node", "update", "w1", "--label-add", "=x"],
        ["secret", "create", "--label", "=x", "key"],
        ["config", "create", "--driver", "vault", "key"],
        ["cluster", "update", "--cert-expiry", "soon"],
        ["demo", "--nodes", "0"],
        ["status", "--format", "xml"],
    ],
)
def test_wrong_usage_is_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage is exit code 2 and one line on standard error, which ends as a sentence does."""
    assert main.run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: ") and err.endswith(".\n") and err.count("\n") == 1


def test_bytes_that_are_no_text_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """An argument that is not UTF-8 is wrong usage, told with the bytes in question."""
    assert main.run(["--socket", "/nowhere", "config", "create", "\udcff", "/dev/null"]) == 2
    assert capsys.readouterr().err == r"Error: '\udcff' is not valid UTF-8 text." + "\n"
