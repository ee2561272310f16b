"""The cluster itself: its settings and join tokens, and the managers' quorum that the header shows."""

from dataclasses import dataclass

from swarm_core.api.proto import objects_pb2
from swarm_core.api.timestamps import duration_s, timestamp_ns

from swarm_tui.resources import format as fmt
from swarm_tui.resources import managers, nodes
from swarm_tui.resources.model import (
    ClusterView,
    Column,
    Health,
    Link,
    Listing,
    Problem,
    ResourceKind,
    Role,
    RowCells,
    Section,
    cell,
)
from swarm_tui.resources.refs import ObjectRef

Cluster = objects_pb2.Cluster
COLUMNS = (
    Column("name", "NAME", 12, grow=1),
    Column("managers", "MANAGERS", 20, grow=1, wanted=48),
    Column("age", "AGE", 4),
)


@dataclass(frozen=True, slots=True)
class Quorum:
    """How the managers stand: what the header says."""

    managers: int
    reachable: int
    leader: str
    """The leader's name; empty while nobody leads, or a peer does not tell."""
    term: int = 0
    """Raft's term, 0 where it is not told."""

    @property
    def tolerates(self) -> int:
        """How many more managers may be lost before nothing can be changed."""
        return max(self.reachable - self.managers // 2 - 1, 0)

    @property
    def is_lost(self) -> bool:
        return bool(self.managers) and self.reachable <= self.managers // 2

    @property
    def count(self) -> str:
        """How many are reached: "2 of 3 managers reachable". While nobody leads, nobody tells which of them are."""
        if not self.reachable and not self.leader:
            return f"none of {fmt.plural(self.managers, 'manager')} leads"
        return f"{self.reachable} of {fmt.plural(self.managers, 'manager')} reachable"


def quorum(view: ClusterView) -> Quorum:
    """The managers' group as last listed."""
    members = [node for node in view.objects(objects_pb2.Node) if managers.is_member(node)]
    reachable = sum(map(managers.is_reached, members))
    leader = next((nodes.name(node, view) for node in members if node.manager_status.leader), "")
    return Quorum(len(members), reachable, leader, view.raft.term if view.raft is not None else 0)


def quorum_text(state: Quorum) -> str:
    """The quorum in words: "3 managers · leader m1 · tolerates 1 · term 7"."""
    return "".join(quorum_words(state))


def quorum_words(state: Quorum) -> tuple[str, str]:
    """The same in two pieces; the second, raft's term, may be left out where room is short."""
    if not state.managers:
        return "no manager known", ""
    parts = [fmt.plural(state.managers, "manager"), f"leader {state.leader}" if state.leader else "no leader"]
    if state.is_lost:
        parts.append("quorum lost")
    elif state.managers > 1:
        parts.append(f"tolerates {state.tolerates}")
    return " · ".join(parts), f" · term {state.term}" if state.term else ""


def name(item: Cluster, view: ClusterView | None = None) -> str:
    return item.spec.annotations.name or fmt.short_id(item.id)


def health(item: Cluster, view: ClusterView, now_ns: int) -> Health:
    return _managers_health(quorum(view))


def _managers_health(state: Quorum) -> Health:
    if state.is_lost:
        return Health.FAILED
    return Health.WARNING if state.reachable < state.managers else Health.OK


def problems(item: Cluster, view: ClusterView, now_ns: int) -> tuple[Problem, ...]:
    state = quorum(view)
    look = _managers_health(state)
    if look is Health.OK:
        return ()
    text = (
        "No majority of the managers is left: nothing can be changed until one returns, and nodes and tasks are shown as they were then."
        if state.is_lost
        else f"The loss of {fmt.plural(state.tolerates + 1, 'more manager')} would stop every change."
    )
    return (
        Problem(
            ObjectRef(view.cluster, "cluster", item.id), "managers", look, state.count, text, "2", "nodes"
        ),
    )


def row(item: Cluster, view: ClusterView, now_ns: int) -> RowCells:
    return (
        cell(name(item)),
        cell(quorum_text(quorum(view)), Role.MUTED),
        cell(fmt.age_of(item.meta.created_at, now_ns), Role.MUTED),
    )


def describe(item: Cluster, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    spec = item.spec
    expiry = duration_s(spec.ca_config.node_cert_expiry)
    tokens = item.root_ca.join_tokens
    return (
        Section(
            "Cluster",
            (
                ("ID", cell(item.id)),
                ("Name", cell(name(item))),
                ("Managers", cell(quorum_text(quorum(view)))),
                ("Created", cell(fmt.moment(timestamp_ns(item.meta.created_at)))),
                ("Labels", cell(fmt.labels_below(spec.annotations.labels), Role.SPECIAL)),
            ),
        ),
        Section(
            "Settings",
            (
                ("Task history", cell(f"{spec.orchestration.task_history_retention_limit} per slot")),
                ("Heartbeat", cell(f"{duration_s(spec.dispatcher.heartbeat_period):g}s")),
                ("Certificates", cell(f"valid for {fmt.short_duration(expiry)}" if expiry else "–")),
                ("Log driver", cell(spec.task_defaults.log_driver.name or "–")),
                ("Autolock", cell("on" if spec.encryption_config.auto_lock_managers else "off")),
            ),
        ),
        Section(
            "Join tokens",
            (
                ("Worker", cell(tokens.worker or "–", Role.SPECIAL)),
                ("Manager", cell(tokens.manager or "–", Role.SPECIAL)),
                ("CA digest", cell(item.root_ca.ca_cert_hash or "–", Role.MUTED)),
            ),
        ),
    )


KIND: ResourceKind[Cluster] = ResourceKind(
    noun="cluster",
    title="Cluster",
    message=Cluster,
    columns=COLUMNS,
    row=row,
    sort_keys={"name": lambda item, view, now: fmt.natural(name(item))},
    default_sort="name",
    name=name,
    health=health,
    problems=problems,
    describe=describe,
    fields={"id": lambda item, view, now: item.id},
    listing=(
        Listing("ID", "ID", lambda item, view, now: item.id),
        Listing("NAME", "Name", lambda item, view, now: name(item)),
    ),
    verbs=("open", "describe", "pin", "yaml", "json", "compare", "copy", "copy_command"),
    drill_in=lambda item, view: Link("nodes"),
    depends_on=(objects_pb2.Node,),
    aliases=("clusters",),
)
