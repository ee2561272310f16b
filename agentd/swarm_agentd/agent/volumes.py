"""The cluster volumes of one node: published while a manager assigns them, and as long as a task uses them
(docs/design/volumes.md 12.7).

Rules
1. What is assigned is published; what is assigned no longer is unpublished once no task uses it, and then reported.
2. The calls for one volume come one after the other, those for different volumes side by side. What failed is tried again after a
   pause that doubles each time; a change of what is wanted ends the pause.
3. What an earlier daemon of this node published is known from its records, and is left alone until a manager has told a full set.
   Then what the set lacks is unpublished, and the rest is published again.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from swarm_core.api.proto.objects_pb2 import Secret
from swarm_core.api.proto.types_pb2 import NodeCSIInfo, VolumeAccessMode, VolumeAssignment
from swarm_core.csi.errors import PluginFailed
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import event_or_time

from swarm_agentd.agent.volume_records import VolumeRecords
from swarm_agentd.exec.errors import Temporary
from swarm_agentd.exec.volumes import NodePlugin, NodePlugins, PublishedVolume

_log = logging.getLogger(__name__)
RETRY_BASE_S, RETRY_MAX_S = 0.1, 600.0
_DOUBLINGS_MAX = 16
# How long a task waits in silence for a volume; then its status says what it waits for.
WAIT_S = 5.0
# Longer than that, a plugin that does not say who this node is keeps nobody waiting who describes the node.
INFO_S = 2.0


@dataclass(slots=True)
class _Held:
    """One volume. `is_told`: a manager of this session has spoken of it, and hears when it is gone; `woken` wakes who works on it."""

    assignment: VolumeAssignment
    is_wanted: bool
    is_told: bool = True
    is_published: bool = False
    error: str = ""
    woken: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the volumes ask of the node: a secret that was assigned, whether a task uses a volume; and whom they tell."""

    secret: Callable[[str], Secret | None]
    in_use: Callable[[str], bool]
    unpublished: Callable[[str], None]


