"""Ours beside a peer, in one run and in turn: SwarmKit's own daemon where $SWARM_PEER_BIN names the directory of `swarmd`, else
a Docker Engine in swarm mode where one can be started, else nobody.

    bench_peer.py [ROW…]      batch, each, writes, managers, reads, start, failover, loss, drain; all without

Prints a table with the middle, the low and the high of both sides, and their ratio: above 1 ours is ahead. Twelve minutes at most.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from peer import figures, node_rows, rows, sides
from peer.figures import Figure
from peer.rows import Pair

_ROWS: dict[str, Callable[[Pair], list[Figure]]] = {
    "batch": lambda pair: rows.tasks(pair, "batch", 3),
    "each": lambda pair: rows.tasks(pair, "each", 3),
    "writes": lambda pair: rows.writes(pair, 1, 5),
    "managers": lambda pair: rows.writes(pair, 3, 5),
    "reads": lambda pair: rows.with_tasks(pair, 3),
    "start": lambda pair: rows.first_start(pair, 5),
    "failover": lambda pair: rows.failover(pair, 2),
    "loss": lambda pair: node_rows.loss(pair, 3),
    "drain": lambda pair: node_rows.drain(pair, 3),
}


def main() -> int:
    wanted = sys.argv[1:] or list(_ROWS)
    if unknown := [name for name in wanted if name not in _ROWS]:
        sys.stderr.write(f"no row is called {', '.join(unknown)}; there are {', '.join(_ROWS)}\n")
        return 2
    peer = sides.peer_side()
    pair = Pair(sides.our_side(), peer)
    print(f"load {os.getloadavg()[0]:.2f}", flush=True)
    print(figures.head("no peer" if peer is None else peer.name), flush=True)
    begin = time.perf_counter()
    for name in wanted:
        for figure in _ROWS[name](pair):
            print(figure.line(), flush=True)
    print(f"{time.perf_counter() - begin:.0f} s; load {os.getloadavg()[0]:.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
