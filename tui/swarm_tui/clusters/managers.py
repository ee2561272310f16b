"""Keeps a mirror told of how its managers stand, for as long as it runs. The rhythm is `client.managers.ManagerWatch`'s;
here is known when something happened to a manager: everything was listed anew, the stream is back, or a manager's node
changed.
"""

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.managers import Managers, ManagerWatch, statuses_of

from swarm_tui.clusters.changes import Changes, Phase
from swarm_tui.clusters.session import Session

_Node = objects_pb2.Node


class ManagerNews:
    """See the module's text."""

    def __init__(self, session: Session) -> None:
        self._mirror = session.mirror
        self._watch = ManagerWatch(session.control, clock=session.clock, tell=self._tell)
        self._versions: dict[str, int] = {}

    def set_looked_at(self, is_looked_at: bool) -> None:
        """Whether somebody looks at what the mirror tells."""
        self._watch.set_looked_at(is_looked_at)

    async def run(self) -> None:
        """Ask and tell until cancelled."""
        unlisten = self._mirror.listen(self._hear)
        try:
            await self._watch.run()
        finally:
            unlisten()

    def _tell(self, told: Managers) -> None:
        self._mirror.apply(Managers(self._without_a_leader(), None) if told.is_leaderless else told)
        self._mirror.flush()

    def _without_a_leader(self) -> dict[str, types_pb2.ManagerStatus]:
        """Every manager's status while nobody leads: who of them is reached, nobody tells."""
        statuses = {}
        for node_id, before in statuses_of(self._mirror.objects(_Node)).items():
            status = statuses[node_id] = types_pb2.ManagerStatus()
            status.CopyFrom(before)
            status.leader = False
            status.reachability = types_pb2.RaftMemberStatus.UNKNOWN
        return statuses

    def _hear(self, changes: Changes) -> None:
        is_live_again = changes.is_stream and self._mirror.stream.phase is Phase.LIVE
        if changes.is_reset:
            nodes = self._mirror.objects(_Node)
            self._versions = {node.id: node.meta.version.index for node in nodes if _is_manager(node)}
        news = [node_id for node_id in changes.of(_Node) if self._is_news(node_id)]
        if changes.is_reset or is_live_again or news:
            self._watch.ask_now()

    def _is_news(self, node_id: str) -> bool:
        """Whether a manager's node changed. What was told here touches nodes too, but leaves their versions alone."""
        node = self._mirror.get(_Node, node_id)
        if node is None:
            return self._versions.pop(node_id, None) is not None
        before = self._versions.get(node_id)
        if before is None and not _is_manager(node):
            return False
        self._versions[node_id] = node.meta.version.index
        return before != node.meta.version.index


def _is_manager(node: objects_pb2.Node) -> bool:
    return types_pb2.MANAGER in (node.role, node.spec.desired_role)
