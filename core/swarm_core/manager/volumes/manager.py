"""The volume manager: carries out on storage plugins what volumes need (docs/design/volumes.md 12.5).

Rules
1. What is to be done is read from the store (`due`), and what was done is written there; nothing else is kept. A new leader
   goes on where the last one stopped: every call may be made again.
2. The calls for one volume come one after the other, those for different volumes side by side, up to VOLUMES_MAX at once.
3. What failed is tried again after a pause that doubles each time. A change of what is due ends the pause; a message that we
   wrote ourselves does not. Why it failed is written where people look: in the volume's entry of the node, or beside the volume where
   the plugin was to make or delete it (`manager.volume_failures`).
4. A result is written only where it is still asked for: the store may have changed during the call.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from swarm_core.api.proto.objects_pb2 import Node, Secret, Volume
from swarm_core.api.proto.types_pb2 import VolumeAccessMode, VolumeInfo, VolumePublishStatus
from swarm_core.api.volumes import csi_info_of, publish_status
from swarm_core.csi.errors import PluginFailed, PluginMissesIt, PluginRefused
from swarm_core.manager import volume_failures
from swarm_core.manager.volumes.due import Action, Create, Delete, Publish, Unpublish, due
from swarm_core.manager.volumes.ports import Plugin, Plugins
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import event_or_time
from swarm_core.store.by import ByNode
from swarm_core.store.events import Commit, Deleted, Event, Updated
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction
from swarm_core.watch.queue import Overflow, Subscription

_log = logging.getLogger(__name__)
VOLUMES_MAX = 16
RETRY_BASE_S, RETRY_MAX_S = 0.1, 600.0
_DOUBLINGS_MAX = 16
assert RETRY_BASE_S * 2**_DOUBLINGS_MAX > RETRY_MAX_S
_State = VolumePublishStatus


class VolumeManager:
    """Leader component. `rng` gives ids to new objects."""

    name = "volume manager"

    def __init__(self, store: MemoryStore, clock: Clock, rng: random.Random, plugins: Plugins) -> None:
        self._store = store
        self._clock = clock
        self._rng = rng
        self._plugins = plugins
        self._woken: dict[str, asyncio.Event] = {}  # volume id -> wakes whoever works on it
        self._gone: dict[str, Node] = {}  # nodes that were removed while we lead
        self._places = asyncio.Semaphore(VOLUMES_MAX)

    async def run(self) -> None:
        """Work until cancelled. Raises the proposer's error."""
        while True:
            with self._store.subscribe(Volume, Node) as events:
                failure = await self._follow_until_failure(events)
            if not isinstance(failure, Overflow):
                raise failure
            _log.warning("fell behind the store's changes; starting over from its content")

    async def _follow_until_failure(self, events: Subscription[Commit]) -> Exception:
        failures: list[Exception] = []
        self._woken.clear()
        async with Group() as group:

            async def guarded(work: Coroutine[Any, Any, None]) -> None:
                try:
                    await work
                except Exception as error:  # noqa: BLE001 - raised again outside, where no group wraps it
                    failures.append(error)
                    group.cancel_all()

            def wake(volume_id: str) -> None:
                woken = self._woken.get(volume_id)
                if woken is None:
                    woken = self._woken[volume_id] = asyncio.Event()
                    group.spawn(guarded(self._care_for(volume_id, woken)), name=f"volume {volume_id}")
                woken.set()

            group.spawn(guarded(self._follow(events, wake)), name="volumes' events")
        return failures[0]

    async def _follow(self, events: Subscription[Commit], wake: Callable[[str], None]) -> None:
        for volume in self._store.find(Volume):
            wake(volume.id)
        async for commits in events:
            for volume_id in self._affected(commits):
                wake(volume_id)

    # what happened

    def _affected(self, commits: list[Commit]) -> dict[str, None]:
        """The volumes for which something else is due than before, in the order of events."""
        found: dict[str, None] = {}
        for commit in commits:
            for event in commit.events:
                if isinstance(event.object, Node):
                    found.update(dict.fromkeys(self._volumes_of(event)))
                elif isinstance(event.object, Volume) and self._is_news(event):
                    found[event.object.id] = None
        return found

    def _is_news(self, event: Event) -> bool:
        if isinstance(event, Deleted):
            return True
        assert isinstance(event.object, Volume)
        if not isinstance(event, Updated):
            return True
        assert isinstance(event.old, Volume)
        return due(event.old, self._has_node) != due(event.object, self._has_node)

    def _volumes_of(self, event: Event) -> list[str]:
        """The volumes that a change of a node concerns: it tells another id of itself, or is gone."""
        node = event.object
        assert isinstance(node, Node)
        if isinstance(event, Deleted):
            self._gone[node.id] = node
        elif isinstance(event, Updated):
            assert isinstance(event.old, Node)
            if list(event.old.description.csi_info) == list(node.description.csi_info):
                return []
        return [volume.id for volume in self._store.find(Volume, ByNode(node.id))]

    def _has_node(self, node_id: str) -> bool:
        return self._store.get(Node, node_id) is not None

    # one volume

    async def _care_for(self, volume_id: str, woken: asyncio.Event) -> None:
        """Work on a volume until nothing is due."""
        failures = 0
        while True:
            woken.clear()
            volume = self._store.get(Volume, volume_id)
            actions = [] if volume is None else due(volume, self._has_node)
            if volume is None or not actions:
                del self._woken[volume_id]
                return
            async with self._places:
                is_done = await self._try_all(volume, actions)
            if is_done:
                failures = 0
                continue
            pause_s = min(RETRY_BASE_S * 2 ** min(failures, _DOUBLINGS_MAX), RETRY_MAX_S)
            failures += 1
            if await event_or_time(self._clock, woken, pause_s):
                failures = 0

    async def _try_all(self, volume: Volume, actions: list[Action]) -> bool:
        """Carry out the actions; whether all succeeded."""
        is_done = True
        for action in actions:
            try:
                await self._carry_out(volume, action)
            except PluginFailed as error:
                is_done = False
                _log.warning("volume %s: %s", volume.spec.annotations.name, error)
                await self._note_failure(volume.id, action, str(error))
        return is_done

    async def _carry_out(self, volume: Volume, action: Action) -> None:
        plugin, secrets = self._plugin(volume), self._secrets(volume)
        match action:
            case Create():
                await self._create(volume, plugin, secrets)
            case Publish(node_id):
                context = await plugin.publish(volume, self._csi_node_id(volume, node_id), secrets)
                await self._store.update(lambda tx: _published(tx, volume.id, node_id, context))
            case Unpublish(node_id):
                await self._unpublish(volume, node_id, plugin, secrets)
            case Delete():
                await plugin.delete(volume, secrets)
                await self._store.update(lambda tx: _deleted(tx, volume.id))

    async def _create(self, volume: Volume, plugin: Plugin, secrets: Mapping[str, str]) -> None:
        try:
            info = await plugin.create(volume, secrets)
        except PluginRefused:
            if not volume.pending_delete:
                raise
            # The plugin has not made it and never will: there is nothing to delete.
            await self._store.update(lambda tx: _deleted(tx, volume.id))
            return
        if not await self._store.update(lambda tx: _created(tx, volume.id, info)):
            _log.warning(
                "volume %s was removed by force while its plugin made %s, which stays",
                volume.spec.annotations.name,
                info.volume_id,
            )

    async def _unpublish(
        self, volume: Volume, node_id: str, plugin: Plugin, secrets: Mapping[str, str]
    ) -> None:
        csi_node_id = self._csi_node_id(volume, node_id)
        is_single = volume.spec.access_mode.scope == VolumeAccessMode.SINGLE_NODE
        has_node = self._has_node(node_id)
        is_another_s = self._is_another_s(volume, node_id, csi_node_id)
        if is_another_s and (csi_node_id or not has_node):
            # Its machine has joined anew, or nobody knows which it was: the plugin would take the volume from a node that has it.
            _log.info(
                "volume %s: another node has it where %s had it; the plugin is not told",
                volume.spec.annotations.name,
                node_id,
            )
        elif not is_another_s and (csi_node_id or is_single):
            try:
                await plugin.unpublish(volume, csi_node_id, secrets)
            except PluginMissesIt:
                if has_node:
                    raise
                # The machine was removed from the plugin's world as well.
        elif has_node:
            raise PluginFailed(f"node {node_id} does not tell its id in CSI plugin {volume.spec.driver.name}")
        else:
            # Without an id the plugin would take the volume from every node.
            _log.warning(
                "volume %s: node %s was removed, and its id in the plugin is not known; the plugin is not told",
                volume.spec.annotations.name,
                node_id,
            )
        await self._store.update(lambda tx: _unpublished(tx, volume.id, node_id))

    async def _note_failure(self, volume_id: str, action: Action, text: str) -> None:
        def note(tx: Transaction) -> None:
            if not isinstance(action, Publish | Unpublish):
                volume_failures.note(tx, volume_id, text, self._rng)
                return
            volume = _copy(tx, volume_id)
            status = None if volume is None else publish_status(volume, action.node_id)
            if volume is not None and status is not None and status.message != text:
                status.message = text
                tx.update(volume)

        await self._store.update(note)

    def _plugin(self, volume: Volume) -> Plugin:
        name = volume.spec.driver.name
        plugin = self._plugins.get(name)
        if plugin is None:
            raise PluginFailed(
                f"this manager has no CSI plugin {name}: it was started without --csi-plugin {name}=…"
            )
        return plugin

    def _secrets(self, volume: Volume) -> Mapping[str, str]:
        found = {}
        for wanted in volume.spec.secrets:
            secret = self._store.get(Secret, wanted.secret)
            if secret is None:
                raise PluginFailed(f"secret {wanted.secret}, which the volume needs, does not exist")
            try:
                found[wanted.key] = secret.spec.data.decode()
            except UnicodeDecodeError:
                name = secret.spec.annotations.name
                raise PluginFailed(f"secret {name} is not text, and plugins take nothing else") from None
        return found

    def _is_another_s(self, volume: Volume, node_id: str, csi_node_id: str) -> bool:
        """Whether another node, which has the volume, is the one of this id in the plugin; an empty id may be any node's."""
        stored = self._store.get(Volume, volume.id)
        return stored is not None and any(
            status.node_id != node_id
            and self._has_node(status.node_id)
            and status.state in (_State.PUBLISHED, _State.PENDING_NODE_UNPUBLISH)
            and csi_node_id in ("", self._csi_node_id(volume, status.node_id))
            for status in stored.publish_status
        )

    def _csi_node_id(self, volume: Volume, node_id: str) -> str:
        """The plugin's name for a node; empty where that is not known."""
        node = self._store.get(Node, node_id) or self._gone.get(node_id)
        info = None if node is None else csi_info_of(node.description, volume.spec.driver.name)
        return "" if info is None else info.node_id


