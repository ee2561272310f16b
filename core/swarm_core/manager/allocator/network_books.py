"""What a network gets: subnets with their gateways, and overlay identifiers (docs/design/allocator.md 4.7). Pure.

Rules
1. What the store has is kept: it is put on the books first, and only the rest is allocated. So a leader of another make goes on
   with the networks of this one, and this one with those of the other.
2. A network of the driver `overlay`, which is the one used when none is named, is the cluster's: it has subnets and identifiers.
3. The networks of each machine on its own (`bridge`, `host`, `ipvlan`, `macvlan`) get their driver's name and nothing else.
4. Drivers and address management of plugins cannot be asked here.
"""

from swarm_core.api.proto.objects_pb2 import Network
from swarm_core.api.proto.types_pb2 import IPAMConfig
from swarm_core.manager.allocator.addresses import first_address, is_allocated
from swarm_core.manager.allocator.errors import CannotAllocate
from swarm_core.manager.allocator.overlay_ids import OPTION, OverlayIds, listed
from swarm_core.manager.allocator.subnets import Pools, Subnets, asks_for_size, parsed, subnets_of
from swarm_core.specs.network import DEFAULT_IPAM, IPAM_DRIVERS, NODE_LOCAL, OVERLAY, Subnet

_SERIAL = "com.docker.network.ipam.serial"


class NetworkBooks:
    """The subnets and overlay identifiers of all networks."""

    def __init__(self, pools: Pools) -> None:
        self._subnets = Subnets(pools)
        self._ids = OverlayIds()

    @property
    def pools(self) -> Pools:
        return self._subnets.pools

    def hold(self, network: Network) -> None:
        """Note what a network has by the store. One that an allocator has not looked at has nothing."""
        if not is_allocated(network):
            self.release(network.id)
            return
        self._subnets.hold(network, subnets_of(network))
        try:
            chosen = listed(network.spec.driver_config.options)
            numbers = listed(network.driver_state.options)
        except CannotAllocate:
            numbers = chosen = []  # of another make's driver, whose option means something else
        self._ids.hold(network, numbers, chosen)

    def release(self, network_id: str) -> bool:
        """Forget what the network has; whether it had anything."""
        had_subnets = self._subnets.release(network_id)
        return self._ids.release(network_id) or had_subnets

    def allocate(self, network: Network) -> Network:
        """The network with all it needs, which is on the books from now on. Raises CannotAllocate."""
        driver = network.spec.driver_config.name or OVERLAY
        made = Network()
        made.CopyFrom(network)
        if driver in NODE_LOCAL:
            made.driver_state.Clear()
            made.driver_state.name = driver
            made.ipam.Clear()
            # Older agents expect a driver to be there, whatever it is.
            made.ipam.driver.SetInParent()
        elif driver != OVERLAY:
            raise CannotAllocate(f"network driver {driver!r} is a plugin's, which this manager cannot ask")
        else:
            self._give_subnets(made)
            self._give_ids(made)
        self.hold(made)
        return made

    def _give_subnets(self, made: Network) -> None:
        ipam = made.ipam if made.ipam.configs else made.spec.ipam
        driver = made.spec.ipam.driver
        if driver.name not in IPAM_DRIVERS:
            raise CannotAllocate(f"the addresses of plugin {driver.name!r} cannot be asked for here")
        configs = [_copy(config) for config in ipam.configs] or [IPAMConfig(family=IPAMConfig.IPV4)]
        given: list[Subnet] = []
        for config in configs:
            subnet = self._subnet(made.id, config, given)
            given.append(subnet)
            if parsed(config.subnet) != subnet:
                config.subnet = str(subnet)
            config.gateway = config.gateway or first_address(config)
        del made.ipam.configs[:]
        made.ipam.configs.extend(configs)
        made.ipam.driver.name = DEFAULT_IPAM
        for key, value in driver.options.items():
            made.ipam.driver.options[key] = value
        if driver.options:
            made.ipam.driver.options.setdefault(_SERIAL, "true")

    def _subnet(self, network_id: str, config: IPAMConfig, given: list[Subnet]) -> Subnet:
        """The one that the config asks for, or the next free one."""
        wanted = parsed(config.subnet)
        if wanted is None:
            if config.subnet:
                raise CannotAllocate(f"{config.subnet!r} is no subnet")
            return self._subnets.next_free(besides=given)
        if asks_for_size(wanted):
            return self._subnets.next_free(wanted.prefixlen, besides=given)
        self._subnets.check(network_id, wanted)
        return wanted

    def _give_ids(self, made: Network) -> None:
        options = {**made.spec.driver_config.options, **made.driver_state.options}
        count = sum(subnet.version == 4 for subnet in subnets_of(made))
        if not count:
            raise CannotAllocate("an overlay network needs an IPv4 subnet")
        numbers = self._ids.choose(made.id, listed(options), count)
        options[OPTION] = ",".join(map(str, numbers))
        made.driver_state.Clear()
        made.driver_state.name = OVERLAY
        made.driver_state.options.update(options)


def _copy(config: IPAMConfig) -> IPAMConfig:
    made = IPAMConfig()
    made.CopyFrom(config)
    return made
