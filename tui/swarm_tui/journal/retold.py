"""What was recorded, as the updates that a mirror or a writer takes. Pure.

A manager's status is in no event: it was recorded as a change of its node, and is told here as news of the managers again.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.managers import Managers
from swarm_core.client.watch import Action, Change, Changed, Listed, Lost, Resumed, Update

from swarm_tui.journal.records import Verb
from swarm_tui.journal.tape import Step

_ACTIONS = {Verb.CREATED: Action.CREATED, Verb.UPDATED: Action.UPDATED, Verb.REMOVED: Action.REMOVED}


class Retold:
    """See the module's text: a listing, then steps in their order."""

    def __init__(self) -> None:
        self._statuses: dict[str, types_pb2.ManagerStatus] = {}

    def listing(self, objects: Sequence[Any]) -> Listed:
        """Everything there was."""
        nodes = (item for item in objects if isinstance(item, objects_pb2.Node))
        self._statuses = {node.id: node.manager_status for node in nodes if node.HasField("manager_status")}
        return Listed(tuple(objects), _version(objects))

    def step(self, step: Step) -> Iterator[Update | Managers]:
        """What came in at once."""
        changes = []
        statuses = dict(self._statuses)
        for verb, item in step.changes:
            if item is None:
                yield Lost(_AWAY) if verb is Verb.LOST else Resumed(0)
                continue
            changes.append(Change(_ACTIONS[verb], item))
            if isinstance(item, objects_pb2.Node):
                if verb is not Verb.REMOVED and item.HasField("manager_status"):
                    statuses[item.id] = item.manager_status
                else:
                    statuses.pop(item.id, None)
        if statuses != self._statuses:
            self._statuses = statuses
            yield Managers(dict(statuses), None)
        if changes:
            yield Changed(tuple(changes), _version([change.object for change in changes]))


_AWAY = "the stream was away"


def _version(items: Sequence[Any]) -> int:
    return max((item.meta.version.index for item in items), default=0)
