"""Placement judges any task and any node, however another implementation wrote them."""

from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.api.tolerant import decode_tolerantly
from swarm_core.rules.placement.filters import FILTERS, Pipeline
from swarm_core.rules.placement.node_info import NodeInfo
from swarm_testkit.foreign_objects import encoded_objects, paths

tasks = st.sampled_from(paths(Task)).flatmap(lambda path: encoded_objects(Task, path))
nodes = st.sampled_from(paths(Node)).flatmap(lambda path: encoded_objects(Node, path))


@settings(max_examples=400)
@given(tasks, nodes, st.lists(tasks, max_size=3))
def test_verdicts(task: bytes, node: bytes, others: list[bytes]) -> None:
    """Every filter answers, and says what is missing, before and after the node was given other tasks."""
    info = NodeInfo(decode_tolerantly(Node, node)[0])
    for encoded in others:
        info.add(decode_tolerantly(Task, encoded)[0])
    pipeline = Pipeline(decode_tolerantly(Task, task)[0])
    verdicts = pipeline.verdicts(info)
    assert pipeline.passes(info) is all(verdict.passed for verdict in verdicts)
    failure = pipeline.first_failure(info)
    failed = [verdict.filter for verdict in verdicts if not verdict.passed]
    assert failed[:1] == ([] if failure is None else [FILTERS[failure].name])
    for encoded in others:
        info.remove(decode_tolerantly(Task, encoded)[0].id)
    assert info.active == 0 and not info.active_of and not info.ports
