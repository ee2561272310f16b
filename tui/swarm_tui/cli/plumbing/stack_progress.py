"""A deploy as it goes on: what was done on standard output, how far services are on standard error."""

from swarm_core.client.cluster import Cluster
from swarm_core.compose.changes.held import Held

from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import failure_of
from swarm_tui.operations.stacks.deploy import DeployFailed, Manner, deploy
from swarm_tui.operations.stacks.prepare import Prepared
from swarm_tui.operations.stacks.waiting import following
from swarm_tui.operations.standing import judge


async def carry_out(
    cluster: Cluster,
    prepared: Prepared,
    held: Held,
    *,
    waits: bool,
    waits_at_end: bool,
    timeout_s: float,
    atomic: bool,
    quiet: bool,
) -> None:
    """Deploy, and tell it. Raises Failure."""
    told: dict[str, None] = {}

    def show(text: str) -> None:
        if not quiet and text not in told:
            told[text] = None
            say(text, err=True)

    manner = Manner(judge, lambda: following(cluster), show, waits, waits_at_end, timeout_s, atomic)
    try:
        async for outcome in deploy(cluster, prepared, held, manner):
            if outcome.is_error:
                say(f"Error: {outcome.text}", err=True)
            elif outcome.text:
                say(outcome.text)
    except DeployFailed as failure:
        raise failure_of(failure.sentences) from None
