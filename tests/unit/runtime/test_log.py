"""What a line of the log holds, and how long it gets."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest
from swarm_core.runtime import log

Write = Callable[..., str]


@pytest.fixture(params=[log.JsonLines, log.TextLines])
def write(request: pytest.FixtureRequest) -> Write:
    """A record as a line of either form."""

    def written(text: str, *arguments: object, failure: Exception | None = None, name: str = "a.b") -> str:
        record = logging.LogRecord(name, logging.WARNING, "", 0, text, arguments, None)
        record.created, record.msecs = 1_700_000_000.25, 250.0
        if failure is not None:
            record.exc_info = (type(failure), failure, None)
        return request.param().format(record)

    return written


@pytest.fixture(autouse=True)
def about_nobody() -> Iterator[None]:
    """Each test begins and ends about no node."""
    log.about_node("")
    yield
    log.about_node("")


def test_a_record_is_one_line_of_a_bounded_length(write: Write) -> None:
    """Text of others makes no lines and no colours of its own, and does not fill the disk."""
    line = write("%s", "evil\n2026 INFO forged\x1b[31m\u2028\x85" + "x" * 100_000, name="l" * 10_000)
    assert len(line.splitlines()) == 1 and "\x1b" not in line
    assert len(line) < 2 * log.MESSAGE_MAX + 10_200 and "more characters" in line


def test_a_failure_is_told_with_its_end(write: Write) -> None:
    """Its name stands at the end of the traceback, which is cut before it."""
    line = write("broken", failure=ValueError("y" * 100_000 + "\x1b[2Jthe end"))
    assert "the end" in line and "more characters" in line and "\x1b" not in line
    assert len(line) < 2 * log.FAILURE_MAX


def test_json_says_what_it_is_about() -> None:
    """Docker's names for what it has too; node, task, call and component where there is one; times are UTC."""
    record = logging.LogRecord("swarm_core.x", logging.WARNING, "", 0, "slow: %d", (3,), None)
    record.created, record.msecs = 1_700_000_000.25, 250.0
    plain = {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "msg": "slow: 3",
        "logger": "swarm_core.x",
    }
    assert json.loads(log.JsonLines().format(record)) == plain
    log.about_node("n" * 300)
    tokens = [
        (one, one.set(text))
        for one, text in ((log.TASK, "t1"), (log.CALL, "a.B.C"), (log.COMPONENT, "scheduler"))
    ]
    found = json.loads(log.JsonLines().format(record))
    for variable, token in tokens:
        variable.reset(token)
    assert found.pop("node").startswith("n" * log.NAME_MAX + "…")
    assert found == plain | {"task": "t1", "call": "a.B.C", "component": "scheduler"}


@pytest.mark.parametrize(("style", "begin"), [(log.JSON, '{"time": "'), (log.TEXT, "2")])
def test_it_goes_to_standard_error(style: str, begin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the form that was asked for, from a level on that may change."""
    out, root = io.StringIO(), logging.getLogger()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setattr(root, "handlers", [])
    before = root.level
    try:
        log.configure("warn", style)
        logging.getLogger("x").info("quiet")
        log.set_level("debug")
        logging.getLogger("x").debug("loud")
    finally:
        root.setLevel(before)
    lines = out.getvalue().splitlines()
    assert len(lines) == 1 and lines[0].startswith(begin) and "loud" in lines[0]
