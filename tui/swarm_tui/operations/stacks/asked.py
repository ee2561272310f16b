"""A deploy that a person asked for in the dashboard: what is to be done, and the commands that do the same. Pure."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from swarm_core.compose.changes.held import Held

from swarm_tui.clusters.allowance import Level
from swarm_tui.operations.describe import Description
from swarm_tui.operations.docker.commands import Commands
from swarm_tui.operations.stacks.draft import StackDraft
from swarm_tui.operations.stacks.foretold import NO_UNDO, is_of_processes, within
from swarm_tui.operations.stacks.prepare import Prepared

_OWN: Final = "stack deploy --yes"


@dataclass(frozen=True, slots=True)
class Deployment:
    """`words` are those of our own command that does the same; without any, `by_hand` says what to do."""

    prepared: Prepared
    held: Held
    words: tuple[str, ...] = ()
    by_hand: str = ""

    @property
    def stack(self) -> str:
        return self.prepared.plan.stack


def deployment(
    draft: StackDraft, held: Held, secret_bytes: Callable[[int], bytes], *, is_highest: bool
) -> Deployment:
    """What the draft says, for the cluster as it is now. Raises ComposeError."""
    prepared = within(draft.prepare(held, secret_bytes), is_highest=is_highest)
    if draft.file is None:
        return Deployment(prepared, held, (), f"deploy stack {held.stack}, whose text is in no file")
    words = [*_OWN.split(), "--compose-file", str(draft.file), *(["--prune"] if draft.is_pruned else [])]
    for profile in draft.profiles:
        words += ["--profile", profile]
    return Deployment(prepared, held, (*words, held.stack))


def told(description: Description, asked: Deployment, draft: StackDraft) -> Description:
    """A deploy described as what it is: one command, no change for `z`, and more than an operation."""
    return replace(
        description,
        level=max(description.level, Level.CONFIGURE),
        way_back=NO_UNDO,
        docker=_docker(asked, draft),
    )


def _docker(asked: Deployment, draft: StackDraft) -> Commands:
    why = ""
    if draft.file is None:
        why = "the text is in no file"
    elif draft.profiles:
        why = "docker's stacks know no profiles"
    elif is_of_processes(asked.prepared):
        why = "docker runs containers alone"
    if why:
        return Commands(why_none=f"No docker command does this: {why}.")
    words = ["docker", "stack", "deploy", "--compose-file", str(draft.file)]
    return Commands((shlex.join([*words, *(["--prune"] if draft.is_pruned else []), asked.stack]),))
