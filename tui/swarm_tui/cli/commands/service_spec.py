"""`swarm-tui service create` and `update`. Flags are the docker command line's; `--runtime process` runs a command instead of
an image. They live apart from the other commands of the noun, which need not wait for so many options."""

from typing import Annotated, Any

import typer
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.runtimes import CONTAINER
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import completion, flags
from swarm_tui.cli.plumbing.draft import Draft
from swarm_tui.cli.plumbing.session import USAGE, Failure, run
from swarm_tui.cli.plumbing.signature import with_flags
from swarm_tui.cli.plumbing.values import BadValue

Service = objects_pb2.Service
NameArgument = Annotated[str, typer.Argument(metavar="SERVICE", autocompletion=completion.services)]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the tasks.")]
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
    **given: Any,
) -> None:
    """Create a service: of an image, or with --runtime process [OPTIONS] -- COMMAND… of a command."""
    draft = _new_draft(runtime, words or [], given)

    async def work(cluster: Cluster) -> None:
        draft.spec.annotations.name = _invented_name(cluster, words or []) if name is None else name
        spec = draft.finish(await draft.references(cluster.control))
        created = await cluster.control.create(Service, spec)
        typer.echo(created.id)
        if not detach:
            from swarm_tui.cli.plumbing.progress import converge

            await converge(cluster, created.id, quiet=quiet)

    run(ctx, work)


def _new_draft(runtime: str, words: list[str], given: dict[str, Any]) -> Draft:
    if not words:
        what = "an image" if runtime == CONTAINER else "a command, after --"
        raise Failure(f"service create needs {what}.", USAGE)
    try:
        draft = Draft.new(runtime)
        if draft.process is None:
            draft.container.image = words[0]
        else:
            draft.process.command.append(words[0])
        draft.body.args.extend(words[1:])
        flags.apply(draft, flags.CREATE, given)
    except BadValue as error:
        raise Failure(str(error), USAGE) from None
    if given.get("replicas") is None and draft.spec.WhichOneof("mode") in (None, "replicated"):
        draft.spec.replicated.replicas = 1
    return draft


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
    **given: Any,
) -> None:
    """Change a service."""
    if not rollback and not any(value is not None and value != [] for value in given.values()):
        raise Failure("service update needs at least one option that changes something.", USAGE)

    async def work(cluster: Cluster) -> None:
        service = await cluster.control.resolve(Service, name)
        if rollback:
            from swarm_core.api.proto import control_pb2

            await cluster.control.change(
                Service, service.id, lambda spec: None, rollback=control_pb2.UpdateServiceRequest.PREVIOUS
            )
        else:
            await _change(cluster, service, given)
        typer.echo(name)
        if not detach:
            from swarm_tui.cli.plumbing.progress import converge

            await converge(cluster, service.id, quiet=quiet)

    run(ctx, work)


async def _change(cluster: Cluster, service: Service, given: dict[str, Any]) -> None:
    trial = specs_pb2.ServiceSpec()
    trial.CopyFrom(service.spec)
    references = await _edited(trial, given).references(cluster.control)
    await cluster.control.change(Service, service.id, lambda spec: _edited(spec, given).finish(references))


def _edited(spec: specs_pb2.ServiceSpec, given: dict[str, Any]) -> Draft:
    draft = Draft.of(spec)
    try:
        flags.apply(draft, flags.UPDATE, given)
    except BadValue as error:
        raise Failure(str(error), USAGE) from None
    return draft


COMMANDS = {"create": create, "update": update}
# What follows the image belongs to the command that runs, whatever it begins with.
CONTEXT_SETTINGS = {"create": {"allow_interspersed_args": False}}
