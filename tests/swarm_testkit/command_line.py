"""The command line on a cluster in memory: arguments in, exit code and both outputs out."""

import json
from dataclasses import dataclass

import pytest
from swarm_core.client.cluster import Cluster
from swarm_tui.cli import main
from swarm_tui.cli.plumbing.session import Globals
from swarm_tui.resources.printable import width_of

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


def read_json(out: str) -> list[object]:
    """One document, or one on each line."""
    try:
        return [json.loads(out)]
    except ValueError:
        return [json.loads(line) for line in out.splitlines()]


def check_columns(done: Outcome) -> None:
    """Each column begins in one place."""
    heading, *rows = done.out.split("\n")[:-1]
    starts = [
        index
        for index in range(1, len(heading))
        if heading[index] != " " and heading[index - 2 : index] == "  "
    ]
    for row in rows:
        for start in starts:
            assert _at(row, start - 1) in (" ", ""), (start, row)


def _at(row: str, cell: int) -> str:
    """The character that stands in this cell."""
    used = 0
    for letter in row:
        if used == cell and width_of(letter):
            return letter
        used += width_of(letter)
    return ""
