"""What the storage beside the cluster may know of it, so as to judge the calls that it gets."""

from collections.abc import Collection, Sequence

from swarm_testkit.simulation.checkers import Ledger
from swarm_testkit.simulation.nodes import NodeMachine
from swarm_testkit.simulation.place_checkers import PlaceLedger


class ClusterWitness:
    """See storage.Witness. `machines` is filled while the world is made."""

    def __init__(self, ledger: Ledger, places: PlaceLedger, machines: Sequence[NodeMachine]) -> None:
        self._ledger, self._places, self._machines = ledger, places, machines

    def leads(self, host: str) -> bool:
        leaders = self._ledger.leaders
        return bool(leaders) and leaders[max(leaders)].startswith(f"{host} (")

    def has_volume(self, volume_id: str) -> bool:
        return self._places.has_volume(volume_id)

    def is_in_cluster(self, host: str) -> bool:
        found = self._machine(host).identity
        return found is not None and self._places.has_node(found.node_id)

    def users(self, host: str, volume_id: str) -> Collection[str]:
        machine = self._machine(host)
        now_s = machine.host.clock.monotonic()
        running = {
            task_id
            for task_id, work in machine.works.works.items()
            if work.started_s is not None and work.result(now_s) is None
        }
        return running & set(self._places.users(volume_id))

    def _machine(self, host: str) -> NodeMachine:
        return next(one for one in self._machines if one.host.name == host)
