"""A day of work with the docker command on a node of ours and on a Docker Engine in swarm mode, and in what the two differ.

    docker_day.py [CHAPTER…]

CHAPTER: chapters of tests/data/docker_day whose name holds it; all without. Each docker command of the machine gives them, to new sides: older ones
leave more to the engine. Exit code 1 where a difference has no reason in
docs/docker-differences.md, or a reason no difference. Needs root and `docker.io`.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.docker_command import programs_since
from swarm_testkit.docker_day.compare import Difference
from swarm_testkit.docker_day.known import outdated, rows, unexplained
from swarm_testkit.docker_day.play import play
from swarm_testkit.docker_day.script import chapters
from swarm_testkit.docker_day.sides import both_sides
from swarm_testkit.engines import missing_parts


def main() -> int:
    if missing := missing_parts():
        sys.stderr.write(f"no Docker Engine can be started here: {missing}\n")
        return 2
    wanted = {
        name: steps
        for name, steps in chapters().items()
        if not sys.argv[1:] or any(part in name for part in sys.argv[1:])
    }
    known, bad = rows(), 0
    lines: list[str] = []
    found: list[Difference] = []
    for program in programs_since():
        with both_sides() as (ours, theirs):
            sides = (ours.by(program), theirs.by(program))
            sys.stdout.write(sides[0].docker.output("--version") + "\n")
            for name, steps in wanted.items():
                begin = time.monotonic()
                played = play(sides, steps, known)
                lines += played.lines
                found += played.found
                missing_rows = unexplained(played.found, known)
                bad += len(missing_rows)
                sys.stdout.write(f"{name}: {len(played.lines)} commands, {time.monotonic() - begin:.0f} s\n")
                for one in missing_rows:
                    sys.stdout.write(f"  {one}\n")
                sys.stdout.flush()
    for row in outdated(found, lines, known):
        bad += 1
        sys.stdout.write(f"no difference is left: {row.command} | {row.where}\n")
    sys.stdout.write(f"{len(lines)} commands compared, {bad} faults\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
