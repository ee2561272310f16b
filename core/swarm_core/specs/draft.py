"""A service's spec while it is put together.

Container and process share many fields; `body` is whichever the service has, and `finish` packs a process's payload. Secrets
and configs are kept by name: who has a cluster looks them up, and hands what was found to `finish`.
"""

from dataclasses import dataclass, field
from typing import Final

from swarm_core.api.proto import process_pb2, specs_pb2, types_pb2
from swarm_core.api.runtimes import CONTAINER, PROCESS, process_spec, set_process
from swarm_core.specs.errors import InvalidValue
from swarm_core.specs.parts import Reference

RUNTIMES: Final = (CONTAINER, PROCESS)


@dataclass(frozen=True, slots=True)
class References:
    """Secrets and configs that were looked up."""

    secrets: tuple[types_pb2.SecretReference, ...] = ()
    configs: tuple[types_pb2.ConfigReference, ...] = ()


@dataclass(slots=True)
class Draft:
    spec: specs_pb2.ServiceSpec
    process: process_pb2.ProcessSpec | None = None
    secrets: list[Reference] = field(default_factory=list)
    configs: list[Reference] = field(default_factory=list)

    @classmethod
    def new(cls, runtime: str) -> "Draft":
        """The draft of a new service of one task. Raises InvalidValue for an unknown runtime."""
        if runtime == CONTAINER:
            draft = cls(specs_pb2.ServiceSpec())
            draft.spec.task.container.SetInParent()
        elif runtime == PROCESS:
            draft = cls(specs_pb2.ServiceSpec(), process_pb2.ProcessSpec())
        else:
            raise InvalidValue(f"runtime {runtime!r} is neither {CONTAINER} nor {PROCESS}")
        draft.spec.replicated.replicas = 1
        return draft

    @classmethod
    def of(cls, spec: specs_pb2.ServiceSpec) -> "Draft":
        """A draft that changes `spec` in place."""
        return cls(spec, process_spec(spec.task))

    @property
    def body(self) -> specs_pb2.ContainerSpec | process_pb2.ProcessSpec:
        """The container's or the process's part of the spec."""
        return self.process if self.process is not None else self.container

    @property
    def container(self) -> specs_pb2.ContainerSpec:
        """The container's part. Raises InvalidValue for a service of another runtime."""
        if self.process is not None or self.spec.task.WhichOneof("runtime") == "generic":
            raise InvalidValue("is for containers, and this service runs another runtime")
        return self.spec.task.container

    def finish(self, found: References = References()) -> specs_pb2.ServiceSpec:
        """The spec, whole, with the secrets and configs that were asked for by name. A job without a limit may run all
        its tasks at once."""
        if found.secrets:
            self.body.secrets.extend(found.secrets)
        if found.configs:
            self.body.configs.extend(found.configs)
        if self.process is not None:
            set_process(self.spec.task, self.process)
        if self.spec.HasField("replicated_job") and not self.spec.replicated_job.max_concurrent:
            self.spec.replicated_job.max_concurrent = self.spec.replicated_job.total_completions
        return self.spec
