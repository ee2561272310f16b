"""Engines: how each stands, in one plain word, what it has and what of it is reserved."""

import re
from typing import Final

from swarm_core.engines.records import EngineRecord, EngineState, Trouble

from swarm_tui.resources import format as fmt
from swarm_tui.resources.engines.items import EngineItem
from swarm_tui.resources.model import (
    DASH,
    Align,
    ClusterView,
    Column,
    FieldValue,
    Health,
    Link,
    Problem,
    Realm,
    ResourceKind,
    Role,
    RowCells,
    Section,
    cell,
    spans,
)
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.shares import bar_cell, share_cell

NOUN: Final = "engine"
_ITSELF: Final = re.compile("the (container )?engine at (?= |$)")
_NS: Final = 1_000_000_000
COLUMNS = (
    Column("engine", "ENGINE", 10, grow=2),
    Column("state", "STATE", 14),
    Column("containers", "RUN/ALL", 9, align=Align.RIGHT, drop=2),
    Column("cpu_bar", "CPU resv", 8, grow=1, drop=6),
    Column("cpu", "", 4, align=Align.RIGHT, drop=3),
    Column("cpus", "CPUS", 4, align=Align.RIGHT, drop=4),
    Column("memory_bar", "MEM resv", 8, grow=1, drop=6),
    Column("mem", "", 4, align=Align.RIGHT, drop=3),
    Column("memory", "MEM", 5, align=Align.RIGHT, drop=4),
    Column("version", "VERSION", 8, drop=5),
    Column("address", "ADDRESS", 20, grow=2, drop=7),
    Column("note", "NOTE", 26, grow=4, drop=1, wanted=44),
    Column("labels", "LABELS", 12, grow=2, is_wide=True, drop=8),
    Column("answer", "ANSWER", 6, align=Align.RIGHT, is_wide=True, drop=9),
)


def name(item: EngineItem, view: ClusterView | None = None) -> str:
    return item.record.name


def health(item: EngineItem, view: ClusterView, now_ns: int) -> Health:
    one = item.record
    if one.state.is_live:
        return (
            Health.OK if one.trouble is Trouble.NONE and one.state is EngineState.HEALTHY else Health.WARNING
        )
    if one.state is EngineState.PENDING and one.trouble is Trouble.NONE:
        return Health.MOTION
    return Health.STALE if one.state is EngineState.DISCONNECTED else Health.FAILED


def reserved(item: EngineItem, view: ClusterView) -> tuple[float | None, float | None]:
    """The shares of processors and memory that containers have reserved, as far as they were looked at; None where the engine told no
    size, or none of its containers was looked at or reserves anything."""
    sums, one = view.node_sums(item.id), item.record
    if sums.tasks and not (sums.nano_cpus or sums.memory_bytes):
        return None, None
    return (
        sums.nano_cpus / (one.cpus * _NS) if one.cpus else None,
        sums.memory_bytes / one.memory_bytes if one.memory_bytes else None,
    )


def row(item: EngineItem, view: ClusterView, now_ns: int) -> RowCells:
    one, look = item.record, health(item, view, now_ns)
    sums = view.node_sums(item.id)
    cpu, memory = reserved(item, view)
    return (
        cell(one.name),
        spans((f"{look.glyph} ", look.role), (one.word, Role.MUTED if look is Health.OK else look.role)),
        cell(f"{sums.running}/{sums.tasks}"),
        bar_cell(cpu),
        share_cell(cpu),
        cell(str(one.cpus), Role.MUTED) if one.cpus else DASH,
        bar_cell(memory),
        share_cell(memory),
        cell(fmt.size(one.memory_bytes), Role.MUTED) if one.memory_bytes else DASH,
        cell(one.version, Role.MUTED),
        cell(one.entry.url, Role.MUTED),
        cell(_short(one), look.role if look.role is not Role.OK else Role.MUTED),
        cell(fmt.labels(one.labels), Role.SPECIAL),
        cell(f"{one.answer_s * 1000:.0f} ms" if one.answered_at_s else "–", Role.MUTED),
    )


def _short(record: EngineRecord) -> str:
    """The note beside name and address, which need not be said twice."""
    return (
        _ITSELF.sub("it", record.note.replace(record.entry.url, ""))
        .replace("the answer of it", "its answer")
        .removeprefix("it ")
    )


