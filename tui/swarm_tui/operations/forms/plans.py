"""What a filled-in sheet of a service comes to: a plan, as for every change."""

from collections.abc import Callable

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.specs.merge import merged

from swarm_tui.operations import create, update
from swarm_tui.operations.model import Plan, Refused
from swarm_tui.resources.model import ClusterView

Spec = specs_pb2.ServiceSpec


def creation(spec: Spec) -> Plan:
    """A new service."""
    return create.plan(objects_pb2.Service, spec)


def change(view: ClusterView, service_id: str, began_with: Spec, wanted: Spec) -> Plan:
    """What is different between the spec that the person began with and the one that they want, laid over the spec as it is now."""
    return update.plan(view, [service_id], edit_of(began_with, wanted))


def edit_of(began_with: Spec, wanted: Spec) -> Callable[[Spec], None]:
    """The same as an edit, fit to run again. It raises Refused where somebody else changed the same meanwhile."""

    def edit(spec: Spec) -> None:
        found = merged(spec, began_with, wanted)
        if found.conflicts:
            raise Refused(f"somebody else has changed {', '.join(found.conflicts)} meanwhile")
        spec.CopyFrom(found.spec)

    return edit
