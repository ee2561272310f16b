"""One node's assignments as a value: store changes go in, encoded changes for its agent come out (docs/design/dispatcher.md 5.7).

Rules
1. A task is assigned from ASSIGNED until its object is deleted, also after it ended.
2. After it was sent, a change of status or version alone is not worth a message: the agent knows better.
3. Secrets and configs go with the tasks and volumes that need them: sent once, taken back when nobody needs them any more.
4. A volume is told when it is published for the node, and its removal when the node shall let go of it, with everything in it:
   the node may have forgotten it (docs/design/volumes.md 12.6).
"""

import logging
from collections.abc import Callable, Iterable

from swarm_core.api.proto.objects_pb2 import Config, Secret, Task, Volume
from swarm_core.api.proto.types_pb2 import ASSIGNED, RUNNING, VolumeAssignment, VolumePublishStatus
from swarm_core.api.references import dependencies
from swarm_core.api.task_changes import differ
from swarm_core.api.volumes import publish_status
from swarm_core.manager.dispatcher import wire

_log = logging.getLogger(__name__)
_Key = tuple[int, str]  # wire.SECRET or wire.CONFIG, and the object's id
Lookup = Callable[[int, str], Secret | Config | None]


class AssignmentSet:
    """What one agent has been told, and what it must still be told."""

    def __init__(self, node_id: str, lookup: Lookup) -> None:
        self._node_id = node_id
        self._lookup = lookup
        self._tasks: dict[str, Task] = {}
        self._needs: dict[str, list[_Key]] = {}
        self._users: dict[_Key, set[str]] = {}
        self._volumes: dict[str, int] = {}  # id -> the state in which the node was told of it
        self._task_changes: dict[str, bytes] = {}
        self._volume_changes: dict[str, bytes] = {}
        self._dependency_changes: dict[_Key, bytes] = {}

    def __bool__(self) -> bool:
        """Whether there is something to tell."""
        return bool(self._task_changes or self._dependency_changes or self._volume_changes)

    def reset(self, tasks: Iterable[Task], volumes: Iterable[Volume] = ()) -> None:
        """Begin anew: everything of `tasks` and `volumes` is to be told, nothing else is known."""
        self._tasks.clear()
        self._volumes.clear()
        self._volume_changes.clear()
        self._needs.clear()
        self._users.clear()
        self._task_changes.clear()
        self._dependency_changes.clear()
        for task in tasks:
            if task.status.state >= ASSIGNED:
                self.put(task, task.SerializeToString())
        for volume in volumes:
            self.put_volume(volume)

    def put(self, task: Task, encoded: bytes) -> None:
        """The task was created or changed."""
        state = task.status.state
        if state < ASSIGNED:
            return
        known = self._tasks.get(task.id)
        self._tasks[task.id] = task
        if known is None:
            if state <= RUNNING:
                self._need(task)
            self._task_changes[task.id] = wire.update(wire.TASK, encoded)
            return
        if state <= ASSIGNED or differ(known, task):
            self._task_changes[task.id] = wire.update(wire.TASK, encoded)
        if state > RUNNING:
            self._release(task.id)

    def remove(self, task_id: str) -> None:
        """The task's object was deleted."""
        if self._tasks.pop(task_id, None) is not None:
            self._task_changes[task_id] = wire.remove(wire.TASK, task_id)
            self._release(task_id)

    def put_volume(self, volume: Volume) -> None:
        """The volume was created or changed."""
        status = publish_status(volume, self._node_id)
        state = None if status is None else status.state
        told = self._volumes.get(volume.id)
        if state == told:
            return
        if status is not None and state == VolumePublishStatus.PUBLISHED:
            self._volumes[volume.id] = state
            if told is None:
                keys = [(wire.SECRET, secret.secret) for secret in volume.spec.secrets]
                self._needs[volume.id] = [key for key in keys if self._provide(key, volume.id)]
            encoded = _assignment(volume, status).SerializeToString()
            self._volume_changes[volume.id] = wire.update(wire.VOLUME, encoded)
        elif status is not None and state == VolumePublishStatus.PENDING_NODE_UNPUBLISH:
            self._volumes[volume.id] = state
            self._take_away(volume)
        else:
            self.remove_volume(volume)

    def remove_volume(self, volume: Volume) -> None:
        """The volume's object was deleted, or it has nothing to do with this node any more."""
        if self._volumes.pop(volume.id, None) == VolumePublishStatus.PUBLISHED:
            self._take_away(volume)
        self._release(volume.id)

    def _take_away(self, volume: Volume) -> None:
        status = publish_status(volume, self._node_id) or VolumePublishStatus()
        encoded = _assignment(volume, status).SerializeToString()
        self._volume_changes[volume.id] = wire.take_away(wire.VOLUME, encoded)

    def take(self) -> list[bytes]:
        """The encoded changes since the last call, dependencies before tasks."""
        changes = [
            *self._dependency_changes.values(),
            *self._volume_changes.values(),
            *self._task_changes.values(),
        ]
        self._dependency_changes.clear()
        self._volume_changes.clear()
        self._task_changes.clear()
        return changes

    def _need(self, task: Task) -> None:
        secrets, configs = dependencies(task.spec)
        if not secrets and not configs:
            return
        keys = [(wire.SECRET, secret_id) for secret_id in secrets]
        keys += [(wire.CONFIG, config_id) for config_id in configs]
        self._needs[task.id] = [key for key in keys if self._provide(key, task.id)]

    def _provide(self, key: _Key, user_id: str) -> bool:
        users = self._users.get(key)
        if users is None:
            found = self._lookup(*key)
            if found is None:
                kind = "secret" if key[0] == wire.SECRET else "config"
                _log.error("%s needs %s %s, which cannot be had", user_id, kind, key[1])
                return False
            self._dependency_changes[key] = wire.update(key[0], found.SerializeToString())
            users = self._users[key] = set()
        users.add(user_id)
        return True

    def _release(self, user_id: str) -> None:
        for key in self._needs.pop(user_id, ()):
            users = self._users[key]
            users.discard(user_id)
            if not users:
                del self._users[key]
                self._dependency_changes[key] = wire.remove(*key)


def _assignment(volume: Volume, status: VolumePublishStatus) -> VolumeAssignment:
    """What a node must know of a volume."""
    return VolumeAssignment(
        id=volume.id,
        volume_id=volume.volume_info.volume_id,
        driver=volume.spec.driver,
        volume_context=volume.volume_info.volume_context,
        publish_context=status.publish_context,
        access_mode=volume.spec.access_mode,
        secrets=volume.spec.secrets,
    )
