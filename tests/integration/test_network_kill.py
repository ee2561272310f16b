"""Networks, ports and addresses outlive a manager that is killed (docs/design/allocator.md 4.1)."""

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client.control import Control
from swarm_testkit.daemons import Daemon, daemon
from swarm_testkit.managers import eventually, through


async def allocated(control: Control) -> dict[str, tuple[object, ...]]:
    """What everything has, once everything has something."""
    found: dict[str, tuple[object, ...]] = {}
    for network in await control.find(objects_pb2.Network):
        assert network.HasField("ipam")
        found[network.id] = (
            network.ipam.SerializeToString(deterministic=True),
            dict(network.driver_state.options),
        )
    for service in await control.find(objects_pb2.Service):
        assert service.endpoint.ports and service.endpoint.virtual_ips
        found[service.id] = (service.endpoint.SerializeToString(deterministic=True),)
    return found


async def make(control: Control, number: int) -> None:
    name = f"n{number}"
    found = await control.find(objects_pb2.Network, names=[name])
    wanted = specs_pb2.NetworkSpec(annotations=types_pb2.Annotations(name=name))
    # It is there where a manager was lost after it had made the network.
    net = found[0] if found else await control.create(objects_pb2.Network, wanted)
    spec = specs_pb2.ServiceSpec(annotations=types_pb2.Annotations(name=name))
    spec.task.container.image = "img"
    spec.task.networks.add(target=net.id)
    spec.endpoint.ports.add(target_port=80)
    spec.replicated.replicas = 0
    await control.create(objects_pb2.Service, spec)


async def everything(node: Daemon) -> dict[str, tuple[object, ...]] | None:
    async with through(node) as control:
        try:
            return await allocated(control)
        except AssertionError:
            return None


async def test_what_was_given_stays_after_kill_9() -> None:
    """4.1.1: twice killed, in the middle of new wishes: nothing changes, and what is new is given once."""
    with daemon() as node:
        known: dict[str, tuple[object, ...]] = {}
        for round_ in range(3):

            async def three_more(round_: int = round_) -> bool:
                async with through(node) as control:
                    for number in range(3 * round_, 3 * round_ + 3):
                        if not await control.find(objects_pb2.Service, names=[f"n{number}"]):
                            await make(control, number)
                return True

            await eventually(three_more, what="three more networks and services")
            assert round_ == 2 or node.kill_manager()
            now = await eventually(lambda: everything(node), what="everything to have something")
            assert known.items() <= now.items() and len(now) == 3 + 6 * (round_ + 1)
            known = now
        async with through(node) as control:
            services = await control.find(objects_pb2.Service)
            networks = await control.find(objects_pb2.Network)
        ports = [port.published_port for one in services for port in one.endpoint.ports]
        assert sorted(ports) == list(range(30_000, 30_009))
        subnets = [config.subnet for one in networks for config in one.ipam.configs]
        assert sorted(subnets) == [f"10.0.{number}.0/24" for number in range(10)]
