"""A node's part in the managers' group: leader or not, reached or not, how far it has come with raft's log."""

from typing import Final

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.raft_status_pb2 import MemberProgress

from swarm_tui.resources.model import DASH, EMPTY, Cell, ClusterView, Role, Section, cell, spans

Node = objects_pb2.Node
_Raft = types_pb2.RaftMemberStatus
BEHIND_WARNING: Final = 500
"""What a member lacks in a moment of many writes is soon made up for."""


def is_member(node: Node) -> bool:
    """Whether the node is one of the managers. Who was demoted is none as soon as its role says so, whatever was told of it
    as a manager before."""
    return node.HasField("manager_status") and node.role == types_pb2.MANAGER


def is_reached(node: Node) -> bool:
    """Whether the leader hears from this manager."""
    return node.manager_status.reachability == _Raft.REACHABLE


def word(node: Node) -> str:
    """The node's part in the managers' group; empty for a worker."""
    if not is_member(node):
        return "Unknown" if node.spec.desired_role == types_pb2.MANAGER else ""
    if node.manager_status.leader:
        return "Leader"
    return {_Raft.REACHABLE: "Reachable", _Raft.UNREACHABLE: "Unreachable"}.get(
        node.manager_status.reachability, "Unknown"
    )


def progress(node: Node, view: ClusterView) -> MemberProgress | None:
    """How far the node has come with raft's log; None for workers, and where it is not told."""
    if view.raft is None:
        return None
    return next((member for member in view.raft.members if member.node_id == node.id), None)


def log_position(node: Node, view: ClusterView) -> Cell:
    """The newest entry that the manager has, and how many it lacks: "1204 −3"."""
    member = progress(node, view)
    if member is None or view.raft is None:
        return DASH if node.HasField("manager_status") else EMPTY
    behind = view.raft.last_index - member.match_index
    if not member.is_recently_active and member.raft_id != view.raft.leader_raft_id:
        return spans(
            (f"{member.match_index}", Role.MUTED),
            (f" −{behind} silent" if behind else " silent", Role.WARNING),
        )
    if member.state == MemberProgress.SNAPSHOT:
        return spans((f"{member.match_index}", Role.MUTED), (" ⟳ snapshot", Role.MOTION))
    late = Role.WARNING if behind > BEHIND_WARNING else Role.MUTED
    return spans((f"{member.match_index}", Role.MUTED), (f" −{behind}" if behind else "", late))


def word_cell(node: Node) -> Cell:
    """The same as a cell of a row."""
    shown = word(node)
    return cell(shown, Role.ERROR if shown == "Unreachable" else Role.MUTED)


def log_words(node: Node, view: ClusterView) -> Cell:
    """The same in words: "1201 of 1204, 1203 committed · 3 behind"."""
    member = progress(node, view)
    if member is None or view.raft is None:
        return DASH
    behind = view.raft.last_index - member.match_index
    words = f"{member.match_index} of {view.raft.last_index}, {view.raft.commit_index} committed"
    if member.raft_id != view.raft.leader_raft_id:
        words += f" · {behind} behind" if behind else " · up to date"
        if not member.is_recently_active:
            words += " · not heard from"
        elif member.state == MemberProgress.SNAPSHOT:
            words += " · is sent a snapshot"
    return cell(words, Role.TEXT if member.is_recently_active else Role.WARNING)


def section(node: Node, view: ClusterView) -> Section | None:
    """The part of a node's description that is about it as a manager; None for a worker."""
    shown = word(node)
    if not shown:
        return None
    status = node.manager_status
    return Section(
        "Manager",
        (
            ("Status", cell(shown)),
            ("Raft ID", cell(f"{status.raft_id:x}" if status.raft_id else "–")),
            ("Address", cell(status.addr or "–")),
            ("Term", cell(str(view.raft.term) if view.raft is not None else "–")),
            ("Log position", log_words(node, view)),
        ),
    )
