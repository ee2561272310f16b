"""`swarm-tui stack …`: what reads a cluster. What begins with files stands in `stack_deploy`, what changes what is there in
`stack_changes`. Stacks that docker deployed are stacks too: what counts is their label."""

from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.compose.changes.held import Held, stack_of

from swarm_tui.cli.plumbing import filters
from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.output import (
    FilterOption,
    Format,
    FormatOption,
    NoResolveOption,
    NoTruncOption,
    QuietOption,
    print_listing,
    print_records,
    print_table,
)
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure, run
from swarm_tui.cli.plumbing.views import counted
from swarm_tui.resources import format as fmt
from swarm_tui.resources import services

noun = Noun("Deploy and see stacks: services, networks, secrets and configs of compose files.")
StackArgument = Annotated[str, typer.Argument(metavar="STACK")]
_FROM_FILES = "stack_deploy"
_CHANGES = "stack_changes"
_HISTORY = "stack_history"
noun.elsewhere("deploy", _FROM_FILES, "Make the cluster hold what compose files say.")
noun.elsewhere("up", _FROM_FILES, "The same as deploy.")
noun.elsewhere("plan", _FROM_FILES, "Say what a deploy would do.")
noun.elsewhere("diff", _FROM_FILES, "The same as plan.")


@noun.command()
def ls(ctx: typer.Context, style: FormatOption = Format.TABLE) -> None:
    """List the stacks."""

    async def work(cluster: Cluster) -> None:
        counts: dict[str, int] = {}
        for service in await cluster.control.find(objects_pb2.Service):
            if name := stack_of(service):
                counts[name] = counts.get(name, 0) + 1
        rows = sorted(counts.items(), key=lambda row: fmt.natural(row[0]))
        if style is Format.TABLE:
            print_table(["NAME", "SERVICES"], [[name, str(count)] for name, count in rows])
        else:
            print_records([{"Name": name, "Services": str(count)} for name, count in rows], style)

    run(ctx, work)


@noun.command(summary="List the services of a stack.")
def _services(
    ctx: typer.Context,
    stack: StackArgument,
    filter_: FilterOption = None,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    async def work(cluster: Cluster) -> None:
        found = await _services_of(cluster, stack)
        if not found:
            say(f"Nothing found in stack: {stack}", err=True)
            return
        view = await counted(cluster, found)
        shown = filters.chosen(found, filter_, filters.SERVICE, view)
        shown.sort(key=lambda service: fmt.natural(services.name(service)))
        print_listing(services.KIND, shown, view, cluster.clock.wall_ns(), style=style, quiet=quiet)

    run(ctx, work)


noun.entries["services"] = noun.entries.pop("_services")


@noun.command()
def ps(
    ctx: typer.Context,
    stack: StackArgument,
    filter_: FilterOption = None,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    no_trunc: NoTruncOption = False,
    no_resolve: NoResolveOption = False,
) -> None:
    """List the tasks of a stack."""
    from swarm_tui.cli.commands.task import print_tasks

    async def work(cluster: Cluster) -> None:
        ids = [service.id for service in await _services_of(cluster, stack)]
        found = await cluster.control.find(objects_pb2.Task, service_ids=ids) if ids else []
        if not found:
            raise Failure(f"nothing found in stack: {stack}")
        await print_tasks(cluster, found, filter_, style, quiet, no_trunc, no_resolve=no_resolve)

    run(ctx, work)


@noun.command()
def status(ctx: typer.Context, stack: StackArgument, style: FormatOption = Format.TABLE) -> None:
    """Say how the services of a stack stand, and where they differ from what was applied."""
    from swarm_core.compose.changes import state

    from swarm_tui.operations.stacks.look import look

    async def work(cluster: Cluster) -> None:
        held = await look(cluster, stack)
        found = sorted(held.own(held.services).values(), key=lambda one: fmt.natural(services.name(one)))
        if not found:
            raise Failure(f"nothing found in stack: {stack}")
        view = await counted(cluster, found)
        applied = state.last(held.own(held.configs).values())
        drift = _drift(held, applied)
        records = [
            {
                "Name": services.name(service),
                "Replicas": services.replicas_listed(service, view),
                "Update": _update(service),
                "Drift": drift.get(services.name(service), ""),
            }
            for service in found
        ]
        if style is not Format.TABLE:
            print_records(records, style)
            return
        print_table(["NAME", "REPLICAS", "UPDATE", "DRIFT"], [list(record.values()) for record in records])
        if applied is None:
            say("Not deployed by this program: there is no applied file to compare with.", err=True)
        elif gone := sorted(applied.services.keys() - {services.name(one) for one in found}):
            say(f"Applied, and not there any more: {', '.join(gone)}", err=True)

    run(ctx, work)


def _drift(held: Held, applied: object) -> dict[str, str]:
    """By service what is not as it was applied."""
    from swarm_core.compose.changes import binding, differences
    from swarm_core.compose.changes.state import State

    if not isinstance(applied, State):
        return {}
    wanted = applied.service_specs()
    found = {}
    for name, service in held.own(held.services).items():
        if name not in wanted:
            found[name] = "not in the applied file"
            continue
        now_wanted = binding.laid_over(service.spec, wanted[name])
        different = differences.services(now_wanted, service.spec, held.network_names)
        found[name] = "; ".join(map(str, different))
    return found


def _update(service: objects_pb2.Service) -> str:
    if not service.HasField("update_status"):
        return ""
    from swarm_core.api.proto import types_pb2
    from swarm_core.api.words import enum_word

    return enum_word(types_pb2.UpdateStatus.UpdateState, service.update_status.state)


async def _services_of(cluster: Cluster, stack: str) -> list[objects_pb2.Service]:
    return [one for one in await cluster.control.find(objects_pb2.Service) if stack_of(one) == stack]


noun.elsewhere("rm", _CHANGES, "Remove stacks.")
noun.elsewhere("remove", _CHANGES, "The same as rm.")
noun.elsewhere("down", _CHANGES, "The same as rm.")
noun.elsewhere("history", _HISTORY, "List what was applied of a stack, and what each time changed.")
noun.elsewhere("rollback", _HISTORY, "Go back to what was applied before, or earlier.")
noun.elsewhere("rotate", _CHANGES, "Give a secret or config of a stack another content.")
noun.elsewhere("export", _CHANGES, "Write a compose file from the services of a stack as they are.")
noun.elsewhere("config", _FROM_FILES, "Print compose files in their normal form.")
noun.elsewhere(
    "lint", _FROM_FILES, "Say what is wrong with compose files, and what docker would make of them."
)
