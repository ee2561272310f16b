"""`rm` of every noun."""

from collections.abc import Awaitable, Callable
from typing import Any

from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.dry_run import tell, view_for
from swarm_tui.cli.plumbing.output import Format
from swarm_tui.cli.plumbing.session import carry_out, resolved
from swarm_tui.operations import remove
from swarm_tui.resources.model import ResourceKind


async def remove_each(
    cluster: Cluster,
    kind: ResourceKind[Any],
    names: list[str],
    *,
    force: bool = False,
    dry_run: Format | None = None,
    resolve: Callable[[Cluster, str], Awaitable[Any]] | None = None,
) -> None:
    """Remove what these names name, and print each name, as it was typed, once its object is gone. With `dry_run` say in that form what it would come to."""
    found, failures = await resolved(cluster, kind.message, names, resolve)
    typed = {item.id: name for name, item in found.items()}
    view = await view_for(cluster, found.values(), dry_run=dry_run is not None)
    plan = remove.plan(view, kind, list(typed), force=force)
    if dry_run is not None:
        await tell(view, plan, dry_run, failures)
        return
    await carry_out(cluster, plan, say=lambda outcome: typed[outcome.id], failures=failures)
