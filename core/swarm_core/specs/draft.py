"""A service's spec while it is put together.

Container and process share many fields; `body` is whichever the service has, and `finish` packs a process's payload. Secrets,
configs and networks are kept by name: who has a cluster looks them up, and hands what was found to `finish`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from swarm_core.api.proto import process_pb2, specs_pb2, types_pb2
from swarm_core.api.runtimes import CONTAINER, PROCESS, process_spec, set_process
from swarm_core.specs.errors import InvalidValue
from swarm_core.specs.parts import Reference

RUNTIMES: Final = (CONTAINER, PROCESS)


@dataclass(frozen=True, slots=True)
class References:
    """Secrets and configs that were looked up, and the ids of networks by what they were called."""

    secrets: tuple[types_pb2.SecretReference, ...] = ()
    configs: tuple[types_pb2.ConfigReference, ...] = ()
    networks: Mapping[str, str] = field(default_factory=dict)


NOTHING_FOUND: Final = References()


@dataclass(slots=True)
class Draft:
    spec: specs_pb2.ServiceSpec
    process: process_pb2.ProcessSpec | None = None
    secrets: list[Reference] = field(default_factory=list)
    configs: list[Reference] = field(default_factory=list)
    networks: list[types_pb2.NetworkAttachmentConfig] = field(default_factory=list)
    """To attach to; their targets are names still."""
    networks_left: list[str] = field(default_factory=list)
    """Names of those to leave."""

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

    def finish(self, found: References = NOTHING_FOUND) -> specs_pb2.ServiceSpec:
        """The spec, whole, with the secrets and configs that were asked for by name. A job without a limit may run all
        its tasks at once."""
        if found.secrets:
            self.body.secrets.extend(found.secrets)
        if found.configs:
            self.body.configs.extend(found.configs)
        if self.networks or self.networks_left:
            self._attach(found.networks)
        if self.process is not None:
            set_process(self.spec.task, self.process)
        if self.spec.HasField("replicated_job") and not self.spec.replicated_job.max_concurrent:
            self.spec.replicated_job.max_concurrent = self.spec.replicated_job.total_completions
        return self.spec

    def _attach(self, ids: Mapping[str, str]) -> None:
        """Leave networks, then join others; joining one anew replaces how. In docker's order, by their ids."""
        task = self.spec.task
        held = {one.target: one for one in (task.networks or self.spec.networks)}
        for name in self.networks_left:
            held.pop(ids.get(name, name), None)
        for wanted in self.networks:
            made = types_pb2.NetworkAttachmentConfig()
            made.CopyFrom(wanted)
            made.target = ids.get(wanted.target, wanted.target)
            held[made.target] = made
        kept = [held[target] for target in sorted(held)]
        del task.networks[:], self.spec.networks[:]
        task.networks.extend(kept)
