"""Remove the stacks that are selected, once their plan was read (docs/design/stacks.md 12.7.10)."""

import shlex
from dataclasses import replace
from typing import Final

from swarm_tui.operations.docker.commands import Commands
from swarm_tui.operations.stacks.remove import foretold, held_in, nothing_in
from swarm_tui.resources import stacks
from swarm_tui.verbs.confirming import confirmed
from swarm_tui.verbs.ports import Ports

_OF_ONE: Final = "A stack is removed in its own cluster, and several are shown: enter the stack first."


async def run(ports: Ports) -> None:
    if problem := ports.desk.stack_removal_under_way:
        ports.desk.say(problem)
        return
    if ports.desk.is_of_several:
        ports.desk.say(_OF_ONE)
        return
    view = ports.operations.cluster
    names = [stack.id for _, stack in ports.selected(stacks.KIND)]
    asked = [held for name in names if not nothing_in(held := held_in(view, name))]
    if not asked:
        return
    plan = foretold(asked, view)
    docker = Commands((shlex.join(["docker", "stack", "rm", *names]),))
    if await confirmed(ports, plan, lambda one: replace(one, docker=docker)) is None:
        return
    ports.desk.begin_stack_removal(plan.title, asked, ports.operations.deeds)
