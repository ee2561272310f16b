"""The Engine API as a node serves it: routers in their order, listeners, the engine and the manager behind them.

Rules (docs/design/engine-api.md E5)
1. What is answered by us comes first, in the order of docker's routers; what is left is the engine's.
2. Listeners are open before there is a node: one that cannot be opened keeps everything else from beginning, and `/_ping`, `/version`
   and `/info` are answered in every state.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from swarm_core.api.version import VERSION
from swarm_core.engines.client import EngineClient
from swarm_core.http.hosts import Host, UnixHost
from swarm_core.http.listeners import CannotListen, Listener, Terms, open_all
from swarm_core.http.routes import Routes
from swarm_core.http.server import Face, serving
from swarm_core.http.tls import InvalidTls
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.engine_api.authorization import AuthorizationPlugins, PluginUnusable, find_plugins
from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.event_feed import feed
from swarm_agentd.engine_api.kept_answers import KeptAnswers
from swarm_agentd.engine_api.local_engine import LocalEngine
from swarm_agentd.engine_api.managers import LocalManagers, opening
from swarm_agentd.engine_api.membership.cluster import Membership
from swarm_agentd.engine_api.pass_through import PassThrough
from swarm_agentd.engine_api.reloading import Reloading
from swarm_agentd.engine_api.routers import (
    debug,
    events,
    logs,
    networks,
    nodes,
    payloads,
    services,
    swarm,
    system,
    tasks,
    volumes,
)
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.labels import EngineLabels


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """`engine`: URL of the engine beside this node, empty where it runs no containers. `store_versions`: where this node's manager tells
    what has changed. `own_socket`: where commands of this machine are answered besides. `authorization_plugins` are asked in their order."""

    hosts: tuple[Host, ...]
    terms: Terms
    engine: str
    control_socket: Path
    store_versions: Path
    own_socket: Path
    hostname: str = ""
    authorization_plugins: tuple[str, ...] = ()
    default_advertise: str = ""
    is_experimental: bool = False
    labels: EngineLabels = field(default_factory=EngineLabels)


def make_routes(context: Context) -> Routes:
    """All routes, ours before the engine's."""
    routes = Routes()
    for router in (system, events, swarm, services, nodes, tasks, logs, payloads):
        routes.add(router.routes(context))
    rest = PassThrough(context.local)
    routes.add(networks.routes(context, rest))
    routes.add(volumes.routes(context, rest))
    routes.add(rest.routes())
    routes.add(debug.routes(context))
    return routes


@asynccontextmanager
async def serving_api(options: ApiOptions, node: Membership, clock: Clock) -> AsyncIterator[Reloading]:
    """Answer clients within the block, which gets what a reload is to them. Raises NodeError with one sentence when a host cannot be listened on
    or an authorization plugin cannot be asked."""
    engine = EngineClient(options.engine) if options.engine else None
    local = LocalEngine(engine, clock)
    managers = LocalManagers(node, options.control_socket, opening(options.store_versions))
    context = Context(
        node,
        managers,
        local,
        clock,
        KeptAnswers(managers, clock),
        options.hostname,
        advertised=options.default_advertise,
        labels=options.labels,
        is_experimental=lambda: options.is_experimental or local.is_experimental,
    )
    face = Face(f"Docker/{VERSION} (linux)", newest=local.newest, is_experimental=context.is_experimental)
    async with _authorizing(options.authorization_plugins) as guard:
        listeners = _opened(options)
        async with Group() as group:
            group.spawn(local.run(), name="engine of the API")
            group.spawn(feed(context.events, managers, engine, clock), name="events of the API")
            try:
                async with serving(make_routes(context), face, listeners, guard=guard):
                    yield Reloading(context, options.terms, listeners)
            finally:
                group.cancel_all()
                await managers.close()
                if engine is not None:
                    await engine.close()


def _opened(options: ApiOptions) -> list[Listener]:
    """Listeners on all hosts, and on the socket of this machine's own commands. Raises NodeError."""
    try:
        with ExitStack() as undo:
            own = open_all([UnixHost(options.own_socket)], Terms(), {})
            for listener in own:
                undo.callback(listener.close)
            opened = open_all(options.hosts, options.terms, os.environ)
            undo.pop_all()
            return opened + own
    except (CannotListen, InvalidTls) as error:
        raise NodeError(str(error)) from None


@asynccontextmanager
async def _authorizing(names: tuple[str, ...]) -> AsyncIterator[AuthorizationPlugins | None]:
    """The plugins within the block; none without names. Raises NodeError when one cannot be used."""
    if not names:
        yield None
        return
    try:
        plugins = await find_plugins(names)
    except PluginUnusable as error:
        raise NodeError(str(error)) from None
    try:
        yield plugins
    finally:
        await plugins.close()
