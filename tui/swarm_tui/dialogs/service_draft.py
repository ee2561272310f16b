"""What is typed into the service form, what it means, and what is wrong with it. No widget.

Each field is judged by itself, in one or two words, against the cluster as the mirror knows it; a draft
without a bad field becomes a spec. Words of lists are split as a shell splits them.
"""

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Final

from swarm_core.api import validation
from swarm_core.api.proto import objects_pb2, process_pb2, specs_pb2, types_pb2
from swarm_core.api.runtimes import CONTAINER, PROCESS, set_process
from swarm_core.rules.placement import constraint

GLOBAL: Final = "global"
REPLICAS_MAX: Final = 1_000_000
_VARIABLE: Final = re.compile(r"[^\s=]+(?:=.*)?", re.DOTALL)
_CPUS: Final = re.compile(r"(\d+(?:\.\d+)?)\s*cpus?")
_MEMORY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt])i?b?", re.IGNORECASE)
_UNITS: Final = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`is_bad` keeps the service from being created; `role` is how the words are coloured."""

    text: str
    role: str = "muted"

    @property
    def is_bad(self) -> bool:
        return self.role == "error"


@dataclass(frozen=True, slots=True)
class ServiceDraft:
    """The form's fields as typed."""

    name: str = ""
    runtime: str = CONTAINER
    image: str = ""
    command: str = ""
    replicas: str = "1"
    env: str = ""
    constraints: str = ""
    reserve: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a draft is judged against: the names taken and the nodes there are."""

    names: Collection[str]
    nodes: Collection[objects_pb2.Node]


def judge(draft: ServiceDraft, around: Surroundings) -> Mapping[str, Verdict]:
    """A verdict for every field that is in use."""
    verdicts = {
        "name": _judge_name(draft.name, around.names),
        "image": _judge_image(draft.image),
        "command": _judge_command(draft),
        "replicas": _judge_replicas(draft.replicas),
        "env": _judge_env(draft.env),
        "constraints": _judge_constraints(draft.constraints, around.nodes),
        "reserve": _judge_reserve(draft.reserve),
    }
    if draft.runtime == PROCESS:
        del verdicts["image"]
    return verdicts


def is_ready(verdicts: Mapping[str, Verdict]) -> bool:
    """Whether a service can be made of the draft."""
    return not any(verdict.is_bad for verdict in verdicts.values())


def is_pristine(draft: ServiceDraft) -> bool:
    """Whether nothing has been typed."""
    return all(getattr(draft, field.name) == field.default for field in fields(draft))


def to_spec(draft: ServiceDraft) -> specs_pb2.ServiceSpec:
    """The spec a sound draft means; the draft must have been judged ready."""
    spec = specs_pb2.ServiceSpec(annotations=types_pb2.Annotations(name=draft.name.strip()))
    env = shlex.split(draft.env)
    if draft.runtime == PROCESS:
        command = shlex.split(draft.command)
        process = process_pb2.ProcessSpec(command=command[:1], args=command[1:], env=env)
        set_process(spec.task, process)
    else:
        spec.task.container.image = draft.image.strip()
        spec.task.container.args.extend(shlex.split(draft.command))
        spec.task.container.env.extend(env)
    spec.task.placement.constraints.extend(str(one) for one in constraint.parse(_split(draft.constraints)))
    cpus, memory = _parse_reserve(draft.reserve)
    if cpus or memory:
        spec.task.resources.reservations.nano_cpus = cpus
        spec.task.resources.reservations.memory_bytes = memory
    if draft.replicas.strip() == GLOBAL:
        getattr(spec, "global").SetInParent()
    else:
        spec.replicated.replicas = int(draft.replicas)
    return spec


def _judge_name(name: str, taken: Collection[str]) -> Verdict:
    name = name.strip()
    if not name:
        return Verdict("✖ needed", "error")
    if len(name) > validation.NAME_BYTES_MAX:
        return Verdict(f"✖ {len(name)} of {validation.NAME_BYTES_MAX} letters", "error")
    try:
        validation.check_name(types_pb2.Annotations(name=name))
    except validation.InvalidSpec:
        return Verdict("✖ letters, digits, - and _", "error")
    if name in taken:
        return Verdict("✖ taken", "error")
    return Verdict("✓ free", "ok")


def _judge_image(image: str) -> Verdict:
    image = image.strip()
    if not image:
        return Verdict("✖ needed", "error")
    try:
        validation.check_image(image)
    except validation.InvalidSpec:
        return Verdict("✖ no image reference", "error")
    if "@" in image:
        return Verdict("✓ pinned by digest", "ok")
    if ":" not in image.rpartition("/")[2]:
        return Verdict("▲ no tag: latest", "warning")
    return Verdict("✓ tagged", "ok")


def _judge_command(draft: ServiceDraft) -> Verdict:
    words = _words(draft.command)
    if words is None:
        return Verdict("✖ a quote is open", "error")
    if draft.runtime == CONTAINER:
        return Verdict("image default" if not words else _counted(len(words), "word"))
    if not words:
        return Verdict("✖ needed", "error")
    return Verdict(f"✓ runs {words[0].rpartition('/')[2]}", "ok")


def _judge_replicas(text: str) -> Verdict:
    text = text.strip()
    if text == GLOBAL:
        return Verdict("✓ one per node", "ok")
    if not text.isdecimal() or not text.isascii():
        return Verdict("✖ a number, or global", "error")
    if int(text) > REPLICAS_MAX:
        return Verdict(f"✖ at most {REPLICAS_MAX}", "error")
    return Verdict("▲ none will run", "warning") if int(text) == 0 else Verdict("replicated")


def _judge_env(text: str) -> Verdict:
    words = _words(text)
    if words is None:
        return Verdict("✖ a quote is open", "error")
    wrong = next((word for word in words if not _VARIABLE.fullmatch(word) or word.startswith("=")), None)
    if wrong is not None:
        return Verdict(f"✖ {wrong!r} is no NAME=value", "error")
    return Verdict(_counted(len(words), "variable") if words else "none")


def _judge_constraints(text: str, nodes: Collection[objects_pb2.Node]) -> Verdict:
    parts = _split(text)
    if not parts:
        return Verdict("any node")
    try:
        parsed = constraint.parse(parts)
    except constraint.InvalidConstraint:
        return Verdict("✖ write key==value", "error")
    matching = sum(constraint.match(parsed, node) for node in nodes)
    text = f"{matching} of {_counted(len(nodes), 'node')}"
    if matching == len(nodes):
        return Verdict(f"✓ {text}", "ok")
    return Verdict(f"▲ {text}", "warning")


def _judge_reserve(text: str) -> Verdict:
    try:
        cpus, memory = _parse_reserve(text)
    except ValueError:
        return Verdict("✖ like 0.5 cpu 1 GiB", "error")
    if 0 < cpus < validation.CPU_NANOS_MIN:
        return Verdict(f"✖ at least {validation.CPU_NANOS_MIN / 1e9:g} cpu", "error")
    if 0 < memory < validation.MEMORY_BYTES_MIN:
        return Verdict(f"✖ at least {validation.MEMORY_BYTES_MIN >> 20} MiB", "error")
    return Verdict("✓ per task", "ok") if cpus or memory else Verdict("nothing reserved")


def _parse_reserve(text: str) -> tuple[int, int]:
    """Nanocpus and bytes. Raises ValueError for anything else than `0.5 cpu 1 GiB`, in either order."""
    cpus = _CPUS.search(text)
    rest = text if cpus is None else text[: cpus.start()] + text[cpus.end() :]
    memory = _MEMORY.search(rest)
    rest = rest if memory is None else rest[: memory.start()] + rest[memory.end() :]
    if rest.strip(" ,"):
        raise ValueError(text)
    nano_cpus = round(float(cpus[1]) * 1e9) if cpus else 0
    memory_bytes = round(float(memory[1]) * _UNITS[memory[2].lower()]) if memory else 0
    return nano_cpus, memory_bytes


def _words(text: str) -> list[str] | None:
    try:
        return shlex.split(text)
    except ValueError:
        return None


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
