"""The command line on a cluster in memory: arguments in, exit code and both outputs out."""

from dataclasses import dataclass

import pytest
from swarm_core.client.cluster import Cluster
from swarm_tui.cli import main
from swarm_tui.cli.plumbing.session import Globals

from swarm_testkit.cluster_fake import FakeCluster


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class CommandLine:
    """Runs commands on `fake`, as often as wanted."""

    def __init__(self, fake: FakeCluster, capture: pytest.CaptureFixture[str]) -> None:
        self.fake = fake
        self._capture = capture

    async def _connect(self) -> Cluster:
        self.fake.closed, self.fake.unreachable = False, None
        return Cluster(self.fake, clock=self.fake.clock, target="fake")

    def __call__(self, *arguments: str) -> Outcome:
        self._capture.readouterr()
        code = main.run(arguments, given=Globals(connect=self._connect))
        captured = self._capture.readouterr()
        return Outcome(code, captured.out, captured.err)
