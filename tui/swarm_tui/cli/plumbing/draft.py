"""A service's spec while a command puts it together from flags.

Container and process share many fields; `body` is whichever it is, and `finish` packs a process's payload. References to
secrets and configs are kept by name until `references` asks the cluster for their ids.
"""

from dataclasses import dataclass, field
from typing import Any

from swarm_core.api.proto import objects_pb2, process_pb2, specs_pb2, types_pb2
from swarm_core.api.runtimes import CONTAINER, PROCESS, process_spec, set_process
from swarm_core.client.control import Control

from swarm_tui.cli.plumbing.values import BadValue, Reference


@dataclass(slots=True)
class Draft:
    spec: specs_pb2.ServiceSpec
    process: process_pb2.ProcessSpec | None = None
    secrets: list[Reference] = field(default_factory=list)
    configs: list[Reference] = field(default_factory=list)

    @classmethod
    def new(cls, runtime: str) -> "Draft":
        """The draft of a new service."""
        if runtime == CONTAINER:
            draft = cls(specs_pb2.ServiceSpec())
            draft.spec.task.container.SetInParent()
            return draft
        if runtime == PROCESS:
            return cls(specs_pb2.ServiceSpec(), process_pb2.ProcessSpec())
        raise BadValue(f"runtime {runtime!r} is neither container nor process")

    @classmethod
    def of(cls, spec: specs_pb2.ServiceSpec) -> "Draft":
        """A draft that changes `spec` in place."""
        return cls(spec, process_spec(spec.task))

    @property
    def body(self) -> Any:
        """The container's or the process's part of the spec."""
        return self.process if self.process is not None else self.container

    @property
    def container(self) -> specs_pb2.ContainerSpec:
        """The container's part. Raises BadValue for a service of another runtime."""
        if self.process is not None or self.spec.task.WhichOneof("runtime") == "generic":
            raise BadValue("is for containers, and this service runs another runtime")
        return self.spec.task.container

    async def references(self, control: Control) -> "References":
        """Look the named secrets and configs up. Raises UnresolvedReference."""
        found = References([], [])
        for reference in self.secrets:
            secret = await control.resolve(objects_pb2.Secret, reference.source)
            found.secrets.append(
                types_pb2.SecretReference(
                    secret_id=secret.id, secret_name=secret.spec.annotations.name, file=reference.file()
                )
            )
        for reference in self.configs:
            config = await control.resolve(objects_pb2.Config, reference.source)
            found.configs.append(
                types_pb2.ConfigReference(
                    config_id=config.id, config_name=config.spec.annotations.name, file=reference.file()
                )
            )
        return found

    def finish(self, references: "References") -> specs_pb2.ServiceSpec:
        """The spec, whole, with these references."""
        self.body.secrets.extend(references.secrets)
        self.body.configs.extend(references.configs)
        if self.process is not None:
            set_process(self.spec.task, self.process)
        return self.spec


@dataclass(frozen=True, slots=True)
class References:
    """Secrets and configs that were looked up."""

    secrets: list[types_pb2.SecretReference]
    configs: list[types_pb2.ConfigReference]
