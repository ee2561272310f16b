"""The steps of a stack's plan as operations on objects."""

from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.compose.changes import binding
from swarm_core.compose.changes.held import Held
from swarm_core.compose.changes.plan import Do
from swarm_core.compose.changes.plan import Step as StackStep

from swarm_tui.operations.model import Change, Create, Done, Edit, Remove, Step

KINDS: Final[dict[str, type[Message]]] = {
    "network": objects_pb2.Network,
    "secret": objects_pb2.Secret,
    "config": objects_pb2.Config,
    "state": objects_pb2.Config,
    "service": objects_pb2.Service,
}
_DOING: Final = {
    Do.CREATE: "Creating",
    Do.CHANGE: "Updating",
    Do.REPLACE: "Replacing",
    Do.REMOVE: "Removing",
}


def said(step: StackStep) -> str:
    """What is said when it is done, in docker's words."""
    noun = "config" if step.noun == "state" else step.noun
    text = f"{_DOING[step.do]} {noun} {step.name}"
    return f"{text} (id: {step.id})" if step.do is Do.CHANGE and step.noun == "service" else text


def operation(step: StackStep, held: Held) -> list[Step]:
    """The step as what is done to objects, one after the other. Raises Unsound for references that the cluster does not have."""
    kind, done = KINDS[step.noun], Done(said(step) if step.is_change else "")
    match step.do:
        case Do.KEEP:
            return []
        case Do.CREATE:
            return [Step(step.name, f"create {step.noun} {step.name}", Create(kind, _spec(step, held)), done)]
        case Do.REMOVE:
            return [Step(step.name, f"remove {step.noun} {step.name}", Remove(kind, step.id), done)]
        case Do.CHANGE:
            edit = _service_edit(step, held, done) if step.noun == "service" else _payload_edit(step, done)
            return [Step(step.name, f"update {step.noun} {step.name}", Change(kind, step.id, edit), done)]
        case Do.REPLACE:
            gone = Done(f"Removing {step.noun} {step.name}")
            return [
                Step(step.name, f"remove {step.noun} {step.name}", Remove(kind, step.id), gone),
                Step(step.name, f"create {step.noun} {step.name}", Create(kind, _spec(step, held)), done),
            ]


def _spec(step: StackStep, held: Held) -> Message:
    assert step.spec is not None
    if isinstance(step.spec, specs_pb2.ServiceSpec):
        return binding.bound(step.spec, held)
    return step.spec


def _service_edit(step: StackStep, held: Held, done: Done) -> Edit:
    assert isinstance(step.spec, specs_pb2.ServiceSpec)
    wanted = binding.bound(step.spec, held)

    def edit(spec: specs_pb2.ServiceSpec) -> Done:
        forced = max(spec.task.force_update, wanted.task.force_update)
        spec.CopyFrom(binding.laid_over(spec, wanted))
        spec.task.force_update = forced
        return done

    return edit


def _payload_edit(step: StackStep, done: Done) -> Edit:
    wanted: Any = step.spec

    def edit(spec: Any) -> Done:
        spec.annotations.labels.clear()
        spec.annotations.labels.update(wanted.annotations.labels)
        # The manager compares what it is given, and refuses another content.
        spec.data = wanted.data
        return done

    return edit
