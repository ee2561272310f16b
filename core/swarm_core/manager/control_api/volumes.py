"""Cluster volumes (docs/design/volumes.md 12.1). What a plugin has to do for them is the business of `manager.volumes`."""

import random

from swarm_core.api.ids import new_id
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2
from swarm_core.manager import volume_failures
from swarm_core.manager.control_api.requests import check_has_spec, check_update, copy, known
from swarm_core.manager.control_api.selection import BY_SPEC_LABELS, BY_SPEC_NAME, Criterion, Selection
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from swarm_core.specs import volume as volume_specs
from swarm_core.specs.errors import InvalidSpec
from swarm_core.store.by import Driver, Group
from swarm_core.store.errors import NameConflict
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

_SELECTION = Selection(
    objects_pb2.Volume,
    BY_SPEC_NAME,
    (
        Criterion("groups", Group, lambda volume, group: volume.spec.group == group),
        Criterion("drivers", Driver, lambda volume, name: volume.spec.driver.name == name),
        BY_SPEC_LABELS,
    ),
)
_FIXED = {
    "group": "group",
    "AccessibilityRequirements": "accessibility requirements",
    "driver": "driver",
    "access_mode": "access mode",
    "secrets": "secrets",
    "capacity_range": "capacity range",
}
_USERS_SHOWN_MAX = 3


class VolumesApi:
    """The Control methods for cluster volumes."""

    def __init__(self, store: MemoryStore, rng: random.Random) -> None:
        self._store = store
        self._rng = rng

    async def get_volume(
        self, request: control_pb2.GetVolumeRequest, caller: Caller
    ) -> control_pb2.GetVolumeResponse:
        volume = known(self._store, objects_pb2.Volume, request.volume_id)
        return control_pb2.GetVolumeResponse(volume=volume)

    async def list_volumes(
        self, request: control_pb2.ListVolumesRequest, caller: Caller
    ) -> control_pb2.ListVolumesResponse:
        return control_pb2.ListVolumesResponse(volumes=_SELECTION.found(self._store, request.filters))

    async def create_volume(
        self, request: control_pb2.CreateVolumeRequest, caller: Caller
    ) -> control_pb2.CreateVolumeResponse:
        check_has_spec(request, "volume")
        _check(request.spec)
        volume = objects_pb2.Volume(id=new_id(self._rng), spec=request.spec)

        def create(tx: Transaction) -> None:
            _check_secrets_exist(tx, request.spec)
            tx.create(volume)

        try:
            await self._store.update(create)
        except NameConflict as error:
            raise AlreadyExists(f"volume {request.spec.annotations.name} already exists: {error}") from None
        return control_pb2.CreateVolumeResponse(volume=volume)

    async def update_volume(
        self, request: control_pb2.UpdateVolumeRequest, caller: Caller
    ) -> control_pb2.UpdateVolumeResponse:
        check_update(request, "volume")

        def change(tx: Transaction) -> objects_pb2.Volume:
            stored = known(tx, objects_pb2.Volume, request.volume_id)
            _check_unchanged(stored.spec, request.spec)
            volume = copy(stored)
            volume.meta.version.index = request.volume_version.index
            volume.spec.annotations.labels.clear()
            volume.spec.annotations.labels.update(request.spec.annotations.labels)
            volume.spec.availability = request.spec.availability
            _check(volume.spec)
            tx.update(volume)
            return volume

        return control_pb2.UpdateVolumeResponse(volume=await self._store.update(change))

    async def remove_volume(
        self, request: control_pb2.RemoveVolumeRequest, caller: Caller
    ) -> control_pb2.RemoveVolumeResponse:
        def remove(tx: Transaction) -> None:
            stored = known(tx, objects_pb2.Volume, request.volume_id)
            if request.force:
                tx.delete(objects_pb2.Volume, stored.id)
                volume_failures.forget(tx, stored.id)
                return
            if stored.publish_status:
                raise FailedPrecondition(_in_use(tx, stored))
            if not stored.pending_delete:
                volume = copy(stored)
                volume.pending_delete = True
                tx.update(volume)

        await self._store.update(remove)
        return control_pb2.RemoveVolumeResponse()


def _check(spec: specs_pb2.VolumeSpec) -> None:
    try:
        volume_specs.check(spec)
    except InvalidSpec as error:
        raise InvalidArgument(str(error)) from None


def _check_secrets_exist(tx: Transaction, spec: specs_pb2.VolumeSpec) -> None:
    missing = [each.secret for each in spec.secrets if tx.get(objects_pb2.Secret, each.secret) is None]
    if missing:
        raise InvalidArgument(f"no such secret{'s' if len(missing) > 1 else ''}: {', '.join(missing)}")


def _check_unchanged(stored: specs_pb2.VolumeSpec, wanted: specs_pb2.VolumeSpec) -> None:
    """Raises InvalidArgument for a change of what a volume keeps for life."""
    if stored.annotations.name != wanted.annotations.name:
        raise InvalidArgument("a volume's name cannot be changed")
    for field, what in _FIXED.items():
        if getattr(stored, field) != getattr(wanted, field):
            raise InvalidArgument(f"a volume's {what} cannot be changed; only labels and availability can be")


def _in_use(tx: Transaction, volume: objects_pb2.Volume) -> str:
    """Why a published volume stays, naming the nodes."""
    nodes = [tx.get(objects_pb2.Node, status.node_id) for status in volume.publish_status]
    names = sorted(
        (node.description.hostname if node is not None else "") or status.node_id
        for node, status in zip(nodes, volume.publish_status, strict=True)
    )
    shown = ", ".join(names[:_USERS_SHOWN_MAX])
    more = f" and {len(names) - _USERS_SHOWN_MAX} more" if len(names) > _USERS_SHOWN_MAX else ""
    return f"volume {volume.spec.annotations.name} is published on {shown}{more}; drain it first, or remove it with force"