class NodeVolumes:
    """`run` must be running for anything to happen."""

    def __init__(
        self, plugins: NodePlugins, records: VolumeRecords, clock: Clock, around: Surroundings
    ) -> None:
        self._plugins = plugins
        self._records = records
        self._clock = clock
        self._around = around
        self._held: dict[str, _Held] = {}
        self._working: set[str] = set()
        self._left_out: set[str] = set()  # plugins that did not answer when the node was described last
        self._group: Group | None = None
        self._changed = asyncio.Event()  # another one after each change

    async def run(self) -> None:
        """Work until cancelled. Raises StorageUnusable when what an earlier daemon kept cannot be read."""
        for volume in self._records.load().values():
            self._held.setdefault(volume.id, _Held(volume, is_wanted=True, is_told=False))
        async with Group() as self._group:
            for volume_id in [id_ for id_, held in self._held.items() if held.is_told]:
                self._wake(volume_id)
            await asyncio.Event().wait()

    async def until_none(self, limit_s: float) -> bool:
        """Return when no volume is left here, or after a while; whether none is."""
        deadline = self._clock.monotonic() + limit_s
        while self._held and (left_s := deadline - self._clock.monotonic()) > 0:
            await event_or_time(self._clock, self._changed, left_s)
        return not self._held

    async def describe(self) -> list[NodeCSIInfo]:
        """What this node is for each plugin that answers."""
        found = []
        for name in self._plugins.names():
            plugin = self._plugins.get(name)
            assert plugin is not None
            try:
                async with asyncio.timeout(INFO_S):
                    found.append(await plugin.info())
                self._left_out.discard(name)
            except (PluginFailed, TimeoutError) as error:
                if name in self._left_out:
                    continue  # a node is described often; once is enough
                self._left_out.add(name)
                _log.warning(
                    "CSI plugin %s is left out of the node's description: %s", name, error or "no answer"
                )
        return found

    # what managers say

    def put(self, assignment: VolumeAssignment) -> None:
        """A volume is to be here."""
        own = VolumeAssignment()
        own.CopyFrom(assignment)
        held = self._held.get(own.id)
        if held is None:
            self._held[own.id] = _Held(own, is_wanted=True)
        else:
            is_new = held.assignment != own
            held.assignment, held.is_wanted, held.is_told = own, True, True
            held.is_published = held.is_published and not is_new
        self._wake(own.id)

    def remove(self, assignment: VolumeAssignment) -> None:
        """A volume is to be here no longer; its removal is reported, also of one that never was here."""
        held = self._held.get(assignment.id)
        if held is None:
            own = VolumeAssignment()
            own.CopyFrom(assignment)
            held = self._held[own.id] = _Held(own, is_wanted=False)
        held.is_wanted, held.is_told = False, True
        self._wake(assignment.id)

    def keep_only(self, volume_ids: Collection[str]) -> None:
        """A full set has come: no other volumes are assigned to this node."""
        for volume_id, held in self._held.items():
            if volume_id not in volume_ids:
                held.is_wanted = False
                self._wake(volume_id)

    def tasks_changed(self) -> None:
        """A task has ended, or its work was removed."""
        for volume_id, held in self._held.items():
            if not held.is_wanted:
                self._wake(volume_id)

    # what tasks ask

    async def published(self, volume_id: str) -> PublishedVolume:
        """A volume, once it is here. Raises Temporary when it does not come within WAIT_S."""
        deadline = self._clock.monotonic() + WAIT_S
        while True:
            held = self._held.get(volume_id)
            plugin = None if held is None else self._plugins.get(held.assignment.driver.name)
            if held is not None and held.is_published and plugin is not None:
                is_read_only = held.assignment.access_mode.sharing == VolumeAccessMode.READ_ONLY
                return PublishedVolume(plugin.path(volume_id), is_read_only)
            left_s = deadline - self._clock.monotonic()
            if left_s <= 0:
                reason = f": {held.error}" if held is not None and held.error else ""
                raise Temporary(f"volume {volume_id} is not published on this node yet{reason}")
            await event_or_time(self._clock, self._changed, left_s)

    # one volume

    def _wake(self, volume_id: str) -> None:
        held = self._held[volume_id]
        held.woken.set()
        if self._group is not None and volume_id not in self._working:
            self._working.add(volume_id)
            self._group.spawn(self._care_for(volume_id, held), name=f"volume {volume_id}")

    async def _care_for(self, volume_id: str, held: _Held) -> None:
        """Bring a volume to where it is wanted, and end."""
        failures = 0
        try:
            while True:
                held.woken.clear()
                if held.is_wanted == held.is_published and held.is_wanted:
                    return
                if not held.is_wanted and self._around.in_use(volume_id):
                    return  # the end of its last task comes back here
                try:
                    if await self._carry_out(held):
                        return
                    failures = 0
                    continue
                except (PluginFailed, OSError) as error:
                    held.error = str(error)
                    _log.warning("volume %s: %s", volume_id, error)
                pause_s = min(RETRY_BASE_S * 2 ** min(failures, _DOUBLINGS_MAX), RETRY_MAX_S)
                failures = 0 if await event_or_time(self._clock, held.woken, pause_s) else failures + 1
        finally:
            self._working.discard(volume_id)

    async def _carry_out(self, held: _Held) -> bool:
        """Publish or unpublish; whether the volume is gone."""
        volume, plugin = held.assignment, self._plugin(held)
        if held.is_wanted:
            await self._records.put(volume)
            await plugin.publish(volume, self._secrets(volume))
            held.error = ""
            held.is_published = held.assignment is volume
            self._tell_change()
            return False
        held.is_published = False
        await plugin.unpublish(volume)
        if held.is_wanted:
            return False  # it was assigned anew meanwhile
        await self._records.delete(volume.id)
        if held.is_wanted:
            return False
        del self._held[volume.id]
        self._tell_change()
        if held.is_told:
            self._around.unpublished(volume.id)
        return True

    def _tell_change(self) -> None:
        """Let everybody who waits for volumes look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _plugin(self, held: _Held) -> NodePlugin:
        name = held.assignment.driver.name
        plugin = self._plugins.get(name)
        if plugin is None:
            raise PluginFailed(
                f"this node has no CSI plugin {name}: it was started without --csi-plugin {name}=…"
            )
        return plugin

    def _secrets(self, volume: VolumeAssignment) -> Mapping[str, str]:
        found = {}
        for wanted in volume.secrets:
            secret = self._around.secret(wanted.secret)
            if secret is None:
                raise PluginFailed(f"secret {wanted.secret}, which the volume needs, is not here")
            try:
                found[wanted.key] = secret.spec.data.decode()
            except UnicodeDecodeError:
                name = secret.spec.annotations.name
                raise PluginFailed(f"secret {name} is not text, and plugins take nothing else") from None
        return found
