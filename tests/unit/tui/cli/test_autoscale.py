"""`service autoscale`, `autoscale` and `service suggest` on a cluster in memory (docs/design/plans.md 13.10, 13.11)."""

import asyncio

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.rules.autoscale import POLICY
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_node, make_service, make_task
from swarm_tui.cli.commands import autoscale as command
from swarm_tui.cli.plumbing import figures
from swarm_tui.operations import scale
from swarm_tui.operations import suggest as suggesting

Service = objects_pb2.Service


@pytest.fixture
def fake() -> FakeCluster:
    """A service of two tasks, each with nine tenths of a processor, that was made some minutes ago."""
    web = make_service("s-web", name="web", replicas=2)
    tasks = [make_task(f"t{slot}", service=web, slot=slot, node_id="n", state="RUNNING") for slot in (1, 2)]
    fake = FakeCluster([make_node("n", hostname="w1"), web, *tasks])
    fake.used = {"n": {"t1": (0.9, 1 << 20), "t2": (0.9, 1 << 20)}}
    fake.advance(600)
    return fake


@pytest.fixture
def tui(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


def test_how_a_service_scales(fake: FakeCluster, tui: CommandLine) -> None:
    """It stands in a label and in the description; the look says what is due and changes nothing."""
    asked = ("service", "autoscale", "web", "--cpu", "70%", "--min", "2", "--max", "10")
    assert tui(*asked, "--dry-run").code == 2
    assert tui(*asked).out == "web scales by itself: cpu=70% min=2 max=10\n"
    assert fake.get(Service, "s-web").spec.annotations.labels[POLICY] == "cpu=70% min=2 max=10"
    assert "Autoscale" in tui("service", "inspect", "--pretty", "web").out
    fake.advance(600)
    looked = tui("autoscale", "--dry-run")
    assert (looked.code, looked.out) == (2, "web: 2 → 3 · cpu 90% of 70%\n")
    assert fake.get(Service, "s-web").spec.replicated.replicas == 2
    assert tui("service", "autoscale", "web", "--off").code == 0
    assert "No service scales by itself" in tui("autoscale", "--dry-run").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cpu", "much", "--min", "1", "--max", "2"), "--cpu: 'much' is no percentage, as 70% is."),
        (("--cpu", "70%"), "Give --min, --max, and --cpu or --memory; or --off."),
        (("--cpu", "70%", "--min", "3", "--max", "2"), "--min: 3 is more than --max 2."),
    ],
)
def test_what_is_no_policy(tui: CommandLine, words: tuple[str, ...], said: str) -> None:
    """One sentence, and nothing is written."""
    result = tui("service", "autoscale", "web", *words)
    assert (result.code, result.err) == (2, f"Error: {said}\n")


async def test_it_is_carried_out_once(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for the decision; afterwards it waits, as the service changed just now, and says that once."""
    fake.update(
        Service, "s-web", lambda one: one.spec.annotations.labels.update({POLICY: "cpu=70% min=2 max=9"})
    )
    fake.advance(600)
    cluster = Cluster(fake, clock=fake.clock, target="fake")
    async with asyncio.timeout(20), figures.looking_on(cluster) as mirror:
        going = asyncio.ensure_future(command.carry_on(cluster, mirror, 0.01))
        while "left alone" not in (told := capsys.readouterr().out) and not going.done():
            said = told
            await asyncio.sleep(0.01)
            if said:
                assert said == "web: 2 → 3 · cpu 90% of 70%\n"
        going.cancel()
    assert fake.get(Service, "s-web").spec.replicated.replicas == 3
    assert told == "web: 3 · left alone: 2 of 3 tasks run\n"


def test_what_would_fit(fake: FakeCluster, tui: CommandLine) -> None:
    """Of figures of a moment nothing is said but that."""
    told = tui("service", "suggest", "web")
    assert (told.code, "two minutes are needed" in told.out) == (0, True)
    assert not [one for one, _ in fake.calls if one == "Control.UpdateService"]


def test_what_would_fit_is_told_and_not_made(
    fake: FakeCluster, tui: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--dry-run ends with 2 where something would change, also beside --apply, and with 0 where nothing would."""
    assert tui("service", "suggest", "--dry-run", "web").code == 0
    monkeypatch.setattr(suggesting, "plan", lambda view, ids: scale.plan(view, ids, scale.Amount("=", 7)))
    told = tui("service", "suggest", "--dry-run", "--apply", "web")
    assert (told.code, "→ 7" in told.out, told.err) == (2, True, "")
    assert not [one for one, _ in fake.calls if one == "Control.UpdateService"]
    assert tui("service", "suggest", "--apply", "web").code == 0
    assert fake.get(Service, "s-web").spec.replicated.replicas == 7
