"""`node drain --surge` on a cluster in memory: what it says, and how it ends (docs/design/plans.md 13.9)."""

import pytest
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_cluster, make_node, make_resources, make_service, make_task


@pytest.fixture
def tui(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """One node, on which the only task of "web" runs: it can go nowhere."""
    web = make_service("s-web", name="web", replicas=1)
    resources = make_resources(cpus=4, memory=8 << 30)
    node = make_node("w1", hostname="w1", state="READY", resources=resources)
    task = make_task("t1", service=web, slot=1, node_id="w1", state="RUNNING")
    return CommandLine(FakeCluster([make_cluster("c"), node, web, task]), capsys)


@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["carried out", "told"])
def test_what_has_nowhere_to_go_refuses_it(tui: CommandLine, more: tuple[str, ...]) -> None:
    """Why, and what to do, are sentences of their own; nothing is changed."""
    told = tui("node", "drain", "--surge", *more, "w1")
    why, what = told.err.splitlines()
    assert why == "Error: Could not move web first: There is no other node."
    assert what.startswith("Error: 'node drain --surge --rest-plainly w1' lets these stop with the drain")
    assert (told.code, told.out) == (1, "")
    assert not [method for method, _ in tui.fake.calls if method.startswith("Control.Update")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--surge", "no1", "no2"), ["no1", "no2"]),
        (("--surge", "--stop", "w1"), ["Nothing is moved off w1: there is nothing to end."]),
        (("--stop", "w1"), ["--rest-plainly and --stop are for a drain with --surge."]),
    ],
    ids=["unknown nodes", "nothing to end", "without --surge"],
)
def test_each_failure_is_a_line(tui: CommandLine, words: tuple[str, ...], said: list[str]) -> None:
    """However many there are."""
    told = tui("node", "drain", *words)
    lines = told.err.splitlines()
    assert len(lines) == len(said)
    assert all(line.startswith("Error: ") and text in line for line, text in zip(lines, said, strict=True))
    assert told.code != 0
