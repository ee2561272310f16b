"""The second phase: nothing fails any more, and within a bound of time the cluster must be well.

People do what they would do after such a time: they make every node active, remove nodes of machines that are no more, wipe
machines whose node is no more, have another root CA in the place of one that a wrong clock made, and update services whose update is
paused or whose tasks always fail. Nothing else is set right by hand.
"""

import asyncio
from collections.abc import Callable, Sequence

from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.client.errors import ClientError

from swarm_testkit.simulation.checkers import Findings, Ledger
from swarm_testkit.simulation.end_of_supplies import missing_supplies
from swarm_testkit.simulation.life import Life
from swarm_testkit.simulation.nodes import NodeMachine
from swarm_testkit.simulation.order_recovery import missing_orders, needs_help
from swarm_testkit.simulation.orders import mended
from swarm_testkit.simulation.people import People
from swarm_testkit.simulation.storage import Storage
from swarm_testkit.simulation.trust_checkers import missing_members, missing_trust
from swarm_testkit.simulation.waiting import WaitingTasks
from swarm_testkit.simulation.ways import Verifier

_LOOK_S = 0.5


class Recovery:
    """`limit_s` is the bound; `now` is the true time."""

    def __init__(
        self,
        machines: Sequence[NodeMachine],
        people: People,
        ledger: Ledger,
        findings: Findings,
        verifier: Verifier,
        storage: Storage,
        now: Callable[[], float],
    ) -> None:
        self._machines, self._people = machines, people
        self._ledger, self._findings = ledger, findings
        self._verifier, self._now = verifier, now
        self._storage, self.waiting = storage, WaitingTasks(findings, now)
        self._is_tidy = False

    async def run(self, limit_s: float) -> float:
        """Wait until the cluster is well; how long that took."""
        start = self._now()
        while (missing := self._missing()) and not self._findings.texts:
            if self._now() - start > limit_s:
                self._findings.add(f"not well {limit_s:.0f} s after the last fault: {missing}")
                break
            await asyncio.sleep(_LOOK_S)
            if not self._is_tidy:
                await self._tidy()
            await self._help_services()
        if not self._findings.texts:
            self._judge_state()
        return self._now() - start

    async def _tidy(self) -> None:
        """One look at the nodes, as people see them; done once all is as they wish."""
        try:
            nodes = await self._people.nodes()
            owned = {found.node_id: one for one in self._machines if (found := one.identity) is not None}
            known = {node.id for node in nodes}
            lost = [machine for node_id, machine in owned.items() if node_id not in known]
            for machine in lost:
                machine.forget()
            strays = [node for node in nodes if node.id not in owned]
            for node in strays:
                await self._people.remove(node)
            passive = [node for node in nodes if node.spec.availability != NodeSpec.ACTIVE]
            for node in passive:
                await self._people.change_node(node.id, _set_active)
        except ClientError:
            return
        if is_future := self._people.has_root_of_the_future():
            await self._people.rotate_root()
        is_all = len(owned) == len(self._machines)
        self._is_tidy = is_all and not (lost or strays or passive or is_future)

    async def _help_services(self) -> None:
        """Update those that do not come right by themselves; what is refused is tried again with the next look."""
        lives = [one.life for one in self._machines if one.life is not None and one.life.has_begun]
        leaders = [life for life in lives if life.raft.leadership.is_leader]
        if len(leaders) != 1:
            return
        stuck = self.waiting.look(leaders[0].host.name, leaders[0].store)
        for service in needs_help(leaders[0].store, stuck):
            await self._people.update_service(mended(service))

    def _missing(self) -> str:
        """What is not well yet, in a few words."""
        if not self._is_tidy:
            return "people are not done"
        lives = [one.life for one in self._machines if one.identity is not None and one.identity.is_manager]
        alive = [life for life in lives if life is not None and life.has_begun]
        if len(alive) < len(lives):
            return "a manager is down"
        leaders = [life for life in alive if life.raft.leadership.is_leader]
        if len(leaders) != 1 or len({life.raft.leadership.leader_id for life in alive}) != 1:
            return (
                f"{len(leaders)} leaders, taken for it: {[life.raft.leadership.leader_id for life in alive]}"
            )
        ids = sorted(life.raft.members.raft_id for life in alive)
        if any([member.raft_id for member in life.raft.members.all()] != ids for life in alive):
            return "not every manager is a member everywhere"
        positions = [(life.raft.status().applied, life.machine.sum.total) for life in alive]
        if len(set(positions)) != 1:
            return f"members are not equal: applied {[applied for applied, _ in positions]}"
        store = leaders[0].store
        return (
            missing_trust(store, self._machines, self._verifier)
            or missing_members(store, self._machines)
            or missing_orders(store, self._machines)
            or missing_supplies(leaders[0], self._machines, self._storage)
        )

    def _judge_state(self) -> None:
        life: Life | None = next(one.life for one in self._machines if one.life is not None)
        assert life is not None
        for key, change in self._ledger.newest.items():
            if (change.digest is not None) != (key in life.machine.sum):
                self._findings.add(f"{key} of index {change.index} is not what the members hold")


def _set_active(spec: NodeSpec) -> None:
    spec.availability = NodeSpec.ACTIVE
