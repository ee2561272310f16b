"""What a node needs of a machine before it starts (docs/design/terminal.md 11.15)."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from swarm_core.client import sockets
from swarm_testkit.free_ports import free_port
from swarm_tui.doctor import here, starting
from swarm_tui.doctor.model import Grade
from swarm_tui.doctor.starting import HUNG, Start

HEALTHY = Start(
    is_clock_kept=True,
    taken={},
    engine="28.1",
    sync_s=0.001,
    inodes_free=1 << 20,
    processes_max=1 << 20,
    are_groups_writable=True,
    is_root=True,
    host_name="m1",
    host_trouble="",
    name_servers=("10.0.0.2",),
)


def seen(**changes: Any) -> list[tuple[Grade, str, str]]:
    """What is found on a machine that differs so from a healthy one, without what is fine."""
    found = starting.findings(replace(HEALTHY, **changes))
    return [(one.grade, one.what, one.text) for one in found if one.grade is not Grade.FINE]


def test_a_healthy_machine() -> None:
    """Each of the checks is told to be fine."""
    assert seen() == []
    assert [one.what for one in starting.findings(HEALTHY)] == ["clock", "ports", "engine", "disk", "names"]


@pytest.mark.parametrize(
    ("changes", "grade", "what", "text"),
    [
        ({"is_clock_kept": False}, Grade.WARNING, "clock", "nobody keeps"),
        ({"taken": {4242: "nginx (process 7)"}}, Grade.ADVICE, "ports", "4242 is taken by nginx (process 7)"),
        ({"taken": {7946: "another program"}}, Grade.WARNING, "ports", "7946 is taken by another program"),
        ({"engine": ""}, Grade.ADVICE, "engine", "no Docker Engine"),
        ({"engine": HUNG}, Grade.WARNING, "engine", "did not answer within 3 s"),
        ({"engine": ":Connection refused"}, Grade.WARNING, "engine", "cannot be used: Connection refused"),
        ({"sync_s": 0.05}, Grade.WARNING, "disk", "a sync takes 50.0 ms"),
        ({"sync_s": 0.5}, Grade.ERROR, "disk", "a sync takes 500.0 ms"),
        ({"inodes_free": 9}, Grade.WARNING, "disk", "9 files may still be made"),
        ({"processes_max": 100}, Grade.WARNING, "limits", "this user may have 100 processes"),
        ({"are_groups_writable": False}, Grade.WARNING, "limits", "cannot be written"),
        (
            {"host_trouble": "Name or service not known"},
            Grade.WARNING,
            "names",
            "own name m1 is not found: Name",
        ),
        ({"name_servers": ()}, Grade.WARNING, "names", "no name server"),
    ],
)
def test_what_a_machine_lacks(changes: dict[str, Any], grade: Grade, what: str, text: str) -> None:
    """Each lack is told once, with how bad it is and what to do."""
    ((found_grade, found_what, found_text),) = seen(**changes)
    assert (found_grade, found_what) == (grade, what) and text in found_text


def test_what_cannot_be_seen_is_not_told() -> None:
    """A clock or a disk that does not tell is no finding; a user's groups are not root's."""
    assert seen(is_clock_kept=None, sync_s=None, are_groups_writable=False, is_root=False) == []


@contextlib.contextmanager
def answering(path: Path, answer: bytes | None) -> Iterator[None]:
    """Something that listens at a path: it answers so, or never."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                if answer is not None:
                    connection.sendall(answer)
                else:
                    connection.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as wake:
                wake.connect(str(path))
            thread.join()


def test_an_engine_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its version; that it hangs, is none, or was not started."""
    monkeypatch.setattr(starting, "_WAIT_S", 0.05)
    path = tmp_path / "d.sock"
    assert starting._engine(path) == ""
    for answer, told in (
        (b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"Version":"28.1"}', "28.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", ":what answers there is no engine"),
        (b"nonsense\r\n\r\n", ":what answers there is no engine"),
        (None, HUNG),
    ):
        with answering(path, answer):
            assert starting._engine(path) == told
        assert starting._engine(path) == ":Connection refused"
        path.unlink()


def test_who_holds_a_port() -> None:
    """A program that is neither a node nor an engine, by its name; nobody."""
    port = free_port()
    assert starting._holder(port) == ""
    with socket.create_server(("127.0.0.1", port)):
        held = starting._holder(port)
        assert f"process {os.getpid()}" in held or held == "another program"
    assert starting._holder(port) == ""


def test_this_machine_can_be_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever it lacks, looking raises nothing, finds something, and leaves nothing behind."""
    monkeypatch.setattr(sockets, "state_directory", lambda: tmp_path / "not" / "there")
    seen_here = here.look({})
    assert seen_here.start is not None and seen_here.start.host_name == socket.gethostname()
    assert seen_here.start.sync_s is not None and seen_here.start.sync_s > 0
    found = list(here.findings(seen_here, 0))
    assert {"disk", "engine", "names"} <= {one.what for one in found}
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_not_found() -> None:
    """Why is told."""
    assert starting._name_trouble("no such name.invalid") != ""
    assert starting._name_trouble("localhost") == ""
