"""A deploy as it goes on: what was done on standard output, how far services are on standard error."""

from dataclasses import dataclass

from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.compose.changes.held import Held

from swarm_tui.cli.plumbing.progress import Progress, failure_of, progress_of
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations.stacks.deploy import DeployFailed, Manner, deploy
from swarm_tui.operations.stacks.prepare import Prepared


@dataclass(frozen=True, slots=True)
class _Standing:
    """How far a service is; an update that paused or went back will not get there."""

    progress: Progress
    failed: str

    @property
    def done(self) -> int:
        return self.progress.done

    @property
    def goal(self) -> int:
        return self.progress.goal

    @property
    def cause(self) -> str:
        return self.progress.cause

    @property
    def given_up(self) -> str:
        return self.failed or self.progress.given_up

    @property
    def is_converged(self) -> bool:
        return self.progress.is_converged

    def __str__(self) -> str:
        return str(self.progress)


def judge(mirror: Mirror, service: objects_pb2.Service, now_ns: int) -> _Standing:
    """The same judgement as that of every other wait of the command line."""
    return _Standing(progress_of(mirror, service, now_ns), failure_of(mirror, service, goes_back=False))


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

    manner = Manner(judge, show, waits, waits_at_end, timeout_s, atomic)
    try:
        async for outcome in deploy(cluster, prepared, held, manner):
            if outcome.is_error:
                say(f"Error: {outcome.text}", err=True)
            elif outcome.text:
                say(outcome.text)
    except DeployFailed as failure:
        raise Failure("\nError: ".join(str(failure).splitlines())) from None
