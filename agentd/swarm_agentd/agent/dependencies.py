"""The secrets, configs and volumes on this node, and what one task may see of them (docs/design/agent.md 6.11).

Rules
1. A task sees only what its container or process spec lists, and the volumes that its manager has given it.
2. A value meant for one task alone comes under the id `<secret>.<task>` and is shown under the plain one.
3. A payload is a template only if its spec names the driver "golang"; what its functions give is never a template.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from swarm_core.api.proto.objects_pb2 import Config, Secret, Task
from swarm_core.api.proto.types_pb2 import ConfigReference, NodeDescription, SecretReference
from swarm_core.api.references import config_references, secret_references
from swarm_core.api.runtimes import process_spec
from swarm_core.rules.templates.tasks import task_fields
from swarm_core.rules.templates.values import TemplateError, Value

from swarm_agentd.exec.errors import ExecError, InvalidTask, Missing, NotAuthorized, Temporary
from swarm_agentd.exec.volumes import PublishedVolume

_Payload = TypeVar("_Payload", Secret, Config)
_TEMPLATE_DRIVER = "golang"


class DependencyStore:
    """What the manager assigned to this node. In memory only: it comes anew with each session. `volume` waits for a volume."""

    def __init__(self, volume: Callable[[str], Awaitable[PublishedVolume]]) -> None:
        self.volume = volume
        self.secrets: dict[str, Secret] = {}
        self.configs: dict[str, Config] = {}
        self._is_told = False

    def reset(self) -> None:
        """A full set begins: forget everything."""
        self._is_told = True
        self.secrets.clear()
        self.configs.clear()

    def absent(self, what: str) -> ExecError:
        """The error for an item that is not here: before the first full set it may still come."""
        if self._is_told:
            return Missing(f"{what} not found")
        return Temporary(f"{what} is not here yet")

    def restricted(self, task: Task, description: Callable[[], NodeDescription]) -> "TaskDependencies":
        """The view of one task."""
        return TaskDependencies(self, task, description)


class TaskDependencies:
    """Implements exec's Dependencies."""

    def __init__(
        self, store: DependencyStore, task: Task, description: Callable[[], NodeDescription]
    ) -> None:
        self._store = store
        self._task = task
        self._description = description

    def secret(self, secret_id: str) -> Secret:
        """See exec.executor.Dependencies."""
        return self._expanded(self._plain_secret(secret_id), Secret)

    def config(self, config_id: str) -> Config:
        """See exec.executor.Dependencies."""
        return self._expanded(self._plain_config(config_id), Config)

    async def volume(self, volume_id: str) -> PublishedVolume:
        """See exec.executor.Dependencies."""
        if all(attachment.id != volume_id for attachment in self._task.volumes):
            raise NotAuthorized(f"task {self._task.id} is not authorised for volume {volume_id}")
        return await self._store.volume(volume_id)

    def _plain_secret(self, secret_id: str) -> Secret:
        if all(reference.secret_id != secret_id for reference in secret_references(self._task.spec)):
            raise NotAuthorized(f"task {self._task.id} is not authorised for secret {secret_id}")
        own = self._store.secrets.get(f"{secret_id}.{self._task.id}")
        secret = own or self._store.secrets.get(secret_id)
        if secret is None:
            raise self._store.absent(f"secret {secret_id}")
        if own is not None:
            secret = Secret()
            secret.CopyFrom(own)
            secret.id = secret_id
        return secret

    def _plain_config(self, config_id: str) -> Config:
        if all(reference.config_id != config_id for reference in config_references(self._task.spec)):
            raise NotAuthorized(f"task {self._task.id} is not authorised for config {config_id}")
        config = self._store.configs.get(config_id)
        if config is None:
            raise self._store.absent(f"config {config_id}")
        return config

    def _expanded(self, item: _Payload, kind: type[_Payload]) -> _Payload:
        driver = item.spec.templating.name if item.spec.HasField("templating") else ""
        if not driver:
            return item
        if driver != _TEMPLATE_DRIVER:
            raise InvalidTask(f"{item.spec.annotations.name}: there is no template driver {driver!r}")
        # Loaded by the first payload that is a template.
        from swarm_core.rules.templates.execute import expand
        from swarm_core.rules.templates.functions import BUILTINS

        functions = {**BUILTINS, "secret": self._secret_text, "config": self._config_text, "env": self._env}
        fields = task_fields(self._task, self._description())
        copy = kind()
        copy.CopyFrom(item)
        try:
            copy.spec.data = expand(_text(item.spec.data), fields, functions).encode()
        except TemplateError as error:
            raise InvalidTask(str(error)) from None
        return copy

    def _secret_text(self, target: str) -> Value:
        reference = _by_target(secret_references(self._task.spec), target)
        return _text(self._plain_secret(reference.secret_id).spec.data)

    def _config_text(self, target: str) -> Value:
        reference = _by_target(config_references(self._task.spec), target)
        return _text(self._plain_config(reference.config_id).spec.data)

    def _env(self, name: str) -> Value:
        process = process_spec(self._task.spec)
        for entry in self._task.spec.container.env if process is None else process.env:
            key, equals, value = entry.partition("=")
            if equals and key == name:
                return value
        return ""


_Reference = TypeVar("_Reference", SecretReference, ConfigReference)


def _by_target(references: Sequence[_Reference], target: str) -> _Reference:
    for reference in references:
        if reference.WhichOneof("target") == "file" and reference.file.name == target:
            return reference
    raise TemplateError(f"no secret or config has the target {target!r}")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise TemplateError("the payload is not text") from None
