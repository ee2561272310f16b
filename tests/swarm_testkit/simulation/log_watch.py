"""What components log while they are simulated."""

import logging

from swarm_core.raft_node.errors import ProposalRefused

from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.processes import leaves


class LogWatch(logging.Handler):
    """A failure that a component only logs is a finding, unless it is a refused proposal."""

    def __init__(self, findings: Findings) -> None:
        super().__init__(logging.ERROR)
        self._findings = findings

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        for leaf in [] if error is None else leaves(error):
            if not isinstance(leaf, ProposalRefused):
                self._findings.add(f"{record.name}: {record.getMessage()}: {type(leaf).__name__}: {leaf}")
