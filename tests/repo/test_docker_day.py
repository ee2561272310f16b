"""The day of docker's commands: what it holds, and that a difference is seen."""

import json
from subprocess import CompletedProcess
from typing import Any

import pytest
from swarm_testkit.docker_day.compare import differences, masked
from swarm_testkit.docker_day.known import Row, outdated, rows, unexplained
from swarm_testkit.docker_day.script import chapters, read

BY_CHANCE = 'time="2026-11-30T17:05:44Z" level=error msg="error waiting for container: context canceled"'


def ended(out: object, code: int = 0, err: str = "") -> CompletedProcess[bytes]:
    text = out if isinstance(out, str) else json.dumps(out)
    return CompletedProcess([], code, text.encode(), err.encode())


def test_the_day_has_more_than_four_hundred_commands() -> None:
    """Of each kind some, and each row of the table is about one of them."""
    lines = [step.line for steps in chapters().values() for step in steps if step.until is None]
    assert len(lines) > 400
    kinds = {line.split()[0] for line in lines}
    assert kinds > {
        "swarm", "node", "service", "stack", "secret", "config", "network", "volume", "events", "info", "ps", "run", "exec", "logs",
    }  # fmt: skip
    assert [row for row in rows() if not any(row.is_about(line) for line in lines)] == []


def test_lines_are_read() -> None:
    """A command, one with input, and a wait."""
    given, fed, wait, nothing = read(
        '# remark\n\nnode ls -q\nsecret create a - < "x y"\n? a && b c = 2/2 x\n? d =\n'
    )
    assert (given.commands, given.is_read, given.until) == ((("node", "ls", "-q"),), True, None)
    assert (fed.commands, fed.stdin, fed.is_read) == ((("secret", "create", "a", "-"),), b"x y", False)
    assert (wait.commands, wait.until) == ((("a",), ("b", "c")), "2/2 x")
    assert (nothing.commands, nothing.until) == ((("d",),), "")


@pytest.mark.parametrize(
    ("ours", "theirs", "where"),
    [
        (ended("a  b\n"), ended("a b"), []),
        (ended("3 seconds ago"), ended("About a minute ago"), []),
        (ended([{"A": {"B": 1}}]), ended([{"A": {"B": 2}}]), ["[].A.B"]),
        (ended([{"A": None, "B": 1}]), ended([{"B": 1}]), ["[].A"]),
        (ended({"A": []}), ended({"A": [1]}), ["A[]"]),
        (ended({"Index": 5}), ended({"Index": 9}), []),
        (ended("", 125, f"docker: no\n{BY_CHANCE}\n"), ended("", 125, "docker: no\n"), []),
        (ended("", 125, BY_CHANCE), ended("", 125, "docker: no\n"), ["errors"]),
        (ended("x", 1, "no"), ended("y", 0, "yes"), ["exit code", "output", "errors"]),
    ],
)
def test_differences_are_found_where_they_are(ours: Any, theirs: Any, where: list[str]) -> None:
    """By place; what is another on each side counts as equal."""
    assert sorted(one.where for one in differences("x", ours, theirs)) == sorted(where)


def test_what_a_stack_does_in_no_order_is_the_same() -> None:
    """Lines of `stack deploy` are sorted, others are not."""
    assert not differences("stack deploy x", ended("b\na"), ended("a\nb"))
    assert differences("stack ls", ended("b\na"), ended("a\nb"))


def test_ids_addresses_and_tokens_are_masked() -> None:
    """So are sockets and times."""
    text = f"{'a1' * 12}b 10.0.0.1/24 {'0f' * 32} 2026-01-02T03:04:05.6Z SWMTKN-1-{'a' * 50}-{'b' * 25} abcdef123456"
    assert masked(text) == "ID ADDRESS HASH TIME TOKEN ID"


def test_a_difference_needs_a_row_and_a_row_a_difference() -> None:
    """Rows about commands that were not given count for nothing."""
    found = differences("node ls --filter x=1", ended("a"), ended("b"))
    row, other, elsewhere = (
        Row("node ls *", "output", ""),
        Row("node *", "errors", ""),
        Row("swarm *", "output", ""),
    )
    assert unexplained(found, [other]) == found
    assert unexplained(found, [row]) == []
    assert outdated(found, ["node ls --filter x=1"], [row, other, elsewhere]) == [other]
