"""What this node's manager finds in the state directory, and what is removed when the node is none any more
(port supervisor.ManagerData)."""

import logging
from collections.abc import Callable

from swarm_core.ca.errors import NoLocalIdentity

from swarm_agentd.node.launcher import Launch, ToldKey
from swarm_agentd.node.managers import KnownManagers
from swarm_agentd.node.ports import NodeState
from swarm_agentd.node.renewal import forget_raft
from swarm_agentd.node.unlock import UnlockKeys

_log = logging.getLogger(__name__)


class NodeManagerData:
    """`locked` is called when a key file in the clear is about to be put under an unlock key."""

    def __init__(
        self,
        state: NodeState,
        unlock: UnlockKeys,
        managers: KnownManagers,
        locked: Callable[[], None],
        *,
        force_new_cluster: bool = False,
    ) -> None:
        self._state, self._key_file, self._unlock = state, state.key_file, unlock
        self._managers, self._locked = managers, locked
        self._force_new_cluster = force_new_cluster

    def launch(self) -> Launch:
        """See supervisor.ManagerData. A manager with a log goes on with it, a founder begins one; any other joins.
        Others are given up once: those that join later are not lost."""
        forced, self._force_new_cluster = self._force_new_cluster, False
        peer = None if self._state.has_root_key or forced else self._managers.elsewhere()
        join = "" if peer is None else peer.addr
        return Launch(self._unlock.opening(self._key_file), join, force_new_cluster=forced)

    def learn(self, told: ToldKey) -> None:
        """See supervisor.ManagerData. A key that was in the clear is replaced: copies of it may exist."""
        self._unlock.learn(told.key)
        if told.locks:
            self._locked()

    def clear(self) -> None:
        """See supervisor.ManagerData."""
        self._state.remove_raft()
        try:
            self._key_file.update_headers(forget_raft)
        except NoLocalIdentity:
            _log.debug("there is no key file to clear")
