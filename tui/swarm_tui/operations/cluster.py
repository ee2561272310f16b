"""The cluster's own settings, and what is rotated: join tokens, unlock key, root CA."""

from collections.abc import Callable
from typing import Literal

from swarm_core.api.proto import control_pb2, specs_pb2

from swarm_tui.operations import changes
from swarm_tui.operations.model import Done, Edit, Plan
from swarm_tui.resources.cluster import KIND
from swarm_tui.resources.model import ClusterView

Rotated = Literal["worker_join_token", "manager_join_token", "manager_unlock_key"]
_WORDS: dict[Rotated, str] = {
    "worker_join_token": "the worker join token",
    "manager_join_token": "the manager join token",
    "manager_unlock_key": "the manager unlock key",
}


def plan(view: ClusterView, id_: str, edit: Callable[[specs_pb2.ClusterSpec], object]) -> Plan:
    """That edit of the cluster's settings, which may raise SpecError."""

    def of(name: str) -> Edit:
        def run(spec: specs_pb2.ClusterSpec) -> Done:
            edit(spec)
            return Done("Swarm updated.")

        return run

    steps, refusals = changes.steps(view, KIND, [id_], verb="update cluster", edit=of)
    return Plan("Update the cluster", steps, refusals=refusals)


def rotate(view: ClusterView, id_: str, what: Rotated) -> Plan:
    """Another token or key; the old one is worthless afterwards."""
    words = _WORDS[what]
    more = {"rotation": control_pb2.KeyRotation(**{what: True})}

    def of(name: str) -> Edit:
        return lambda spec: Done(f"Successfully rotated {words.removeprefix('the ')}.")

    steps, refusals = changes.steps(view, KIND, [id_], verb=f"rotate {words} of cluster", edit=of, more=more)
    warning = f"The old {words.removeprefix('the ')} will be worthless."
    return Plan(f"Rotate {words}", steps, (warning,), refusals)
