"""The services Logs and LogBroker on the leader (docs/design/logs.md 8.3, docs/design/logs.md 8).

Rules
1. A subscription is announced to every node it concerns that listens; a node that does not, or no longer does, is done with
   an error.
2. A following subscription reaches further nodes as matching tasks land there.
3. Outside `run` every call is answered Aborted, and open streams end so.
4. A node that comes back to a subscription that follows is asked for what came after its last records, and what it gives twice is dropped.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence

from swarm_core.api.ids import new_id
from swarm_core.api.proto.logbroker_pb2 import (
    ListenSubscriptionsRequest,
    PublishLogsMessage,
    PublishLogsResponse,
    SubscribeLogsMessage,
    SubscribeLogsRequest,
    SubscriptionMessage,
)
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.manager.log_broker.subscription import Subscription
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, InvalidArgument, NotFound, PermissionDenied, RpcFailure, Unknown
from swarm_core.runtime.clock import Clock
from swarm_core.store.events import Commit, Deleted
from swarm_core.store.memory import MemoryStore
from swarm_core.watch.queue import Overflow

_STOPPED = "log broker is stopped"
_INCOMPLETE = "warning: incomplete log stream. some logs could not be retrieved for the following reasons: "


class _Listener:
    """One node's open stream: the subscriptions it must still be told of, each at most once open and once closed."""

    def __init__(self, node_id: str) -> None:
        self._node_id = node_id
        self._waiting: dict[str, SubscriptionMessage] = {}
        self._told: set[str] = set()
        self._woken = asyncio.Event()
        self.is_ended = False

    def open(self, subscription: Subscription) -> None:
        if subscription.id not in self._told:
            self._waiting[subscription.id] = subscription.message(self._node_id)
            self._woken.set()

    def close(self, subscription: Subscription) -> None:
        self._waiting.pop(subscription.id, None)
        if subscription.id in self._told:
            self._waiting[subscription.id] = subscription.message(self._node_id, close=True)
            self._woken.set()

    def end(self) -> None:
        self.is_ended = True
        self._woken.set()

    async def next(self) -> SubscriptionMessage | None:
        """None when the stream is to end."""
        while not self._waiting and not self.is_ended:
            self._woken.clear()
            await self._woken.wait()
        if self.is_ended:
            return None
        message = self._waiting.pop(next(iter(self._waiting)))
        if message.close:
            self._told.discard(message.id)
        else:
            self._told.add(message.id)
        return message


class LogBroker:
    """Handler of docker.swarmkit.v1.Logs and LogBroker, and component of the leader."""

    name = "log broker"

    def __init__(self, store: MemoryStore, clock: Clock, rng: random.Random) -> None:
        self._store = store
        self._rng = rng
        self._is_running = False
        self._subscriptions: dict[str, Subscription] = {}
        self._listeners: dict[str, list[_Listener]] = {}

    async def run(self) -> None:
        """Serve from now until cancelled."""
        self._is_running = True
        try:
            while True:
                with self._store.subscribe(Task) as events:
                    self._find_nodes()
                    try:
                        async for commits in events:
                            self._see(commits)
                    except Overflow:
                        continue  # the next round looks at all tasks anew
        finally:
            self._is_running = False
            for subscription in self._subscriptions.values():
                subscription.close()
            for listeners in self._listeners.values():
                for listener in listeners:
                    listener.end()

    # Logs

    async def subscribe_logs(
        self, request: SubscribeLogsRequest, caller: Caller
    ) -> AsyncIterator[SubscribeLogsMessage]:
        """The logs that the selector means, in the order in which nodes send them."""
        self._check_running()
        selector = request.selector
        if not (selector.service_ids or selector.node_ids or selector.task_ids):
            raise InvalidArgument("log selector must not be empty")
        subscription = Subscription(new_id(self._rng), selector, request.options)
        self._subscriptions[subscription.id] = subscription
        try:
            self._announce(subscription, subscription.find_nodes(self._store))
            while (messages := await subscription.read()) is not None:
                yield SubscribeLogsMessage(messages=messages)
            self._check_running()
            if reasons := subscription.reasons():
                raise Unknown(_INCOMPLETE + ", ".join(reasons))
        finally:
            del self._subscriptions[subscription.id]
            subscription.close()
            for node_id in subscription.nodes:
                for listener in self._listeners.get(node_id, ()):
                    listener.close(subscription)

    # LogBroker

    async def listen_subscriptions(
        self, request: ListenSubscriptionsRequest, caller: Caller
    ) -> AsyncIterator[SubscriptionMessage]:
        """Tell the calling node which subscriptions concern it, as they come and go."""
        self._check_running()
        node_id = caller.node_id
        listener = _Listener(node_id)
        self._listeners.setdefault(node_id, []).append(listener)
        for subscription in self._subscriptions.values():
            if subscription.awaits(node_id):
                listener.open(subscription)
        try:
            while (message := await listener.next()) is not None:
                yield message
        finally:
            self._forget(node_id, listener)
        raise Aborted(_STOPPED)

    async def publish_logs(
        self, requests: AsyncIterator[PublishLogsMessage], caller: Caller
    ) -> PublishLogsResponse:
        """Pass the calling node's records on to the one subscription that the stream is for."""
        self._check_running()
        subscription: Subscription | None = None
        error = "the node stopped sending"
        try:
            async for request in requests:
                is_first = subscription is None
                subscription = self._addressed(request, subscription)
                if is_first:
                    subscription.begin(caller.node_id)
                if request.close:
                    break
                if any(message.context.node_id != caller.node_id for message in request.messages):
                    raise PermissionDenied("log messages must come from the node that they name")
                await subscription.publish(caller.node_id, request.messages)
            error = ""
        except RpcFailure as failure:
            error = failure.message
            raise
        finally:
            if subscription is not None:
                subscription.done(caller.node_id, error)
        return PublishLogsResponse()

    def _addressed(self, request: PublishLogsMessage, present: Subscription | None) -> Subscription:
        if not request.subscription_id:
            raise InvalidArgument("missing subscription id")
        if present is not None:
            if request.subscription_id != present.id:
                raise InvalidArgument("the subscription id must not change within a stream")
            return present
        found = self._subscriptions.get(request.subscription_id)
        if found is None:
            raise NotFound(f"there is no subscription {request.subscription_id}")
        return found

    # nodes and tasks

    def _check_running(self) -> None:
        if not self._is_running:
            raise Aborted(_STOPPED)

    def _announce(self, subscription: Subscription, node_ids: Iterable[str]) -> None:
        for node_id in node_ids:
            listeners = self._listeners.get(node_id)
            if not listeners:
                subscription.done(node_id, "not available")
            else:
                listeners[-1].open(subscription)

    def _forget(self, node_id: str, listener: _Listener) -> None:
        listeners = self._listeners[node_id]
        listeners.remove(listener)
        if listeners:
            return
        del self._listeners[node_id]
        for subscription in self._subscriptions.values():
            subscription.done(node_id, "disconnected")

    def _find_nodes(self) -> None:
        for subscription in self._following():
            self._announce(subscription, subscription.find_nodes(self._store))

    def _see(self, commits: Sequence[Commit]) -> None:
        following = self._following()
        if not following:
            return
        for commit in commits:
            for event in commit.events:
                if isinstance(event, Deleted) or not isinstance(event.object, Task):
                    continue
                for subscription in following:
                    if node_id := subscription.see(event.object):
                        self._announce(subscription, [node_id])

    def _following(self) -> list[Subscription]:
        return [item for item in self._subscriptions.values() if item.options.follow]
