"""`rm` of every noun."""

from collections.abc import Awaitable, Callable
from typing import Any

from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.session import carry_out, resolved
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import remove
from swarm_tui.resources.model import ResourceKind


async def remove_each(
    cluster: Cluster,
    kind: ResourceKind[Any],
    names: list[str],
    *,
    force: bool = False,
    resolve: Callable[[Cluster, str], Awaitable[Any]] | None = None,
) -> None:
    """Remove what these names name, and print each name, as it was typed, once its object is gone."""
    found, failures = await resolved(cluster, kind.message, names, resolve)
    typed = {item.id: name for name, item in found.items()}
    plan = remove.plan(Snapshot(found.values()), kind, list(typed), force=force)
    await carry_out(cluster, plan, say=lambda outcome: typed[outcome.id], failures=failures)
