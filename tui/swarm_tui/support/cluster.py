"""The cluster for a support bundle: its objects without secrets, and figures of them. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse
from swarm_core.api.proto.types_pb2 import TaskState

from swarm_tui.support.scrubbing import Scrubber
from swarm_tui.support.shown import hidden, shown


@dataclass(frozen=True, slots=True)
class Told:
    """What a cluster's managers told; `failure` is why they told no more."""

    objects: Mapping[str, Sequence[Message]]
    """By the noun of their kind."""
    raft: GetRaftStatusResponse | None = None
    failure: str = ""


def scrubber(told: Told) -> Scrubber:
    """One that knows everything that is hidden in the objects."""
    return Scrubber(hidden(item for objects in told.objects.values() for item in objects))


def documents(told: Told, scrub: Scrubber) -> dict[str, Any]:
    """What goes into the bundle, by name."""
    found: dict[str, Any] = {
        noun: [shown(item, scrub) for item in objects] for noun, objects in told.objects.items()
    }
    found["figures"] = _figures(told)
    if told.raft is not None:
        found["raft"] = shown(told.raft, scrub)
    if told.failure:
        found["failure"] = scrub.text(told.failure)
    return found


def _figures(told: Told) -> dict[str, Any]:
    tasks = [one for one in told.objects.get("tasks", ()) if isinstance(one, objects_pb2.Task)]
    return {
        "objects": {noun: len(objects) for noun, objects in told.objects.items()},
        "tasks by state": _counted(TaskState.Name(task.status.state) for task in tasks),
        "tasks by desired state": _counted(TaskState.Name(task.desired_state) for task in tasks),
        "tasks by node": _counted(task.node_id or "none" for task in tasks),
    }


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
