"""The command `swarm-managerd`: the manager process of a node.

It ends politely on SIGTERM and SIGINT and when its standard input closes (with --until-stdin-closes, so that a
manager never outlives the node daemon that started it). What cannot go on is one sentence on standard error
and exit code 1.
"""

import sys
from collections.abc import Sequence

from swarm_core.runtime import garbage


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the manager; returns never."""
    garbage.look_seldom()
    # Loaded now, while nobody walks what was loaded before.
    from swarm_core.managerd import daemon

    sys.exit(daemon.run(arguments))


if __name__ == "__main__":
    main()
