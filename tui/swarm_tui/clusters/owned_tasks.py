"""The tasks of one owner, as a collection that holds none of them."""

from collections.abc import Collection, Iterator, Mapping

from swarm_core.api.proto import objects_pb2


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
