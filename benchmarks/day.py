"""24 hours of a cluster's life in front of the dashboard, compressed into minutes: no growth of memory, no lost update, the journal
within its bound.

    python benchmarks/day.py [--minutes 10] [--hours 24] [--seed N] [--json FILE]

What happens, and what is compared, is in `swarm_testkit.day`. Memory is what the whole process has, the cluster in it included, whose
size stays about the same: the most of the last quarter of the hours may be so much more than that of the second quarter.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.day import BEATS_PER_HOUR, Hour, day

BYTES_MAX = 1 << 20
"""Of the journal: small enough that it is reached, and the oldest is forgotten, again and again."""
REACHED_MIN = 0.75
"""So much of the bound a whole day must fill at the end of an hour, or nothing was ever forgotten: it makes room before it is full."""
DAY_HOURS = 24
GROWTH_MAX = 1.05


async def run(hours: int, minutes: float, seed: int) -> tuple[list[Hour], list[str]]:
    """The hours as they were, and what was wrong."""
    wrong: list[str] = []
    beat_s = minutes * 60 / (hours * BEATS_PER_HOUR)
    with tempfile.TemporaryDirectory() as place:
        async with day(seed, Path(place), bytes_max=BYTES_MAX) as one:
            for number in range(1, hours + 1):
                await one.pass_hour(beat_wall_s=beat_s)
                hour = one.hours[-1]
                print(
                    f"{number:3} h  {hour.changes:7} changes  {hour.objects:5} objects  {hour.rss_mb:6.1f} MB"
                    f"  {hour.python_objects:8} python objects  journal {hour.journal_mb:.2f} MB",
                    flush=True,
                )
                if hour.journal_mb > BYTES_MAX / (1 << 20):
                    wrong.append(f"hour {number}: the journal has {hour.journal_mb:.2f} MB in use")
                wrong += [f"hour {number}: the mirror differs in {what}" for what in one.differing()]
            wrong += [f"the journal differs in {what}" for what in await one.differing_in_journal()]
            fullest_mb = max(hour.journal_mb for hour in one.hours)
            if hours >= DAY_HOURS and fullest_mb < REACHED_MIN * BYTES_MAX / (1 << 20):
                wrong.append(f"the journal had {fullest_mb:.2f} MB at most: its bound was never reached")
            return one.hours, wrong


def growth(hours: list[Hour]) -> tuple[float, float]:
    """Memory and Python objects at the end, as shares of what they were after the first quarter."""
    quarter = max(len(hours) // 4, 1)
    early, late = hours[quarter : 2 * quarter] or hours[:1], hours[-quarter:]
    return (
        max(one.rss_mb for one in late) / max(one.rss_mb for one in early),
        max(one.python_objects for one in late) / max(one.python_objects for one in early),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    started = time.process_time(), time.monotonic()
    hours, wrong = asyncio.run(run(given.hours, given.minutes, given.seed))
    memory, objects = growth(hours)
    if memory > GROWTH_MAX:
        wrong.append(f"memory grew to {memory:.2f} times what it was")
    figures = {
        "seed": given.seed,
        "minutes": round((time.monotonic() - started[1]) / 60, 1),
        "cpu_s": round(time.process_time() - started[0], 1),
        "changes": hours[-1].changes,
        "memory_growth": round(memory, 3),
        "python_object_growth": round(objects, 3),
        "rss_mb": round(max(one.rss_mb for one in hours), 1),
        "journal_mb": round(max(one.journal_mb for one in hours), 2),
        "wrong": wrong,
    }
    print(json.dumps(figures, indent=2))
    if given.json:
        given.json.write_text(json.dumps({**figures, "hours": [asdict(one) for one in hours]}, indent=2))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
