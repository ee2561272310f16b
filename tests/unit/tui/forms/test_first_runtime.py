"""What an empty form of a service is of."""

import pytest
from swarm_core.api.runtimes import CONTAINER, PROCESS, RUNTIME_PLUGIN
from swarm_testkit.factories import make_node
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations.forms.filled import usual_runtime

OF_PROCESSES = [(RUNTIME_PLUGIN, PROCESS)]


@pytest.mark.parametrize(
    ("nodes", "runtime"),
    [
        ([], CONTAINER),
        ([make_node("n1", plugins=OF_PROCESSES)], PROCESS),
        ([make_node("n1", plugins=OF_PROCESSES), make_node("n2")], CONTAINER),
        ([make_node("n1", plugins=[*OF_PROCESSES, (RUNTIME_PLUGIN, CONTAINER)])], CONTAINER),
    ],
)
def test_a_process_where_no_node_runs_containers(nodes, runtime) -> None:
    """What is offered first is what the cluster can run."""
    assert usual_runtime(Snapshot(nodes)) == runtime
