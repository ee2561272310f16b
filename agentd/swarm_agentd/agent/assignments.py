"""One AssignmentsMessage, sorted: dependencies first, then tasks; removals before additions."""

from dataclasses import dataclass, field

from swarm_core.api.proto.dispatcher_pb2 import AssignmentChange, AssignmentsMessage
from swarm_core.api.proto.objects_pb2 import Config, Secret, Task
from swarm_core.api.proto.types_pb2 import VolumeAssignment

from swarm_agentd.agent.dependencies import DependencyStore
from swarm_agentd.agent.volumes import NodeVolumes


@dataclass(slots=True)
class Assignments:
    """What one message says. Kinds of items that only a newer manager knows are left out."""

    is_complete: bool
    tasks: dict[str, Task] = field(default_factory=dict)
    removed_tasks: list[str] = field(default_factory=list)
    volumes: dict[str, VolumeAssignment] = field(default_factory=dict)
    removed_volumes: dict[str, VolumeAssignment] = field(default_factory=dict)
    _secrets: list[tuple[Secret, bool]] = field(default_factory=list)
    _configs: list[tuple[Config, bool]] = field(default_factory=list)

    @classmethod
    def of(cls, message: AssignmentsMessage) -> "Assignments":
        """Sort `message`."""
        given = cls(message.type == AssignmentsMessage.COMPLETE)
        for change in message.changes:
            given._add(change)
        return given

    def apply_dependencies(self, store: DependencyStore) -> None:
        """Take secrets and configs out of `store` and put new ones in."""
        for secret, is_removed in sorted(self._secrets, key=_removals_first):
            if is_removed:
                store.secrets.pop(secret.id, None)
            else:
                store.secrets[secret.id] = Secret.FromString(secret.SerializeToString())
        for config, is_removed in sorted(self._configs, key=_removals_first):
            if is_removed:
                store.configs.pop(config.id, None)
            else:
                store.configs[config.id] = Config.FromString(config.SerializeToString())

    def apply_volumes(self, store: NodeVolumes) -> None:
        """Tell which volumes are to be here, and which no longer."""
        for volume in self.removed_volumes.values():
            store.remove(volume)
        for volume in self.volumes.values():
            store.put(volume)
        if self.is_complete:
            store.keep_only(self.volumes.keys() | self.removed_volumes.keys())

    def _add(self, change: AssignmentChange) -> None:
        is_removed = change.action == AssignmentChange.REMOVE
        item = change.assignment
        match item.WhichOneof("item"):
            case "task" if is_removed:
                self.removed_tasks.append(item.task.id)
            case "task":
                self.tasks[item.task.id] = item.task
            case "secret":
                self._secrets.append((item.secret, is_removed))
            case "config":
                self._configs.append((item.config, is_removed))
            case "volume":
                (self.removed_volumes if is_removed else self.volumes)[item.volume.id] = item.volume


def _removals_first(change: tuple[Secret | Config, bool]) -> bool:
    return not change[1]