def problems(item: EngineItem, view: ClusterView, now_ns: int) -> tuple[Problem, ...]:
    look, one = health(item, view, now_ns), item.record
    if look not in (Health.WARNING, Health.FAILED):
        return ()
    seen_ns = int(one.answered_at_s * _NS)
    summary = one.word if one.state.is_live or not seen_ns else f"{one.word} · {fmt.age(seen_ns, now_ns)}"
    ref = ObjectRef(view.cluster, NOUN, item.id)
    cause = one.note or f"It is {one.word}."
    return (Problem(ref, one.name, look, summary, cause, "enter", "its containers", seen_ns),)


def describe(item: EngineItem, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    one, look, sums = item.record, health(item, view, now_ns), view.node_sums(item.id)
    cpu, memory = reserved(item, view)
    standing = (
        ("Address", cell(one.entry.url)),
        ("State", spans((f"{look.glyph} {one.word}", look.role), (_tail(one.note), Role.TEXT))),
        ("Maintenance", cell("yes: it takes no new containers" if one.in_maintenance else "no")),
        ("Last answer", cell(_answer(one, now_ns))),
        ("Failures", cell(f"{one.failures} in a row" if one.failures else "none")),
        ("Clock", cell(f"off by {one.skew_s:+.1f} s, corrected here" if one.skew_s else "as ours")),
        ("Named by", cell(one.entry.source or "–")),
    )
    machine = (
        ("ID", cell(one.id or "–")),
        ("Hostname", cell(one.hostname or "–")),
        ("Version", cell(f"{one.version} (API {one.api_version})" if one.version else "–")),
        ("Platform", cell(" ".join(filter(None, (one.os, one.architecture, one.kernel))) or "–")),
        ("CPUs", cell(_of(fmt.cpus(sums.nano_cpus), str(one.cpus), cpu))),
        ("Memory", cell(_of(fmt.size(sums.memory_bytes), fmt.size(one.memory_bytes), memory))),
        ("Containers", cell(f"{sums.running} running of {sums.tasks}")),
        ("Labels", cell("\n".join(fmt.label_list(one.labels)) or "–", Role.SPECIAL)),
    )
    return Section("Engine", standing), Section("Machine", machine)


def _answer(record: EngineRecord, now_ns: int) -> str:
    if not record.answered_at_s:
        return "none yet"
    return f"{fmt.age(int(record.answered_at_s * _NS), now_ns)} ago, after {record.answer_s * 1000:.0f} ms"


def _tail(text: str) -> str:
    return f"  {text}" if text else ""


def _of(used: str, have: str, share: float | None) -> str:
    return "–" if share is None else f"{used} of {have} reserved ({share:.0%})"


def _state(item: EngineItem, view: ClusterView, now_ns: int) -> FieldValue:
    return [item.record.word, str(item.record.state)]


KIND: ResourceKind[EngineItem] = ResourceKind(
    noun=NOUN,
    title="Engines",
    message=EngineItem,
    realm=Realm.ENGINES,
    columns=COLUMNS,
    row=row,
    sort_keys={
        "engine": lambda item, view, now: fmt.natural(item.record.name),
        "state": lambda item, view, now: (-health(item, view, now).severity, fmt.natural(item.record.name)),
        "containers": lambda item, view, now: -view.node_sums(item.id).tasks,
        "cpu": lambda item, view, now: -(reserved(item, view)[0] or 0),
        "mem": lambda item, view, now: -(reserved(item, view)[1] or 0),
        "version": lambda item, view, now: (fmt.natural(item.record.version), fmt.natural(item.record.name)),
        "address": lambda item, view, now: fmt.natural(item.record.entry.url),
    },
    default_sort="engine",
    name=name,
    health=health,
    problems=problems,
    describe=describe,
    fields={
        "state": _state,
        "label": lambda item, view, now: fmt.label_list(item.record.labels),
        "cpu": lambda item, view, now: reserved(item, view)[0],
        "mem": lambda item, view, now: reserved(item, view)[1],
        "containers": lambda item, view, now: float(view.node_sums(item.id).tasks),
        "running": lambda item, view, now: float(view.node_sums(item.id).running),
        "version": lambda item, view, now: item.record.version,
        "address": lambda item, view, now: item.record.entry.url,
        "maintenance": lambda item, view, now: "yes" if item.record.in_maintenance else "no",
        "id": lambda item, view, now: item.record.id,
    },
    listing=(),
    verbs=(
        "open",
        "describe",
        "availability",
        "maintain",
        "activate",
        "pin",
        "yaml",
        "json",
        "copy",
        "remove",
    ),
    drill_in=lambda item, view: Link("containers", NOUN, item.id),
    list_key="V",
    tree_cells={"state": "state", "where": "address", "cause": "note"},
    empty_hint="n adds one",
    aliases=("engines", "eng"),
)
