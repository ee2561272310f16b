"""What stands above everything: which cluster, how large, who leads, what is wrong, how fresh. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from swarm_core.api.proto import objects_pb2

from swarm_tui.clusters.allowance import Level, named
from swarm_tui.clusters.changes import Phase
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Session
from swarm_tui.engines.mirror import EngineMirror
from swarm_tui.resources import cluster
from swarm_tui.resources.engines.items import ContainerItem, EngineItem
from swarm_tui.resources.format import plural, short_duration
from swarm_tui.resources.model import Health, Realm
from swarm_tui.shell.merged_header import quorum_part
from swarm_tui.shell.merged_header import stream_spans as several_streams
from swarm_tui.widgets.bars import Part
from swarm_tui.widgets.clock_text import time_of_day
from swarm_tui.widgets.paint import Span

_NS_PER_S: Final = 1_000_000_000
_LEVEL_ROLES: Final = {Level.LOOK: "ok", Level.OPERATE: "accent", Level.CONFIGURE: "warning"}
_SHOWN_LAG_NS_MAX: Final = 10 * _NS_PER_S
"""A lag beyond this tells of two clocks that differ, or of an object left alone, not of the stream."""
_LAG_WIDTH: Final = len(" 999 ms")


def left_parts(session: Session) -> list[Part]:
    """Cluster, sizes and quorum."""
    mirror = session.mirror
    parts = [Part([(f" ◆ {session.title} ", "on-accent+bold")], ground="badge")]
    if (level := session.allowance.level) < Level.IMPACT and not session.is_past:
        parts.append(Part([(f"  {named(level)}", _LEVEL_ROLES[level])]))
    if mirror.stream.phase is Phase.CONNECTING:
        return parts
    return [*parts, *_STANDINGS[mirror.realm](mirror)]


def _cluster_standing(mirror: Mirror) -> list[Part]:
    """Sizes, and whether the managers can decide."""
    if len(mirror.parts) > 1:
        return [Part([(f"  {_sizes(mirror)}", "text")], rank=2), quorum_part(mirror.parts)]
    state = cluster.quorum(mirror)
    # How many managers may be lost is needed most when one is: then nothing but the problems' counts matters more.
    is_short = state.reachable < state.managers
    role = "error" if state.is_lost else "warning" if is_short else "muted"
    rank = 1 if is_short else 3
    words, term = cluster.quorum_words(state)
    return [
        Part([(f"  {_sizes(mirror)}", "text")], rank=2),
        Part([("   ", "text"), (words, role)], rank=rank),
        Part([(term, "muted")], rank=4),
    ]


def right_parts(session: Session, failures: int, warnings: int, lag_ns: int) -> list[Part]:
    """Problems, the stream's age and how late its newest change came, the time."""
    parts: list[Part] = [Part([("  ", "text")])] if failures or warnings else []
    if failures:
        parts.append(Part([(f"✖ {failures}", "error+bold"), ("  ", "text")]))
    if warnings:
        parts.append(Part([(f"▲ {warnings}", "warning+bold"), ("  ", "text")]))
    parts.append(Part([(" ", "text"), *stream_spans(session, lag_ns), ("  ", "text")], rank=1))
    parts.append(Part([(f" {time_of_day(session.now_ns)} ", "muted")], rank=5))
    return parts


def stream_spans(session: Session, lag_ns: int = 0) -> list[Span]:
    """How fresh what is shown is."""
    if session.is_past:
        return [("◀ REWIND", "error+bold")]
    if len(session.mirror.parts) > 1:
        return several_streams(session.mirror.parts, session.now_ns)
    stream = session.mirror.stream
    since = short_duration((session.now_ns - stream.since_ns) / _NS_PER_S)
    match stream.phase:
        case Phase.LIVE:
            # As wide for one digit as for three: what stands beside it would else come and go with it.
            lag = f" {lag_ns // 1_000_000} ms".ljust(_LAG_WIDTH) if 0 < lag_ns < _SHOWN_LAG_NS_MAX else ""
            return [(f"● live{lag}", "ok")]
        case Phase.STALE:
            return [(f"◌ STALE {since}", "warning+bold")]
        case Phase.RESYNCING:
            return [(f"⟳ listing anew {since}", "warning")]
        case Phase.CONNECTING:
            return [(f"⟳ connecting {since}", "accent")]


def summary(session: Session, failures: int, warnings: int) -> list[Span]:
    """Everything in one line, for a terminal that has room for nothing else."""
    spans: list[Span] = [(f"{session.title} ", "accent+bold")]
    if session.mirror.stream.phase is not Phase.CONNECTING:
        if failures:
            spans.append((f"✖ {failures} ", "error+bold"))
        if warnings:
            spans.append((f"▲ {warnings} ", "warning+bold"))
    spans.extend(stream_spans(session))
    if session.mirror.stream.phase is not Phase.CONNECTING:
        spans.append((f" {_sizes(session.mirror)}", "text"))
    return spans


def _engines_standing(mirror: Mirror) -> list[Part]:
    """How many engines, how many of them need a person, and what is on them."""
    assert isinstance(mirror, EngineMirror)
    failed, waiting = mirror.looks[Health.FAILED], mirror.looks[Health.MOTION]
    parts = [Part([(f"  engines: {len(mirror.ids(EngineItem))}", "text")], rank=1)]
    if failed:
        parts.append(Part([(f" · {failed} unhealthy", "error+bold")], rank=1))
    if waiting:
        parts.append(Part([(f" · {waiting} connecting", "accent")], rank=2))
    containers = plural(len(mirror.ids(ContainerItem)), "container")
    parts.append(Part([(f"   {mirror.running} of {containers} running", "muted")], rank=3))
    return parts


def _sizes(mirror: Mirror) -> str:
    return _SIZES[mirror.realm](mirror)


def _engine_sizes(mirror: Mirror) -> str:
    return f"{plural(len(mirror.ids(EngineItem)), 'engine')}  {plural(len(mirror.ids(ContainerItem)), 'container')}"


def _cluster_sizes(mirror: Mirror) -> str:
    counts = [
        plural(len(mirror.ids(objects_pb2.Node)), "node"),
        plural(len(mirror.ids(objects_pb2.Service)), "service"),
        plural(mirror.tasks_alive, "task"),
    ]
    return "  ".join(counts)


_STANDINGS: Final[Mapping[Realm, Callable[[Mirror], list[Part]]]] = {
    Realm.CLUSTER: _cluster_standing,
    Realm.ENGINES: _engines_standing,
}
_SIZES: Final[Mapping[Realm, Callable[[Mirror], str]]] = {
    Realm.CLUSTER: _cluster_sizes,
    Realm.ENGINES: _engine_sizes,
}
