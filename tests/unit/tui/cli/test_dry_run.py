"""`--dry-run`: what a command would come to is told, and nothing is written."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.command_line import CommandLine
from swarm_tui.cli import main

WRITES = ("Create", "Update", "Remove")
CHANGING = (
    ("service", "scale", "web=14"),
    ("service", "scale", "web=3"),
    ("service", "update", "--image", "web:8", "web"),
    ("service", "create", "--name", "new", "redis:7"),
    ("service", "rm", "web"),
    ("node", "drain", "w1"),
    ("node", "pause", "w1"),
    ("node", "activate", "w4"),
    ("node", "promote", "w1"),
    ("node", "demote", "m2"),
    ("node", "update", "--label-add", "zone=z", "w1"),
    ("node", "rm", "--force", "w1"),
    ("secret", "create", "new", __file__),
    ("config", "create", "new", __file__),
    ("network", "create", "front"),
    ("volume", "create", "--driver", "csi", "data"),
    ("cluster", "update", "--task-history-limit", "3"),
    ("cluster", "join-token", "--rotate", "worker"),
    ("cluster", "ca", "--rotate"),
    ("stack", "rm", "shop"),
)
LOOK = {
    "config",
    "diff",
    "export",
    "find",
    "inspect",
    "lint",
    "logs",
    "ls",
    "plan",
    "ps",
    "history",
    "services",
    "status",
}
LOOK |= {
    "top",
    "events",
    "why",
    "version",
    "watch",
    "doctor",
    "check",
    "keys",
    "bundle",
    "open",
    "backup",
    "support",
}
OF_THIS_MACHINE = {("up",), ("down",), ("log-level",), ("demo",), ("serve",)}
OF_THIS_MACHINE |= {
    ("exec",),
    ("port-forward",),
}  # what they change is up to the command that is run, and to who connects
OF_THIS_MACHINE |= {("context", word) for word in ("add", "rm", "use")}
OF_THIS_MACHINE |= {("cluster", word) for word in ("init", "join", "leave", "unlock", "restore")}
"""They change no cluster that is looked at, but what runs here."""
OF_ENGINES = {("engine", "serve"), ("engine", "ui"), ("container", "exec")}
"""What they change is up to who uses the socket or the dashboard, and to the command that is run."""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(lively_cluster(), capsys)


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words."""
    for name in group.list_commands(None):
        found = group.get_command(None, name)
        if hasattr(found, "list_commands"):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name), found


def test_every_command_that_changes_a_cluster_has_it() -> None:
    """What has no --dry-run only looks, or changes no cluster but this machine's node or engines by themselves."""
    found = dict(commands(typer.main.get_command(main.app)))
    lacking = {
        path
        for path, command in found.items()
        if not any("--dry-run" in param.opts for param in command.params)
    }
    assert len(found) > 60
    assert lacking >= OF_THIS_MACHINE | OF_ENGINES
    assert {path[-1] for path in lacking - OF_THIS_MACHINE - OF_ENGINES} <= LOOK
    assert not {path[-1] for path in found.keys() - lacking} & LOOK


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_a_change_is_told_and_not_made(run: CommandLine, command: tuple[str, ...]) -> None:
    """Exit code 2, a description for people and for programs, and no call that writes."""
    noun, verb, *rest = command
    told = run(noun, verb, "--dry-run", *rest)
    assert (told.code, told.err) == (2, "")
    assert "level" in told.lines[0]
    told = run(noun, verb, "--dry-run", "--format", "json", *rest)
    assert told.code == 2
    assert json.loads(told.out)["Changes"] is True
    assert not [method for method, _ in run.fake.calls if method.removeprefix("Control.").startswith(WRITES)]


@pytest.mark.parametrize(
    "command",
    [("service", "scale", "--dry-run", "db=1"), ("node", "activate", "--dry-run", "w1")],
    ids=" ".join,
)
def test_nothing_to_change(run: CommandLine, command: tuple[str, ...]) -> None:
    """Exit code 0 where everything is as it is asked for."""
    told = run(*command)
    assert (told.code, told.out, told.err) == (0, "Nothing would change.\n", "")


def test_a_refusal_is_a_failure(run: CommandLine) -> None:
    """What would be refused is said as it would be, with exit code 1."""
    told = run("service", "scale", "--dry-run", "web-=99")
    assert told.code == 1
    assert "below zero" in told.err


def test_no_way_back(run: CommandLine) -> None:
    """A rollback of a service that had one spec only would be refused, and so is its dry run."""
    told = run("service", "rollback", "--dry-run", "web")
    assert (told.code, told.out) == (1, "")
    assert "it has no spec before this one" in told.err


@pytest.mark.parametrize(
    ("command", "way_back"),
    [
        (("service", "scale", "web=3"), "reversible"),
        (("service", "rm", "web"), "comes back with another id"),
        (("node", "rm", "--force", "w1"), "cannot be taken back"),
        (("cluster", "join-token", "--rotate", "worker"), "cannot be taken back"),
    ],
)
def test_the_way_back(run: CommandLine, command: tuple[str, ...], way_back: str) -> None:
    """13.2.1, 13.3.3: a removed service is made again, everything else that is removed is lost, and so is a token."""
    assert run(*command[:2], "--dry-run", *command[2:]).lines[0].endswith(f" · {way_back}")


def test_a_name_that_fits_nothing(run: CommandLine) -> None:
    """What is not there is told as without the flag."""
    told = run("service", "rm", "--dry-run", "nix")
    assert (told.code, told.out) == (1, "")
    assert "no service named 'nix'" in told.err


def test_where_a_drain_leads(run: CommandLine) -> None:
    """What leaves a node is counted, with the nodes where it lands."""
    told = run("node", "drain", "--dry-run", "w1")
    assert "replaced" in told.out
    assert "New tasks land on" in told.out
    assert "level 3" in told.out


def test_who_waits_is_told_only_where_the_plan_helps(run: CommandLine) -> None:
    """Tasks that would find a node without the plan as well are not put down to it."""
    assert "wait now" not in run("service", "scale", "--dry-run", "web=14").out


def test_what_finds_no_node(run: CommandLine) -> None:
    """Tasks for which there is no room are told with the numbers."""
    told = run("service", "update", "--dry-run", "--reserve-memory", "64g", "db")
    assert "1 task of db finds no node." in told.out
    assert "64 GiB of memory asked" in told.out


def test_how_many_managers_may_be_lost(run: CommandLine) -> None:
    """A change of role says what the managers bear then."""
    told = run("node", "demote", "--dry-run", "m2")
    assert "Managers: 3 → 2; 0 of them may be lost then." in told.out
    assert "The loss of one more manager would stop every change." in told.out


def test_docker_does_the_same(run: CommandLine) -> None:
    """The docker command that does the same stands there, or why there is none."""
    assert "Same as: docker service scale web=14" in run("service", "scale", "--dry-run", "web=14").out
    told = json.loads(run("network", "create", "--dry-run", "--format", "json", "front").out)
    assert (told["Docker"], told["NoDocker"].startswith("No docker command")) == ([], True)


def test_without_a_rotation_there_is_nothing_to_foretell(run: CommandLine) -> None:
    """Commands that only show something without --rotate refuse the flag."""
    for command in (("join-token", "worker"), ("unlock-key",), ("ca",)):
        told = run("cluster", command[0], "--dry-run", *command[1:])
        assert told.code == 2
        assert "--rotate only" in told.err
