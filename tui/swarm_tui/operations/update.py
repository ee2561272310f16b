"""Updating services: any edit of their specs, a restart of their tasks, or going back to an earlier spec.

Each plan says what it comes to (`rollout_notes`): what changes, what restarts, how many at a time.
"""

from collections.abc import Callable, Sequence

from swarm_core.api.proto import control_pb2, specs_pb2
from swarm_core.api.proto.service_history_pb2 import ServiceRevision

from swarm_tui.operations import changes
from swarm_tui.operations.model import Done, Edit, Plan
from swarm_tui.operations.rollout_notes import notes
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.services import KIND

Spec = specs_pb2.ServiceSpec


def plan(view: ClusterView, ids: Sequence[str], edit: Callable[[Spec], object]) -> Plan:
    """These services by that edit of each spec, which may raise SpecError."""
    return _plan(view, ids, edit, title="Update", verb="update", done="updated")


def restart(view: ClusterView, ids: Sequence[str]) -> Plan:
    """New tasks for these services, one after the other as their update settings say, though nothing else of them changes."""

    def again(spec: Spec) -> None:
        spec.task.force_update += 1

    return _plan(view, ids, again, title="Restart", verb="restart", done="restarts")


def to_revision(view: ClusterView, id_: str, revision: ServiceRevision) -> Plan:
    """A service back to a spec that it had earlier, by an update. The credentials that it has now stay: none are kept."""

    def back(spec: Spec) -> None:
        credentials = spec.task.container.pull_options.registry_auth
        spec.CopyFrom(revision.spec)
        if credentials and spec.task.HasField("container"):
            spec.task.container.pull_options.registry_auth = credentials

    done = f"rolled back to revision {revision.number}"
    return _plan(view, [id_], back, title="Roll back", verb="roll back", done=done)


def _plan(
    view: ClusterView,
    ids: Sequence[str],
    edit: Callable[[Spec], object],
    *,
    title: str,
    verb: str,
    done: str,
) -> Plan:
    edited: dict[str, Spec] = {}

    def of(name: str) -> Edit:
        def run(spec: Spec) -> Done:
            edit(spec)
            edited[name] = spec
            return Done(f"service {name} {done}")

        return run

    steps, refusals = changes.steps(view, KIND, ids, verb=verb, edit=of)
    found = changes.found(view, KIND, ids) if steps else []
    told = notes(view, [(service, edited[KIND.name(service, view)]) for service in found])
    return Plan(f"{title} {changes.subject(view, KIND, ids)}", steps, refusals=refusals, notes=told)


def rollback(view: ClusterView, ids: Sequence[str]) -> Plan:
    """These services back to the specs that they had before; the manager knows them."""
    more = {"rollback": control_pb2.UpdateServiceRequest.PREVIOUS}

    def of(name: str) -> Edit:
        return lambda spec: Done(f"service {name} rolled back")

    steps, refusals = changes.steps(view, KIND, ids, verb="roll back", edit=of, more=more)
    found = [one for one in changes.found(view, KIND, ids) if one.HasField("previous_spec")]
    told = notes(view, [(one, one.previous_spec) for one in found], goes_back=True)
    return Plan(f"Roll back {changes.subject(view, KIND, ids)}", steps, refusals=refusals, notes=told)
