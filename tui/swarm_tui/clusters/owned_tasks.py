"""Tasks by their owners: which ids each has, and the tasks of one as a collection that holds none of them."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from swarm_core.api.proto import objects_pb2


class OwnedIds:
    """Ids of tasks by owner, in the order in which they came."""

    def __init__(self) -> None:
        # As the keys of dicts, which keep their order.
        self._by_owner: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def of(self, owner: str) -> Collection[str]:
        """The ids of an owner's tasks."""
        return self._by_owner.get(owner, {}).keys()

    def add(self, owner: str, task_id: str) -> None:
        """The owner has the task; "" is nobody."""
        if owner:
            self._by_owner[owner][task_id] = None

    def drop(self, owner: str, task_id: str) -> None:
        """The owner has it no longer."""
        held = self._by_owner.get(owner)
        if held is not None:
            held.pop(task_id, None)
            if not held:
                del self._by_owner[owner]


class OwnedTasks(Collection[objects_pb2.Task]):
    """The tasks of one owner, looked up as they are read: a task that stays where it is costs its owners' indexes nothing
    when it changes."""

    __slots__ = ("_all", "_ids")

    def __init__(self, all_: Mapping[str, objects_pb2.Task], ids: Collection[str]) -> None:
        self._all = all_
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[objects_pb2.Task]:
        return map(self._all.__getitem__, self._ids)

    def __contains__(self, task: object) -> bool:
        return any(task == own for own in self)
