"""A new object of any kind."""

from typing import Any

from google.protobuf.message import Message

from swarm_tui.operations.model import Create, Done, Plan, Step


def plan(kind: type[Message], spec: Any) -> Plan:
    """An object of this kind with this spec."""
    name, noun = spec.annotations.name, kind.__name__.lower()
    step = Step(name, f"create {name}", Create(kind, spec), Done(f"{noun} {name} created"))
    return Plan(f"Create {noun} {name}", (step,))
