"""Which runtime a task is for, and what a task of the process runtime runs.

The one place that decides both. Every function here is total: it answers for any task spec that can be decoded, also
for one that another implementation wrote.

Rules
1. The runtime of a container or an attachment is that word. The runtime of a generic spec is its kind.
2. A kind means the same in any case: kinds are compared and indexed in lower case (docs/design/store.md 1.1; docs/design/control-api.md 4.3).
3. A process task carries a `swarmtui.v1.ProcessSpec`. A payload that is none is a value, `MalformedProcess`, so that a
   caller who must refuse it can, and a caller who must live with it does.
"""

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from swarm_core.api.proto.objects_pb2 import Node
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.specs_pb2 import TaskSpec

CONTAINER = "container"
ATTACHMENT = "attachment"
PROCESS = "process"
# Names of runtimes that have a spec of their own, so no generic kind may take them.
RESERVED_KINDS = frozenset({CONTAINER, ATTACHMENT})
# The type of the engine plugins by which a node of ours lists the runtimes it offers.
RUNTIME_PLUGIN = "Runtime"


@dataclass(frozen=True, slots=True)
class MalformedProcess:
    """The payload of a process task that cannot be read; as text, the sentence that refuses it."""

    type_url: str

    def __str__(self) -> str:
        return f"the payload of a process task must be a {ProcessSpec.DESCRIPTOR.full_name}"


def runtime_of(spec: TaskSpec) -> str:
    """The name of the runtime that a task of this spec is for; empty when it names none."""
    which = spec.WhichOneof("runtime")
    if which == "generic":
        return spec.generic.kind.lower()
    return which or ""


def is_ours(node: Node) -> bool:
    """Whether the node runs our daemon: it lists what it can run, which Docker Engines do not."""
    return any(plugin.type == RUNTIME_PLUGIN for plugin in node.description.engine.plugins)


def process_payload(spec: TaskSpec) -> ProcessSpec | MalformedProcess | None:
    """What a process task runs; None for a task of another runtime."""
    if runtime_of(spec) != PROCESS:
        return None
    process = ProcessSpec()
    try:
        is_read = spec.generic.payload.Unpack(process)
    except DecodeError:
        is_read = False
    return process if is_read else MalformedProcess(spec.generic.payload.type_url)


def process_spec(spec: TaskSpec) -> ProcessSpec | None:
    """What a process task runs, as far as it can be read; None also for a task of another runtime."""
    process = process_payload(spec)
    return process if isinstance(process, ProcessSpec) else None


def set_process(spec: TaskSpec, process: ProcessSpec) -> None:
    """Make `spec` one of the process runtime that runs `process`."""
    spec.generic.kind = PROCESS
    spec.generic.payload.Pack(process)
