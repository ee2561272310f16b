"""`swarm-tui service create` and `update`. Flags are the docker command line's; `--runtime process` runs a command instead of
an image. They live apart from the other commands of the noun, which need not wait for so many options."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import typer
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.runtimes import CONTAINER
from swarm_core.client.cluster import Cluster
from swarm_core.specs import container, service, task
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue
from swarm_core.specs.images import Pinned

from swarm_tui.cli.plumbing import completion, pinning, registry_auth
from swarm_tui.cli.plumbing.dry_run import DryRunOption, tell, view_for
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure, carry_out, reading, run
from swarm_tui.cli.plumbing.signature import with_flags
from swarm_tui.operations import create as creation
from swarm_tui.operations import references
from swarm_tui.operations import service_flags as flags
from swarm_tui.operations import update as updating
from swarm_tui.operations.model import Plan

Service = objects_pb2.Service
NameArgument = Annotated[str, typer.Argument(metavar="SERVICE", autocompletion=completion.services)]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the tasks.")]
RegistryAuthOption = Annotated[
    bool, typer.Option("--with-registry-auth", help="Send the docker command's credentials to the nodes.")
]
QuietProgressOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


@with_flags(flags.CREATE)
def create(
    ctx: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="IMAGE [COMMAND] [ARG…]")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the service.")] = None,
    runtime: Annotated[
        str,
        typer.Option("--runtime", help="container, or process for a command of the nodes.", metavar="WORD"),
    ] = CONTAINER,
    detach: DetachOption = False,
    quiet: QuietProgressOption = False,
    with_registry_auth: RegistryAuthOption = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
    **given: Any,
) -> None:
    """Create a service: of an image, or with --runtime process [OPTIONS] -- COMMAND… of a command."""
    draft = _new_draft(runtime, words or [], given)
    if with_registry_auth:
        with reading("--with-registry-auth"):
            container.set_registry_auth(draft, registry_auth.encoded(draft.container.image))

    async def work(cluster: Cluster) -> None:
        service.set_name(draft, _invented_name(cluster, words or []) if name is None else name)
        spec = draft.finish(await references.look_up(draft, cluster.control))
        if draft.process is None and (found := await _pinned(draft, given)):
            container.pin_image(spec.task, found)
        plan = creation.plan(Service, spec)
        if dry_run:
            await tell(await view_for(cluster, (), dry_run=True), plan, style)
            return
        (created,) = await carry_out(cluster, plan, say=lambda outcome: outcome.id)
        await _wait(cluster, created.id, detach=detach, quiet=quiet)

    run(ctx, work)


async def _pinned(draft: Draft, given: dict[str, Any]) -> Pinned | None:
    """What the registry says of the draft's image; None where it is not asked, or does not answer."""
    if given.get("no_resolve_image") or pinning.by_default() is pinning.ResolveImage.NEVER:
        return None
    image, credentials = draft.container.image, draft.container.pull_options.registry_auth
    return (await asyncio.to_thread(pinning.pinned, {image: credentials})).get(image)


async def _wait(
    cluster: Cluster, service_id: str, *, detach: bool, quiet: bool, goes_back: bool = False
) -> None:
    """Follow the service's tasks to their goal, unless told not to."""
    if not detach:
        from swarm_tui.cli.plumbing.progress import converge

        await converge(cluster, service_id, quiet=quiet, goes_back=goes_back)


def _new_draft(runtime: str, words: list[str], given: dict[str, Any]) -> Draft:
    if not words:
        what = "an image" if runtime == CONTAINER else "a command, after --"
        raise Failure(f"service create needs {what}.", USAGE)
    with reading("--runtime"):
        draft = Draft.new(runtime)
    task.set_program(draft, words)
    _apply(draft, flags.CREATE, given)
    if draft.process is None:
        container.fill_in(draft)
    return draft


def _apply(draft: Draft, table: tuple[flags.Flag, ...], given: dict[str, Any]) -> None:
    for sentence in flags.without_effect(given):
        say(sentence, err=True)
    try:
        flags.apply(draft, table, given)
    except InvalidValue as error:
        raise Failure(str(error), USAGE) from None


def _invented_name(cluster: Cluster, words: list[str]) -> str:
    base = words[0].partition("@")[0].rpartition("/")[2].partition(":")[0]
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in base).strip("-")
    return f"{kept[:50] or 'service'}-{cluster.rng.getrandbits(20):05x}"


@with_flags(flags.UPDATE)
def update(
    ctx: typer.Context,
    name: NameArgument,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Go back to the spec before this one.")
    ] = False,
    detach: DetachOption = False,
    quiet: QuietProgressOption = False,
    with_registry_auth: RegistryAuthOption = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
    **given: Any,
) -> None:
    """Change a service."""
    wanted = with_registry_auth or any(value is not None and value != [] for value in given.values())
    if rollback and wanted:
        raise Failure("--rollback: other flags may not be combined with it.", USAGE)

    async def work(cluster: Cluster) -> None:
        found = await cluster.control.resolve(Service, name)
        view = await view_for(cluster, [found], dry_run=dry_run)
        if rollback:
            plan = updating.rollback(view, [found.id])
        elif wanted:
            plan = updating.plan(view, [found.id], await _edit(cluster, found, given, with_registry_auth))
        else:
            plan = Plan(f"Update {name}")
        for text, meant in service.absent_ports(found.spec.endpoint.ports, given.get("publish_rm") or ()):
            say(_nothing_published(name, text, meant), err=True)
        if dry_run:
            await tell(view, plan, style)
            return
        if plan.steps or plan.refusals:
            await carry_out(cluster, plan, say=lambda outcome: name)
        else:
            say(name)
        await _wait(cluster, found.id, detach=detach, quiet=quiet, goes_back=rollback)

    run(ctx, work)


def _nothing_published(name: str, text: str, meant: str) -> str:
    """Of a port that should leave and was not there."""
    hint = f" Use --publish-rm {meant} for the one that there is." if meant else ""
    return f"No port {text} of the tasks of {name} is published, so none was removed.{hint}"


async def _edit(
    cluster: Cluster, found: Service, given: dict[str, Any], has_auth: bool
) -> Callable[[specs_pb2.ServiceSpec], object]:
    """What the flags do, once tried on the spec as it is now. Raises Failure."""
    trial = specs_pb2.ServiceSpec()
    trial.CopyFrom(found.spec)
    draft = Draft.of(trial)
    _apply(draft, flags.UPDATE, given)
    looked_up = await references.look_up(draft, cluster.control)
    credentials = ""
    if has_auth:
        with reading("--with-registry-auth"):
            credentials = await asyncio.to_thread(registry_auth.encoded, draft.container.image)
    pinned = None
    if given.get("image") is not None:
        draft.container.pull_options.registry_auth = (
            credentials  # what the service holds may belong to another registry
        )
        pinned = await _pinned(draft, given)

    def edit(spec: specs_pb2.ServiceSpec) -> None:
        draft = Draft.of(spec)
        flags.apply(draft, flags.UPDATE, given)
        if credentials:
            container.set_registry_auth(draft, credentials)
        draft.finish(looked_up)
        if pinned is not None:
            container.pin_image(spec.task, pinned)

    return edit


COMMANDS = {"create": create, "update": update}
# What follows the image belongs to the command that runs, whatever it begins with.
CONTEXT_SETTINGS = {"create": {"allow_interspersed_args": False}}
