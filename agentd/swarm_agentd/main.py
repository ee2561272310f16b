"""The command `swarm-agentd`: the node daemon.

It ends politely on SIGINT and SIGTERM, with exit code 0: the manager ends, tasks keep running. On SIGUSR1 the node leaves its
cluster: its tasks are stopped and its state is removed. What cannot go on is one sentence on standard error and exit code 1.
"""

import sys
from collections.abc import Sequence

from swarm_core.runtime import garbage, log, service_manager

from swarm_agentd.node import flags, standby
from swarm_agentd.node.errors import NodeError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the node; returns never."""
    garbage.look_seldom()
    try:
        options = flags.parse(arguments)
    except NodeError as error:
        sys.stderr.write(f"swarm-agentd: {error}\n")
        sys.exit(1)
    log.configure(options.node.log_level, options.node.log_format)
    tell = service_manager.take()
    early = None
    founds = options.begins_cluster and options.node.join is None
    if standby.is_likely(options.node.state_dir, founds=founds):
        early = standby.start_early(options.node.manager_flags())
    # Loaded now, while the manager loads its own modules.
    from swarm_agentd import daemon

    sys.exit(daemon.run(options, early, tell))


if __name__ == "__main__":
    main()
