"""What stands above several clusters that are shown as one: how large they are together, which lost its quorum, whose stream is lost. Pure."""

from typing import Final

from swarm_tui.clusters.changes import Phase
from swarm_tui.clusters.merged import OLD
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import cluster
from swarm_tui.resources.format import plural, short_duration
from swarm_tui.widgets.bars import Part
from swarm_tui.widgets.paint import Span

_NS: Final = 1_000_000_000


def quorum_part(parts: tuple[Mirror, ...]) -> Part:
    """ "2 clusters · each has its quorum", or how many lost it or are short of managers, and which."""
    states = {
        part.cluster: cluster.quorum(part) for part in parts if part.stream.phase is not Phase.CONNECTING
    }
    lost = [name for name, state in states.items() if state.is_lost]
    short = [name for name, state in states.items() if state.reachable < state.managers and not state.is_lost]
    heads = [("   ", "text"), (plural(len(parts), "cluster"), "muted"), (" · ", "muted")]
    if lost:
        words: Span = (f"{len(lost)} lost its quorum: {', '.join(lost)}", "error")
        if len(lost) > 1:
            words = (f"{len(lost)} lost their quorum: {', '.join(lost)}", "error")
    elif short:
        words = (f"managers missing in {', '.join(short)}", "warning")
    else:
        words = ("each has its quorum", "muted")
    return Part([*heads, words], rank=1 if lost or short else 3)


def stream_spans(parts: tuple[Mirror, ...], now_ns: int) -> list[Span]:
    """How fresh what is shown is: of each whose stream is not live, and of how many it is."""
    live = sum(part.stream.phase is Phase.LIVE for part in parts)
    spans: list[Span] = []
    for part in parts:
        since = short_duration(max(now_ns - part.stream.since_ns, 0) / _NS)
        if part.stream.phase in OLD:
            spans.append((f"◌ {part.cluster} STALE {since}  ", "warning+bold"))
        elif part.stream.phase is Phase.CONNECTING:
            spans.append((f"⟳ {part.cluster} connecting {since}  ", "accent"))
    return [
        *spans,
        (f"● live {live} of {len(parts)}" if live < len(parts) else "● live", "ok" if live else "muted"),
    ]
