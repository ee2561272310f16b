"""What is said once when it happens, whatever view is shown: a new leader, a lost connection, and changes that were missed."""

from swarm_core.api.proto import objects_pb2

from swarm_tui.clusters.changes import Changes, Phase
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources.cluster import quorum
from swarm_tui.resources.format import plural


class Notices:
    """Remembers what was said of one cluster."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self.cluster = mirror.cluster
        self._leader = ""
        self._missed_told = 0
        self._loss_told = ""

    def of(self, changes: Changes) -> list[str]:
        """What there is to say about these changes."""
        said = []
        if changes.is_reset or changes.of(objects_pb2.Node):
            said += self._new_leader()
        if changes.is_stream:
            said += self._loss()
            said += self._missed()
        return said

    def _loss(self) -> list[str]:
        """Why nothing new comes; each reason once while it lasts."""
        stream = self._mirror.stream
        reason, before = stream.reason if stream.phase is Phase.STALE else "", self._loss_told
        self._loss_told = reason
        return [f"No connection · {reason}"] if reason and reason != before else []

    def _missed(self) -> list[str]:
        stream = self._mirror.stream
        missed, self._missed_told = stream.missed - self._missed_told, stream.missed
        if stream.phase is Phase.LIVE and missed > 0:
            return [f"Back again · {plural(missed, 'change')} while away"]
        return []

    def _new_leader(self) -> list[str]:
        leader, before = quorum(self._mirror).leader, self._leader
        self._leader = leader or before
        if leader and before and leader != before:
            return [f"{leader} leads now, after {before}"]
        return []
