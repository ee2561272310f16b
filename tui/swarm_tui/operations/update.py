"""Updating services: any edit of their specs, or going back to the specs before."""

from collections.abc import Callable, Sequence

from swarm_core.api.proto import control_pb2, specs_pb2
from swarm_core.api.proto.service_history_pb2 import ServiceRevision

from swarm_tui.operations import changes
from swarm_tui.operations.model import Done, Edit, Plan
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.services import KIND


def plan(view: ClusterView, ids: Sequence[str], edit: Callable[[specs_pb2.ServiceSpec], object]) -> Plan:
    """These services by that edit of each spec, which may raise SpecError."""

    def of(name: str) -> Edit:
        def run(spec: specs_pb2.ServiceSpec) -> Done:
            edit(spec)
            return Done(f"service {name} updated")

        return run

    steps, refusals = changes.steps(view, KIND, ids, verb="update", edit=of)
    return Plan(f"Update {changes.subject(view, KIND, ids)}", steps, refusals=refusals)


def to_revision(view: ClusterView, id_: str, revision: ServiceRevision) -> Plan:
    """A service back to a spec that it had earlier, by an update. The credentials that it has now stay: none are kept."""

    def of(name: str) -> Edit:
        def run(spec: specs_pb2.ServiceSpec) -> Done:
            credentials = spec.task.container.pull_options.registry_auth
            spec.CopyFrom(revision.spec)
            if credentials and spec.task.HasField("container"):
                spec.task.container.pull_options.registry_auth = credentials
            return Done(f"service {name} rolled back to revision {revision.number}")

        return run

    steps, refusals = changes.steps(view, KIND, [id_], verb="roll back", edit=of)
    return Plan(f"Roll back {changes.subject(view, KIND, [id_])}", steps, refusals=refusals)


def rollback(view: ClusterView, ids: Sequence[str]) -> Plan:
    """These services back to the specs that they had before; the manager knows them."""
    more = {"rollback": control_pb2.UpdateServiceRequest.PREVIOUS}

    def of(name: str) -> Edit:
        return lambda spec: Done(f"service {name} rolled back")

    steps, refusals = changes.steps(view, KIND, ids, verb="roll back", edit=of, more=more)
    return Plan(f"Roll back {changes.subject(view, KIND, ids)}", steps, refusals=refusals)
