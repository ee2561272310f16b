"""Verdicts on fields of services against the cluster as it is: one or two words each. Pure."""

from collections.abc import Iterable
from typing import Any

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.rules import published_ports
from swarm_core.rules.placement import constraint
from swarm_core.specs import checks, notation, parts
from swarm_core.specs.errors import InvalidSpec, InvalidValue
from swarm_core.specs.replicas import TASKS_MAX

from swarm_tui.operations.forms.fields import NOTHING_SAID, Around, Texts, Verdict, bad, line, rows
from swarm_tui.resources.format import plural


def name(texts: Texts, around: Around) -> Verdict:
    text = line(texts)
    if not text:
        return bad("needed")
    if len(text) > checks.NAME_BYTES_MAX:
        return bad(f"{len(text)} of {checks.NAME_BYTES_MAX} letters")
    try:
        checks.check_name(types_pb2.Annotations(name=text))
    except InvalidSpec as error:
        return bad("letters, digits, - and _", f"{error}.")
    if any(one.spec.annotations.name == text for one in around.others):
        return bad("taken", f"There is a service {text} already.")
    return Verdict("✓ free", "ok")


def image(texts: Texts, around: Around | None = None) -> Verdict:
    text = line(texts)
    if not text:
        return bad("needed")
    try:
        checks.check_image(text)
    except InvalidSpec as error:
        return bad("no image reference", f"{error}.")
    if "@" in text:
        return Verdict("✓ pinned by digest", "ok")
    if ":" not in text.rpartition("/")[2]:
        return Verdict("▲ no tag: latest", "warning")
    return Verdict("✓ tagged", "ok")


def arguments(texts: Texts, around: Around | None = None) -> Verdict:
    """Of a container, whose image may have a command of its own."""
    try:
        words = notation.words(line(texts))
    except InvalidValue as error:
        return bad("a quote is open", f"{error}.")
    return Verdict(plural(len(words), "word")) if words else Verdict("image default")


def program(texts: Texts, around: Around | None = None) -> Verdict:
    """Of a process."""
    try:
        words = notation.words(line(texts))
    except InvalidValue as error:
        return bad("a quote is open", f"{error}.")
    return Verdict(f"✓ runs {words[0].rpartition('/')[2]}", "ok") if words else bad("needed")


def number(texts: Texts, around: Around) -> Verdict:
    """Of tasks."""
    text = line(texts)
    try:
        count = notation.whole(text)
    except InvalidValue as error:
        is_number = text.isascii() and text.isdecimal()
        return bad(f"at most {TASKS_MAX}" if is_number else "a number", f"{error}.")
    if count > TASKS_MAX:
        return bad(f"at most {TASKS_MAX}")
    return Verdict("▲ none will run", "warning") if count == 0 else Verdict("✓", "ok")


def ports(texts: Texts, around: Around) -> Verdict:
    """Whether they are free, and whose they are otherwise."""
    wanted = [one for text in rows(texts) for one in parts.ports(text)]
    if not wanted:
        return NOTHING_SAID
    if not any(port.published_port for port in wanted):
        return Verdict("✓ a free one")
    conflict = published_ports.conflict(around.own_id, wanted, around.others)
    if conflict:
        owner = conflict.partition(" by service ")[2].partition(" (")[0]
        return bad(f"used by {owner}", f"{conflict[0].upper()}{conflict[1:]}.")
    return Verdict("✓ free", "ok")


def networks(texts: Texts, around: Around) -> Verdict:
    wanted = [parts.network(text).target for text in rows(texts)]
    return _there(wanted, around, objects_pb2.Network, "network")


def secrets(texts: Texts, around: Around) -> Verdict:
    wanted = [parts.reference(text).source for text in rows(texts)]
    return _there(wanted, around, objects_pb2.Secret, "secret")


def configs(texts: Texts, around: Around) -> Verdict:
    wanted = [parts.reference(text).source for text in rows(texts)]
    return _there(wanted, around, objects_pb2.Config, "config")


def _there(wanted: Iterable[str], around: Around, kind: Any, noun: str) -> Verdict:
    wanted = list(wanted)
    known = {one.spec.annotations.name for one in around.view.objects(kind)}
    known |= {one.id for one in around.view.objects(kind)}
    missing = [one for one in wanted if one not in known]
    if missing:
        return bad(f"no {noun} {missing[0]}", f"There is no {noun} {missing[0]} in this cluster.")
    return Verdict("✓ there", "ok") if wanted else NOTHING_SAID


def constraints(texts: Texts, around: Around) -> Verdict:
    """How many nodes meet them."""
    expressions = rows(texts)
    if not expressions:
        return NOTHING_SAID
    try:
        parsed = constraint.parse(expressions)
    except constraint.InvalidConstraint as error:
        return bad("write key==value", f"{error}.")
    nodes = around.nodes
    met = sum(constraint.match(parsed, node) for node in nodes)
    text = f"{met} of {plural(len(nodes), 'node')}"
    return Verdict(f"✓ {text}", "ok") if met == len(nodes) else Verdict(f"▲ {text}", "warning")


def amount_of_cpus(texts: Texts, around: Around) -> Verdict:
    return _amount(types_pb2.Resources(nano_cpus=notation.nano_cpus(line(texts) or "0")), around)


def amount_of_memory(texts: Texts, around: Around) -> Verdict:
    text = line(texts)
    if text and text.isdecimal() and text != "0":
        return bad("like 512m", f"{text} has no unit: write {text}m, or {text}b for bytes.")
    return _amount(types_pb2.Resources(memory_bytes=notation.byte_count(text or "0")), around)


def _amount(wanted: types_pb2.Resources, around: Around) -> Verdict:
    if 0 < wanted.nano_cpus < checks.CPU_NANOS_MIN:
        return bad(f"at least {checks.CPU_NANOS_MIN / 1e9:g} cpu")
    if 0 < wanted.memory_bytes < checks.MEMORY_BYTES_MIN:
        return bad(f"at least {checks.MEMORY_BYTES_MIN >> 20} MiB")
    if not wanted.ByteSize():
        return NOTHING_SAID
    nodes = around.nodes
    if nodes and not any(_could_hold(node, wanted) for node in nodes):
        return Verdict("▲ no node is so large", "warning")
    return Verdict("✓ per task", "ok")


def _could_hold(node: objects_pb2.Node, wanted: types_pb2.Resources) -> bool:
    have = node.description.resources
    return wanted.nano_cpus <= have.nano_cpus and wanted.memory_bytes <= have.memory_bytes


def variables(texts: Texts, around: Around | None = None) -> Verdict:
    count = len(rows(texts))
    return Verdict(plural(count, "variable")) if count else NOTHING_SAID


def share(texts: Texts, around: Around) -> Verdict:
    text = line(texts)
    return bad("0 to 1") if text and not 0 <= notation.ratio(text) <= 1 else NOTHING_SAID