def _copy(tx: Transaction, volume_id: str) -> Volume | None:
    stored = tx.get(Volume, volume_id)
    if stored is None:
        return None
    volume = Volume()
    volume.CopyFrom(stored)
    return volume


def _created(tx: Transaction, volume_id: str, info: VolumeInfo) -> bool:
    volume = _copy(tx, volume_id)
    if volume is None:
        return False
    volume.volume_info.CopyFrom(info)
    tx.update(volume)
    volume_failures.forget(tx, volume_id)
    return True


def _published(tx: Transaction, volume_id: str, node_id: str, context: Mapping[str, str]) -> None:
    volume = _copy(tx, volume_id)
    status = None if volume is None else publish_status(volume, node_id)
    if volume is not None and status is not None and status.state == _State.PENDING_PUBLISH:
        status.state = _State.PUBLISHED
        status.publish_context.clear()
        status.publish_context.update(context)
        status.message = ""
        tx.update(volume)


def _unpublished(tx: Transaction, volume_id: str, node_id: str) -> None:
    volume = _copy(tx, volume_id)
    if volume is None or publish_status(volume, node_id) is None:
        return
    kept = [status for status in volume.publish_status if status.node_id != node_id]
    del volume.publish_status[:]
    volume.publish_status.extend(kept)
    tx.update(volume)


def _deleted(tx: Transaction, volume_id: str) -> None:
    stored = tx.get(Volume, volume_id)
    if stored is not None and stored.pending_delete and not stored.publish_status:
        tx.delete(Volume, volume_id)
        volume_failures.forget(tx, volume_id)
