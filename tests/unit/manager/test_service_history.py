"""The earlier specs of services, as the leader keeps them (docs/design/control-api.md 4.9)."""

import random
from collections.abc import Callable

import pytest
from swarm_core.api.proto import control_pb2
from swarm_core.api.proto.objects_pb2 import Extension, Resource, Service
from swarm_core.api.proto.service_history_pb2 import ServiceRevision
from swarm_core.api.proto.specs_pb2 import ServiceSpec
from swarm_core.api.revisions import KEPT, KIND, names_of, read
from swarm_core.ca.root_ca import RootCa
from swarm_core.manager.cluster_init import Founding, take_over
from swarm_core.manager.control_api.resources import ResourcesApi
from swarm_core.manager.control_api.services.api import ServicesApi
from swarm_core.manager.service_history import SPEC_BYTES_MAX
from swarm_core.rpc.caller import Caller
from swarm_core.store.memory import MemoryStore
from swarm_testkit.factories import make_job, make_service, make_task_spec
from swarm_testkit.manual_clock import ManualClock

CALLER = Caller("operator", frozenset({"swarm-manager"}), "org", "127.0.0.1:1", is_local=True)


class Services:
    """Services as a person changes them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(clock=self.clock)
        self._api = ServicesApi(self.store, self.clock, random.Random(1))

    async def create(self, spec: ServiceSpec) -> Service:
        return (await self._api.create_service(control_pb2.CreateServiceRequest(spec=spec), CALLER)).service

    async def update(
        self, service: Service, edit: Callable[[ServiceSpec], object], *, back: bool = False
    ) -> Service:
        stored = self.store.get(Service, service.id)
        assert stored is not None
        request = control_pb2.UpdateServiceRequest(
            service_id=service.id, service_version=stored.meta.version, spec=stored.spec
        )
        request.rollback = control_pb2.UpdateServiceRequest.Rollback.Value("PREVIOUS" if back else "NONE")
        edit(request.spec)
        return (await self._api.update_service(request, CALLER)).service

    async def remove(self, service: Service) -> None:
        await self._api.remove_service(control_pb2.RemoveServiceRequest(service_id=service.id), CALLER)

    def kept(self, service: Service) -> list[ServiceRevision]:
        return [one for one in read(self.store.find(Resource)) if one.service_id == service.id]

    def images(self, service: Service) -> list[tuple[int, str]]:
        return [(one.number, one.spec.task.container.image) for one in self.kept(service)]


def image(name: str) -> Callable[[ServiceSpec], None]:
    return lambda spec: setattr(spec.task.container, "image", name)


@pytest.fixture
def services() -> Services:
    return Services()


async def test_what_is_replaced_is_kept(services: Services) -> None:
    """4.9.1, 4.9.2: each change of a spec keeps the one before it, with its number, how its update stood, and when; a new service has nothing."""
    web = await services.create(make_service(name="web", task=make_task_spec(image="a")).spec)
    assert not services.store.find(Resource) and not services.store.find(Extension)
    await services.update(web, image("b"))
    await services.clock.advance(60)
    await services.update(web, image("c"))
    assert services.images(web) == [(1, "a"), (2, "b")]
    first, second = services.kept(web)
    assert not first.HasField("update_status")
    assert second.replaced_at.ToNanoseconds() - first.replaced_at.ToNanoseconds() == 60 * 10**9
    (extension,) = services.store.find(Extension)
    assert extension.annotations.name == KIND


async def test_the_last_ten(services: Services) -> None:
    """4.9.2: of more than ten the oldest goes, and its place is taken."""
    web = await services.create(make_service(name="web", task=make_task_spec(image="v0")).spec)
    for number in range(1, KEPT + 4):
        await services.update(web, image(f"v{number}"))
    assert services.images(web) == [(number, f"v{number - 1}") for number in range(4, KEPT + 4)]
    assert len(services.store.find(Resource)) == KEPT


async def test_a_scale_is_not_kept(services: Services) -> None:
    """4.9.3: a change of the number alone, and one that changes nothing, keep nothing; what is kept has the number that it had last."""
    web = await services.create(make_service(name="web", replicas=2).spec)
    await services.update(web, lambda spec: setattr(spec.replicated, "replicas", 5))
    await services.update(web, lambda spec: None)
    assert not services.kept(web)
    await services.update(web, image("b"))
    assert [one.spec.replicated.replicas for one in services.kept(web)] == [5]


async def test_credentials_are_not_kept(services: Services) -> None:
    """4.9.4: what opens a registry is in no earlier spec."""
    spec = make_service(name="web").spec
    spec.task.container.pull_options.registry_auth = "secret"
    web = await services.create(spec)
    await services.update(web, image("b"))
    (kept,) = services.kept(web)
    assert b"secret" not in kept.SerializeToString()


async def test_a_large_spec_is_not_kept(services: Services) -> None:
    """4.9.5: a spec that would not fit in the entry beside the new one is left out, and the update is done."""
    spec = make_service(name="web").spec
    spec.task.container.env.append("A=" + "x" * SPEC_BYTES_MAX)
    web = await services.create(spec)
    await services.update(web, lambda one: one.task.container.ClearField("env"))
    assert not services.kept(web)


async def test_a_removed_service_leaves_nothing(services: Services) -> None:
    """4.9.6: the earlier specs go with their service, and those of others stay."""
    made = [await services.create(make_service(name=name).spec) for name in ("web", "db")]
    for one in made:
        await services.update(one, image("b"))
    await services.remove(made[0])
    assert not services.kept(made[0]) and services.kept(made[1])


async def test_a_new_leader_forgets_the_removed(services: Services) -> None:
    """4.9.6: what a leader left that knows of no history is deleted by the next one of ours."""
    made = [await services.create(make_service(name=name).spec) for name in ("web", "db")]
    for one in made:
        await services.update(one, image("b"))
    await services.store.update(lambda tx: tx.delete(Service, made[0].id))
    root = RootCa.create(services.clock.wall_ns(), random.Random(1).randbytes)
    await take_over(services.store, Founding("c", "n", root, root.key or b""), lambda: None)
    assert not services.kept(made[0]) and services.kept(made[1])


async def test_rollbacks_by_hand_are_changes_too(services: Services) -> None:
    """4.9.1: going back keeps what it goes back from; so does a job's, which begins its next iteration with the spec before."""
    for spec in (
        make_service(name="web", task=make_task_spec(image="a")).spec,
        make_job(completions=2, name="sum", task=make_task_spec(image="a")).spec,
    ):
        one = await services.create(spec)
        await services.update(one, image("b"))
        gone_back = await services.update(one, lambda _: None, back=True)
        assert gone_back.spec.task.container.image == "a"
        assert services.images(one) == [(1, "a"), (2, "b")]
    assert gone_back.job_status.job_iteration.index == 2
    assert not gone_back.HasField("update_status")


async def test_who_asks_is_told(services: Services) -> None:
    """4.9.7: the Control API lists them by the names that they may have."""
    web = await services.create(make_service(name="web").spec)
    await services.update(web, image("b"))
    filters = control_pb2.ListResourcesRequest.Filters(kind=KIND, names=names_of(web.id))
    request = control_pb2.ListResourcesRequest(filters=filters)
    answer = await ResourcesApi(services.store).list_resources(request, CALLER)
    assert read(answer.resources) == services.kept(web)


def test_what_cannot_be_read_is_left_out() -> None:
    """4.9.7: a resource of another kind, or with a payload of others, is no earlier spec."""
    other, broken = Resource(kind="other"), Resource(kind=KIND)
    broken.payload.type_url, broken.payload.value = f"type.googleapis.com/{KIND}", b"\xff"
    assert read([other, broken, Resource(kind=KIND)]) == []
