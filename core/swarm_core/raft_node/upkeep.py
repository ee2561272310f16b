"""Work on the log beside the loop's own: snapshots when they are due, and the steps of a key rotation."""

from collections.abc import Callable

from swarm_core.raft.types import Snapshot
from swarm_core.raft_node.applier import Applier
from swarm_core.raft_node.config import LogLimits
from swarm_core.raft_node.core import Core
from swarm_core.raft_node.log.key_rotation import KeyRotation
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.raft_node.log.snapshotter import Snapshotter
from swarm_core.raft_node.machine import StateMachine
from swarm_core.runtime.memory import give_back
from swarm_core.runtime.tasks import Group

# So much must have come, or have been let go with a snapshot, before it is worth looking for free pages.
GIVE_BACK_BYTES = 16 << 20
GIVE_BACK_PAUSE_S = 3.0


class Upkeep:
    """Made after the start."""

    def __init__(
        self,
        core: Core,
        applier: Applier,
        machine: StateMachine,
        keyring: Keyring,
        limits: Callable[[], LogLimits],
    ) -> None:
        self._core = core
        self._applier = applier
        self._machine = machine
        self._snapshotter = Snapshotter(core.disk, core.storage, limits)
        self._rotation = KeyRotation(core.disk, keyring, core.storage)
        self._given_back_at = 0
        self._is_giving_back = False
        self._has_let_go = False

    def is_due(self) -> bool:
        """Whether `advance` has a step to take."""
        return (
            self._may_give_back()
            or self._rotation.is_due(snapshot_is_running=self._snapshotter.is_running)
            or self._wants_snapshot()
        )

    async def advance(self, group: Group) -> None:
        """Take the steps that are due; a snapshot is taken by a task of `group`. Raises DiskFailed."""
        if self._may_give_back():
            self._is_giving_back, self._has_let_go = True, False
            group.spawn(self._give_back(), name="raft-memory")
        await self._rotation.advance(snapshot_is_running=self._snapshotter.is_running)
        if self._wants_snapshot():
            self._snapshotter.is_running = True
            group.spawn(self._take_snapshot(), name=f"raft-snapshot-{self._applier.index}")

    def _may_give_back(self) -> bool:
        came = self._applier.bytes_applied - self._given_back_at
        return not self._is_giving_back and (came >= GIVE_BACK_BYTES or self._has_let_go)

    def _wants_snapshot(self) -> bool:
        applied = self._applier.index
        if self._snapshotter.is_running or applied <= self._snapshotter.index:
            return False
        is_due = self._snapshotter.is_due(applied, self._applier.log_bytes)
        return is_due or self._rotation.wants_snapshot(applied)

    async def _give_back(self) -> None:
        """What large entries and the objects in them took goes back to the machine, once they are likely to be gone."""
        await self._core.clock.sleep(GIVE_BACK_PAUSE_S)
        self._given_back_at = self._applier.bytes_applied
        await self._core.disk.run_aside(give_back)
        self._is_giving_back = False
        self._core.wake.set()

    async def _take_snapshot(self) -> None:
        applier = self._applier
        at = Snapshot(applier.index, applier.term, applier.conf_state)
        covered = applier.log_bytes
        try:
            await self._snapshotter.take(at, applier.membership.to_snapshot(), self._machine.snapshot())
            # One that came from the leader meanwhile has covered them already.
            applier.log_bytes = max(applier.log_bytes - covered, 0)
            self._has_let_go = covered >= GIVE_BACK_BYTES
        except Exception as error:  # noqa: BLE001 - the loop raises it
            self._core.standing.fail(error)
        self._core.wake.set()
