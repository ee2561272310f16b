"""Long hunts in sittings: each is in the ledger as soon as it ends, so that a hunt that is killed loses little and goes on there."""

import datetime
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from swarm_testkit.fuzz import ledger
from swarm_testkit.fuzz.coverage import covered
from swarm_testkit.fuzz.frame import FINDINGS_MAX, Kind, Report, hunt
from swarm_testkit.ledger_files import commit

SITTING_S: Final = 300.0


def sittings(
    kind: Kind,
    seeds: range,
    path: Path,
    *,
    covered_by: int = 0,
    goes_on: Callable[[], bool],
    now_s: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[ledger.Sitting, Report]]:
    """Play these inputs while it `goes_on`; gives each sitting once it is in the ledger at `path`. Lines are counted of the first `covered_by` inputs."""
    found = 0
    while seeds and found < FINDINGS_MAX and goes_on():
        end_s = now_s() + SITTING_S
        sitting, report = _sitting(kind, seeds, covered_by, lambda end_s=end_s: goes_on() and now_s() < end_s)  # type: ignore[misc]
        if not report.count:
            return
        ledger.write(path, sitting)
        yield sitting, report
        seeds, covered_by = seeds[report.count :], 0
        found += len(report.findings)


def _sitting(
    kind: Kind, seeds: range, covered_by: int, goes_on: Callable[[], bool]
) -> tuple[ledger.Sitting, Report]:
    report, hit, lines, seen = Report(), 0, 0, 0
    if covered_by:
        with covered(kind.rooms) as coverage:
            report = hunt(kind, seeds[:covered_by], goes_on=goes_on)
        hit, lines, seen = coverage.hit, coverage.total, report.count
    rest = hunt(kind, seeds[report.count :], goes_on=goes_on)
    report.count += rest.count
    report.cpu_s += rest.cpu_s
    report.outcomes += rest.outcomes
    report.findings |= rest.findings
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    outcomes, findings = dict(sorted(report.outcomes.items())), tuple(sorted(report.findings))
    sitting = ledger.Sitting(
        kind.name, seeds.start, report.count, commit(), day, round(report.cpu_s), outcomes, findings, seen, hit, lines
    )  # fmt: skip
    return sitting, report
