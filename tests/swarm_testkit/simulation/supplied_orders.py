"""Wishes for services that use what clients make: networks, host ports, secrets, configs, cluster volumes; with constraints, limits per node and
memory. See `orders` for the rest."""

import random
from collections.abc import Callable

from swarm_core.api.proto.objects_pb2 import Service
from swarm_core.api.proto.specs_pb2 import EndpointSpec, ServiceSpec
from swarm_core.api.proto.types_pb2 import Mount, PortConfig
from swarm_core.api.volumes import GROUP_PREFIX

from swarm_testkit.simulation.orders import NETWORKS, Orders
from swarm_testkit.simulation.supplies import GROUP, Stock

_GIB = 1 << 30
_MEMORY = (0, 4 * _GIB, 12 * _GIB)
_HOST_PORTS = (7001, 7002)
_INGRESS_PORTS = (0, 0, 8080, 8081, 30_001)
_CONSTRAINTS = ("node.role==worker", "node.role==manager", "node.hostname!=m1", "node.hostname==m2")


class SuppliedOrders(Orders):
    """`stock` is what the client saw of networks, secrets, configs and volumes."""

    def __init__(self, rng: random.Random, stock: Stock) -> None:
        super().__init__(rng)
        self._stock = stock

    def _new_spec(self) -> ServiceSpec:
        spec = super()._new_spec()
        for change in (self._refer, self._mount, self._place):
            if self._rng.random() < 0.4:
                change(spec)
        return spec

    def _changes(self, service: Service) -> list[Callable[[ServiceSpec], None]]:
        return [*super()._changes(service), self._attach, self._refer, self._mount, self._place]

    def _reserve(self, spec: ServiceSpec) -> None:
        super()._reserve(spec)
        spec.task.resources.reservations.memory_bytes = self._rng.choice(_MEMORY)

    def _attach(self, spec: ServiceSpec) -> None:
        rng = self._rng
        made = [network.id for network in self._stock.network]
        known = [*NETWORKS, *made]
        del spec.task.networks[:], spec.endpoint.ports[:]
        if made and rng.random() < 0.6:
            known = made
        for network_id in rng.sample(known, min(rng.choice((0, 1, 1, 2)), len(known))):
            spec.task.networks.add(target=network_id)
        is_found_by_tasks = rng.random() < 0.3
        spec.endpoint.mode = EndpointSpec.DNSRR if is_found_by_tasks else EndpointSpec.VIP
        for target in range(rng.choice((0, 0, 1, 2))):
            port = spec.endpoint.ports.add(target_port=80 + target)
            if is_found_by_tasks or rng.random() < 0.4:
                port.publish_mode = PortConfig.HOST
                port.published_port = _HOST_PORTS[target]
            elif not target:
                port.published_port = rng.choice(_INGRESS_PORTS)

    def _refer(self, spec: ServiceSpec) -> None:
        """Use some secrets and configs, which somebody may have removed by now."""
        container, stock = spec.task.container, self._stock
        del container.secrets[:], container.configs[:]
        for secret in self._rng.sample(stock.secret, min(1, len(stock.secret))):
            name = secret.spec.annotations.name
            container.secrets.add(secret_id=secret.id, secret_name=name).file.name = name
        for config in self._rng.sample(stock.config, self._rng.randint(0, min(1, len(stock.config)))):
            name = config.spec.annotations.name
            container.configs.add(config_id=config.id, config_name=name).file.name = name

    def _mount(self, spec: ServiceSpec) -> None:
        """Use a volume, or any of a group."""
        names = [volume.spec.annotations.name for volume in self._stock.volume]
        del spec.task.container.mounts[:]
        source = self._rng.choice(("", GROUP_PREFIX + GROUP, *names, *names))
        if source:
            spec.task.container.mounts.add(
                type=Mount.CLUSTER, source=source, target="/data", readonly=self._rng.random() < 0.4
            )

    def _place(self, spec: ServiceSpec) -> None:
        """Ask for certain nodes, and for few tasks on each."""
        placement = spec.task.placement
        placement.Clear()
        placement.constraints.extend(self._rng.sample(_CONSTRAINTS, self._rng.randint(0, 1)))
        if spec.HasField("replicated"):
            placement.max_replicas = self._rng.choice((0, 1, 2))
