"""What a task is told to run, what it needs and where it may run: shared by services and their tasks."""

from collections.abc import Iterable

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.api.runtimes import CONTAINER, process_spec, runtime_of
from swarm_core.api.timestamps import duration_s
from swarm_core.api.words import enum_word

from swarm_tui.resources import format as fmt
from swarm_tui.resources.model import Role, Section, cell


def runtime_text(spec: specs_pb2.TaskSpec) -> tuple[str, str]:
    """(runtime, what it runs): ("container", image), ("process", command line) or the kind of another runtime."""
    runtime, process = runtime_of(spec) or "–", process_spec(spec)
    if process is not None:
        return runtime, " ".join([*process.command, *process.args])
    return runtime, spec.container.image if runtime == CONTAINER else ""


def task_spec_sections(spec: specs_pb2.TaskSpec) -> tuple[Section, ...]:
    """What a task of this spec runs, needs and where it may run."""
    runtime, runs = runtime_text(spec)
    body = spec.container if runtime == "container" else process_spec(spec)
    lines = [("Runtime", cell(runtime, Role.SPECIAL)), ("Runs", cell(runs or "–"))]
    if body is not None:
        if isinstance(body, specs_pb2.ContainerSpec):
            lines.append(("Command", cell(" ".join([*body.command, *body.args]) or "–")))
            lines += [("Mount", cell(f"{m.source or '(new)'} → {m.target}")) for m in body.mounts]
        lines += [("Environment", cell(entry)) for entry in body.env]
        lines += [("Directory", cell(body.dir))] if body.dir else []
        lines += [("User", cell(body.user))] if body.user else []
        lines += [("Secret", cell(f"{s.secret_name} → {s.file.name}")) for s in body.secrets]
        lines += [("Config", cell(f"{c.config_name} → {c.file.name}")) for c in body.configs]
    needs = spec.resources
    placement = [
        ("Reserved", cell(_amounts(needs.reservations))),
        ("Limit", cell(_amounts(needs.limits))),
        *(("Constraint", cell(text, Role.SPECIAL)) for text in spec.placement.constraints),
        *(
            ("Spread over", cell(p.spread.spread_descriptor, Role.SPECIAL))
            for p in spec.placement.preferences
        ),
        ("Restart", cell(_restart(spec.restart) if spec.HasField("restart") else "any, after 5s")),
    ]
    if spec.placement.max_replicas:
        placement.append(("Most per node", cell(str(spec.placement.max_replicas))))
    return Section("Runs", tuple(lines)), Section("Placement", tuple(placement))


def _amounts(value: types_pb2.Resources) -> str:
    parts = []
    if value.nano_cpus:
        parts.append(f"{fmt.cpus(value.nano_cpus)} CPU")
    if value.memory_bytes:
        parts.append(f"{fmt.size(value.memory_bytes)} memory")
    return ", ".join(parts) or "–"


def _restart(policy: types_pb2.RestartPolicy) -> str:
    condition = enum_word(types_pb2.RestartPolicy.RestartCondition, policy.condition)
    if policy.condition == types_pb2.RestartPolicy.NONE:
        return condition
    delay = fmt.short_duration(duration_s(policy.delay)) if policy.HasField("delay") else "5s"
    limit = f", at most {policy.max_attempts} times" if policy.max_attempts else ""
    return f"{condition}, after {delay}{limit}"


def image_listed(spec: specs_pb2.TaskSpec) -> str:
    """What it runs, as the docker command line lists images; what is no image is told by its runtime."""
    runtime, runs = runtime_text(spec)
    return fmt.image_with_tag(runs) if runtime == CONTAINER else f"{runtime}: {runs}".removesuffix(": ")


def ports_listed(ports: Iterable[types_pb2.PortConfig]) -> str:
    """Published ports, as the docker command line lists them."""
    return ", ".join(
        f"*:{p.published_port}->{p.target_port}/{enum_word(types_pb2.PortConfig.Protocol, p.protocol)}"
        for p in ports
        if p.published_port
    )
