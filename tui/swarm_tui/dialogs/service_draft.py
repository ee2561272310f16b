"""What is typed into the service form, what it means, and what is wrong with it. No widget.

Each field is judged by itself, in one or two words, against the cluster as the mirror knows it; a draft
without a bad field becomes a spec. Words of lists are split as a shell splits them.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.runtimes import CONTAINER, PROCESS
from swarm_core.rules.placement import constraint
from swarm_core.specs import checks, notation, placement, replicas, service, task
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidSpec, InvalidValue

GLOBAL: Final = "global"
_CPUS: Final = re.compile(r"([\d.]+)\s*cpus?", re.ASCII)


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
        "reserve": _judge_reserve(draft.reserve, around.nodes),
    }
    if draft.runtime == PROCESS:
        del verdicts["image"]
    if is_ready(verdicts):
        spec = to_spec(draft)
        try:
            replicas.check_bytes(spec)
        except InvalidSpec:
            verdicts["replicas"] = Verdict(f"✖ at most {replicas.most_of(spec)} of this size", "error")
    return verdicts


def is_ready(verdicts: Mapping[str, Verdict]) -> bool:
    """Whether a service can be made of the draft."""
    return not any(verdict.is_bad for verdict in verdicts.values())


def is_pristine(draft: ServiceDraft) -> bool:
    """Whether nothing has been typed."""
    return all(getattr(draft, field.name) == field.default for field in fields(draft))


def to_spec(typed: ServiceDraft) -> specs_pb2.ServiceSpec:
    """The spec that a sound draft means; it must have been judged ready."""
    draft = Draft.new(typed.runtime)
    _SETTERS["name"](draft, typed.name)
    _put_program(draft, typed)
    for field in ("replicas", "env", "constraints", "reserve"):
        _SETTERS[field](draft, getattr(typed, field))
    return draft.finish()


def _put_program(draft: Draft, typed: ServiceDraft) -> None:
    words = notation.words(typed.command)
    task.set_program(draft, words if typed.runtime == PROCESS else [typed.image.strip(), *words])


def _put_replicas(draft: Draft, text: str) -> None:
    """A number, or `global`."""
    if text.strip() == GLOBAL:
        service.set_mode(draft, GLOBAL)
    else:
        service.set_replicas(draft, text.strip())


def _put_reserve(draft: Draft, text: str) -> None:
    """`0.5 cpu 1 GiB`, in either order, or one of them alone."""
    cpus = _CPUS.search(text)
    if cpus is not None:
        placement.reserve_cpus(draft, cpus[1])
        text = text[: cpus.start()] + text[cpus.end() :]
    memory = text.strip(" ,")
    if memory:
        if memory[-1].isdigit():
            raise InvalidValue(f"{memory!r} has no unit (write 1 GiB)")
        placement.reserve_memory(draft, memory)


_SETTERS: Final[Mapping[str, Callable[[Draft, str], None]]] = {
    "name": lambda draft, text: service.set_name(draft, text.strip()),
    "replicas": _put_replicas,
    "env": lambda draft, text: task.put_env(draft, notation.words(text)),
    "constraints": lambda draft, text: placement.put_constraints(draft, _split(text)),
    "reserve": _put_reserve,
}
"""Fields of the form to setters of specs; what they cannot use is an InvalidValue."""


def _tried(field: str, text: str) -> specs_pb2.ServiceSpec:
    """A spec of that field alone. Raises InvalidValue."""
    draft = Draft.new(CONTAINER)
    _SETTERS[field](draft, text)
    return draft.finish()


def _judge_name(name: str, taken: Collection[str]) -> Verdict:
    name = name.strip()
    if not name:
        return Verdict("✖ needed", "error")
    if len(name) > checks.NAME_BYTES_MAX:
        return Verdict(f"✖ {len(name)} of {checks.NAME_BYTES_MAX} letters", "error")
    try:
        checks.check_name(types_pb2.Annotations(name=name))
    except InvalidSpec:
        return Verdict("✖ letters, digits, - and _", "error")
    if name in taken:
        return Verdict("✖ taken", "error")
    return Verdict("✓ free", "ok")


def _judge_image(image: str) -> Verdict:
    image = image.strip()
    if not image:
        return Verdict("✖ needed", "error")
    try:
        checks.check_image(image)
    except InvalidSpec:
        return Verdict("✖ no image reference", "error")
    if "@" in image:
        return Verdict("✓ pinned by digest", "ok")
    if ":" not in image.rpartition("/")[2]:
        return Verdict("▲ no tag: latest", "warning")
    return Verdict("✓ tagged", "ok")


def _judge_command(draft: ServiceDraft) -> Verdict:
    try:
        words = notation.words(draft.command)
    except InvalidValue:
        return Verdict("✖ a quote is open", "error")
    if draft.runtime == CONTAINER:
        return Verdict("image default" if not words else _counted(len(words), "word"))
    if not words:
        return Verdict("✖ needed", "error")
    return Verdict(f"✓ runs {words[0].rpartition('/')[2]}", "ok")


def _judge_replicas(text: str) -> Verdict:
    try:
        spec = _tried("replicas", text)
        checks.check_mode(spec)
    except (InvalidValue, InvalidSpec):
        # What has only digits is a number: too large for a service, or even for the wire.
        is_number = text.strip().isdecimal() and text.isascii()
        return Verdict(f"✖ at most {replicas.TASKS_MAX}" if is_number else "✖ a number, or global", "error")
    count = replicas.count(spec)
    if count is None:
        return Verdict("✓ one per node", "ok")
    return Verdict("replicated") if count else Verdict("▲ none will run", "warning")


def _judge_env(text: str) -> Verdict:
    try:
        notation.words(text)
    except InvalidValue:
        return Verdict("✖ a quote is open", "error")
    try:
        entries = _tried("env", text).task.container.env
    except InvalidValue as error:
        return Verdict(f"✖ {error}", "error")
    return Verdict(_counted(len(entries), "variable") if entries else "none")


def _judge_constraints(text: str, nodes: Collection[objects_pb2.Node]) -> Verdict:
    try:
        constraints = constraint.parse(_tried("constraints", text).task.placement.constraints)
    except constraint.InvalidConstraint:
        return Verdict("✖ write key==value", "error")
    if not constraints:
        return Verdict("any node")
    matching = sum(constraint.match(constraints, node) for node in nodes)
    text = f"{matching} of {_counted(len(nodes), 'node')}"
    if matching == len(nodes):
        return Verdict(f"✓ {text}", "ok")
    return Verdict(f"▲ {text}", "warning")


def _judge_reserve(text: str, nodes: Collection[objects_pb2.Node]) -> Verdict:
    try:
        wanted = _tried("reserve", text).task.resources.reservations
    except InvalidValue:
        return Verdict("✖ like 0.5 cpu 1 GiB", "error")
    if 0 < wanted.nano_cpus < checks.CPU_NANOS_MIN:
        return Verdict(f"✖ at least {checks.CPU_NANOS_MIN / 1e9:g} cpu", "error")
    if 0 < wanted.memory_bytes < checks.MEMORY_BYTES_MIN:
        return Verdict(f"✖ at least {checks.MEMORY_BYTES_MIN >> 20} MiB", "error")
    if not wanted.ByteSize():
        return Verdict("nothing reserved")
    if nodes and not any(_could_hold(node, wanted) for node in nodes):
        return Verdict("▲ no node is so large", "warning")
    return Verdict("✓ per task", "ok")


def _could_hold(node: objects_pb2.Node, wanted: types_pb2.Resources) -> bool:
    have = node.description.resources
    return wanted.nano_cpus <= have.nano_cpus and wanted.memory_bytes <= have.memory_bytes


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
