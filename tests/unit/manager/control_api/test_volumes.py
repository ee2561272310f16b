"""Cluster volumes in the Control service (docs/design/volumes.md 12.1)."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.manager import volume_failures
from swarm_core.manager.control_api.volumes import VolumesApi
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from swarm_core.specs import volume as volume_specs
from swarm_core.store.errors import OutOfSequence
from swarm_core.store.memory import MemoryStore
from swarm_testkit.factories import make_node, make_secret

CALLER = Caller("operator", frozenset({"swarm-manager"}), "org", "127.0.0.1:1", is_local=True)
Spec = specs_pb2.VolumeSpec


@pytest.fixture
def api(store: MemoryStore) -> VolumesApi:
    return VolumesApi(store, random.Random(1))


def spec_of(name: str, *, driver: str = "csi", **fields: Any) -> Spec:
    spec = volume_specs.new(name)
    spec.driver.name = driver
    for field, value in fields.items():
        setattr(spec, field, value)
    return spec


async def create(api: VolumesApi, spec: Spec) -> objects_pb2.Volume:
    return (await api.create_volume(control_pb2.CreateVolumeRequest(spec=spec), CALLER)).volume


async def update(
    api: VolumesApi, volume: objects_pb2.Volume, edit: Callable[[Spec], object]
) -> objects_pb2.Volume:
    request = control_pb2.UpdateVolumeRequest(
        volume_id=volume.id, volume_version=volume.meta.version, spec=volume.spec
    )
    edit(request.spec)
    return (await api.update_volume(request, CALLER)).volume


def _without(field: str) -> Callable[[Spec], object]:
    return lambda spec: spec.ClearField(field)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_without("annotations"), "a name is required"),
        (_without("driver"), "needs a driver"),
        (_without("access_mode"), "needs an access mode"),
        (lambda spec: spec.access_mode.ClearField("block"), "mount or block"),
        (lambda spec: setattr(spec, "availability", 7), "active, pause or drain"),
        (lambda spec: spec.capacity_range.MergeFrom(types_pb2.CapacityRange(required_bytes=9, limit_bytes=8)), "at least 9 bytes"),
        (lambda spec: spec.capacity_range.MergeFrom(types_pb2.CapacityRange(limit_bytes=-1)), "not be negative"),
        (lambda spec: spec.secrets.add(key="k", secret="nowhere"), "no such secret: nowhere"),
    ],
)  # fmt: skip
async def test_what_a_volume_needs(
    api: VolumesApi, store: MemoryStore, spoil: Callable[[Spec], object], sentence: str
) -> None:
    """12.1.1, 12.1.2: a spec that lacks something is refused, and nothing is stored."""
    spec = spec_of("v")
    spoil(spec)
    with pytest.raises(InvalidArgument, match=sentence):
        await create(api, spec)
    assert store.find(objects_pb2.Volume) == []


async def test_create_and_read(api: VolumesApi, store: MemoryStore) -> None:
    """12.1.1, 12.1.2: a volume is stored as asked for, with a secret that is there; a name is used once, and may be any."""
    await store.update(lambda tx: tx.create(make_secret("s1", name="login")))
    spec = spec_of("any name: at all")
    spec.secrets.add(key="password", secret="s1")
    volume = await create(api, spec)
    assert volume.spec == spec
    assert not volume.HasField("volume_info")
    assert not volume.pending_delete
    read = await api.get_volume(control_pb2.GetVolumeRequest(volume_id=volume.id), CALLER)
    assert read.volume == volume
    with pytest.raises(AlreadyExists):
        await create(api, spec_of("Any Name: at all"))
    with pytest.raises(NotFound):
        await api.get_volume(control_pb2.GetVolumeRequest(volume_id="nowhere"), CALLER)


async def test_list(api: VolumesApi) -> None:
    """12.1.3: names, groups, drivers and prefixes must all hold."""
    first = spec_of("one", group="fast")
    first.annotations.labels["tier"] = "1"
    await create(api, first)
    await create(api, spec_of("two", group="fast", driver="other"))
    await create(api, spec_of("three", group="slow"))

    async def found(**filters: Any) -> list[str]:
        request = control_pb2.ListVolumesRequest(filters=control_pb2.ListVolumesRequest.Filters(**filters))
        volumes = (await api.list_volumes(request, CALLER)).volumes
        return sorted(volume.spec.annotations.name for volume in volumes)

    assert await found() == ["one", "three", "two"]
    assert await found(groups=["fast"]) == ["one", "two"]
    assert await found(groups=["fast"], drivers=["csi"]) == ["one"]
    assert await found(name_prefixes=["t"]) == ["three", "two"]
    assert await found(names=["one"], groups=["slow"]) == []
    assert await found(labels={"tier": "1"}) == ["one"]


async def test_labels_and_availability_change(api: VolumesApi) -> None:
    """12.1.4: labels and availability are taken over, by whoever has the newest version."""
    volume = await create(api, spec_of("v"))

    def edit(spec: Spec) -> None:
        spec.annotations.labels["a"] = "b"
        spec.availability = Spec.DRAIN

    changed = await update(api, volume, edit)
    assert dict(changed.spec.annotations.labels) == {"a": "b"}
    assert changed.spec.availability == Spec.DRAIN
    with pytest.raises(OutOfSequence):
        await update(api, volume, edit)
    with pytest.raises(InvalidArgument, match="active, pause or drain"):
        await update(api, changed, lambda spec: setattr(spec, "availability", 9))


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda spec: setattr(spec.annotations, "name", "w"), "name"),
        (lambda spec: setattr(spec, "group", "g"), "group"),
        (lambda spec: spec.AccessibilityRequirements.requisite.add(), "accessibility requirements"),
        (lambda spec: setattr(spec.driver, "name", "other"), "driver"),
        (lambda spec: spec.driver.options.update(a="b"), "driver"),
        (lambda spec: setattr(spec.access_mode, "scope", 1), "access mode"),
        (lambda spec: spec.secrets.add(key="k", secret="s"), "secrets"),
        (lambda spec: setattr(spec.capacity_range, "limit_bytes", 5), "capacity range"),
    ],
)
async def test_what_cannot_change(api: VolumesApi, edit: Callable[[Spec], object], what: str) -> None:
    """12.1.4: everything else stays as it was created, and the answer names it."""
    volume = await create(api, spec_of("v"))
    with pytest.raises(InvalidArgument, match=f"{what} cannot be changed"):
        await update(api, volume, edit)


async def test_remove(api: VolumesApi, store: MemoryStore) -> None:
    """12.1.5: a volume that is nowhere published is marked for deletion, once."""
    volume = await create(api, spec_of("v"))
    request = control_pb2.RemoveVolumeRequest(volume_id=volume.id)
    await api.remove_volume(request, CALLER)
    marked = store.get(objects_pb2.Volume, volume.id)
    assert marked is not None
    assert marked.pending_delete
    await api.remove_volume(request, CALLER)
    assert store.get(objects_pb2.Volume, volume.id) is marked
    with pytest.raises(NotFound):
        await api.remove_volume(control_pb2.RemoveVolumeRequest(volume_id="nowhere"), CALLER)


async def test_remove_of_a_published_volume(api: VolumesApi, store: MemoryStore) -> None:
    """12.1.5, 12.1.6: it stays, and the answer names the nodes; with force its object is deleted."""
    await store.update(lambda tx: tx.create(make_node("n1", hostname="alpha")))
    volume = objects_pb2.Volume(id="v1", spec=spec_of("v"))
    for node_id in ("n1", "n2", "n3", "n4"):
        volume.publish_status.add(node_id=node_id)
    await store.update(lambda tx: tx.create(volume))
    with pytest.raises(FailedPrecondition, match="published on alpha, n2, n3 and 1 more; drain it first"):
        await api.remove_volume(control_pb2.RemoveVolumeRequest(volume_id="v1"), CALLER)
    await api.remove_volume(control_pb2.RemoveVolumeRequest(volume_id="v1", force=True), CALLER)
    assert store.find(objects_pb2.Volume) == []


async def test_removal_by_force_takes_the_reason_along(api: VolumesApi, store: MemoryStore) -> None:
    """12.5.8: why the plugin could not make the volume goes with it; the reason of another one stays."""
    found = [await create(api, spec_of(name)) for name in ("one", "two")]
    for volume in found:
        await store.update(
            lambda tx, id_=volume.id: volume_failures.note(tx, id_, "the pool is full", random.Random(id_))
        )
    await api.remove_volume(control_pb2.RemoveVolumeRequest(volume_id=found[0].id, force=True), CALLER)
    assert [one.annotations.name for one in store.find(objects_pb2.Resource)] == [found[1].id]
