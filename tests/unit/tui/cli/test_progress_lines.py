"""How the waiting for a service looks, on a terminal and in a file."""

import os
import sys

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.client.watch import Listed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_node, make_service, make_task
from swarm_tui.cli.plumbing.progress_lines import ROWS_MAX, ProgressLines, places_of
from swarm_tui.clusters.mirror import Mirror


def mirror_of(*objects: Message) -> Mirror:
    mirror = Mirror(FakeCluster())
    mirror.apply(Listed(list(objects), version=1))
    return mirror


def crashing(slot: int, service: objects_pb2.Service) -> tuple[objects_pb2.Task, objects_pb2.Task]:
    """A task that failed, and the one that follows on it."""
    failed = make_task(f"old{slot}", service=service, slot=slot, state="FAILED", desired="SHUTDOWN")
    failed.status.err = "task: non-zero exit (3)"
    after = make_task(f"new{slot}", service=service, slot=slot, state="READY", desired="READY")
    after.meta.version.index = 9
    return failed, after


def test_a_line_for_each_place() -> None:
    """The task of each place that is meant to run, how far it is, and why it is no farther."""
    service = make_service("s", name="web", replicas=3)
    pending = make_task("p", service=service, slot=2, state="PENDING")
    pending.status.err = "no suitable node"
    running = make_task("r", service=service, slot=3, state="RUNNING", node_id="n")
    lines = places_of(mirror_of(service, *crashing(1, service), pending, running), service, 3)
    assert [line.split()[0] for line in lines] == ["1/3", "2/3", "3/3"]
    assert lines[0].endswith("] ready")
    assert lines[1].endswith("] pending   no suitable node")
    assert f"[{'=' * 24}] running" in lines[2]


def test_places_of_a_global_service_are_nodes() -> None:
    """They are told by the names of the nodes."""
    service = make_service("s", name="agent", is_global=True)
    nodes = [make_node(f"n{number}", hostname=f"host{number}") for number in (2, 1)]
    tasks = [make_task(f"t{n.id}", service=service, node_id=n.id, state="RUNNING") for n in nodes]
    lines = places_of(mirror_of(service, *nodes, *tasks), service, 2)
    assert [line.split()[0] for line in lines] == ["host1", "host2"]


def test_many_places_are_one_line() -> None:
    """A service of more places than fit is told as a whole."""
    service = make_service("s", name="web", replicas=ROWS_MAX + 1)
    assert places_of(mirror_of(service), service, ROWS_MAX + 1) == []


def test_a_crash_loop_fills_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Each text is written once, however often it is so again; quiet, nothing is."""
    lines = ProgressLines(quiet=False)
    for _ in range(50):
        lines.show("0 of 1 tasks running · exit 3")
        lines.show("1 of 1 tasks running")
    lines.end()
    assert capsys.readouterr().err == "0 of 1 tasks running · exit 3\n1 of 1 tasks running\n"
    ProgressLines(quiet=True).show("anything")
    assert capsys.readouterr().err == ""


def test_a_terminal_is_drawn_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stood there is gone, whatever grows or shrinks; lines are as wide and as many as the terminal has room for."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((12, 4)))
    lines = ProgressLines(quiet=False)
    assert lines.has_places
    lines.show("whole", ["one", "two", "three", "four"])
    assert capsys.readouterr().err == "\r\x1b[Jwhole\none\ntwo"
    lines.show("whole", ["one", "two", "three", "four"])
    assert capsys.readouterr().err == ""
    lines.show("a text longer than that")
    assert capsys.readouterr().err == "\x1b[2A\r\x1b[Ja text lon…"
    lines.show("end")
    lines.end()
    assert capsys.readouterr().err == "\r\x1b[Jend\n"
