"""`swarm-tui volume …`: cluster volumes, with docker's flags for them; with `--engine` the plain ones of engines."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import completion
from swarm_tui.cli.plumbing.dry_run import DryRunOption, create_or_tell, tell, view_for
from swarm_tui.cli.plumbing.engines import EnginesOption, OnEnginesOption
from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.on_engines import add_inspect, add_ls
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.session import USAGE, Failure, carry_out, reading, resolved, run
from swarm_tui.resources import volumes

Volume = objects_pb2.Volume
Word = str | None
Words = list[str] | None
noun = Noun("See and change cluster volumes; with --engine those of engines.")
NamesArgument = Annotated[
    list[str], typer.Argument(metavar="VOLUME…", autocompletion=completion.names_of("volume"))
]


@noun.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="VOLUME")],
    driver: Annotated[
        str, typer.Option("--driver", "-d", help="The CSI plugin that makes it.", metavar="NAME")
    ] = "",
    opt: Annotated[
        Words, typer.Option("--opt", "-o", help="For the plugin; may be repeated.", metavar="KEY=VALUE")
    ] = None,
    label: Annotated[Words, typer.Option("--label", help="Label.", metavar="KEY=VALUE")] = None,
    group: Annotated[Word, typer.Option("--group", help="Volumes of a group stand for each other.")] = None,
    scope: Annotated[
        Word, typer.Option("--scope", help="single or multi: nodes at once.", metavar="WORD")
    ] = None,
    sharing: Annotated[
        Word, typer.Option("--sharing", help="none, readonly, onewriter or all.", metavar="WORD")
    ] = None,
    type_: Annotated[Word, typer.Option("--type", help="mount or block.", metavar="WORD")] = None,
    availability: Annotated[
        Word, typer.Option("--availability", help="active, pause or drain.", metavar="WORD")
    ] = None,
    secret: Annotated[
        Words, typer.Option("--secret", help="For the plugin: a secret by name.", metavar="KEY=SECRET")
    ] = None,
    required_bytes: Annotated[
        Word, typer.Option("--required-bytes", help="Size at least.", metavar="SIZE")
    ] = None,
    limit_bytes: Annotated[Word, typer.Option("--limit-bytes", help="Size at most.", metavar="SIZE")] = None,
    topology_required: Annotated[
        Words,
        typer.Option("--topology-required", help="Reached from here, or another such.", metavar="K=V,…"),
    ] = None,
    topology_preferred: Annotated[
        Words, typer.Option("--topology-preferred", help="Best reached from here.", metavar="K=V,…")
    ] = None,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
    engine: OnEnginesOption = None,
    engines: EnginesOption = None,
) -> None:
    """Create a cluster volume; with --engine a plain one on engines."""
    if engine:
        from swarm_core.specs import notation

        from swarm_tui.cli.plumbing.engine_objects import ON_VOLUMES, Place, refuse_cluster_flags

        refuse_cluster_flags(
            {
                "--group": group,
                "--scope": scope,
                "--sharing": sharing,
                "--type": type_,
                "--availability": availability,
                "--secret": secret,
                "--required-bytes": required_bytes,
                "--limit-bytes": limit_bytes,
                "--topology-required": topology_required,
                "--topology-preferred": topology_preferred,
            }
        )
        with reading("--label"):
            labels = notation.pairs(label or ())
        with reading("--opt"):
            options = notation.pairs(opt or ())
        body = {"Name": name, "Driver": driver or "local", "Labels": labels, "DriverOpts": options}
        ON_VOLUMES.create(Place(ctx, engine, engines), body, is_dry=dry_run)
        return
    from swarm_core.specs import notation
    from swarm_core.specs import volume as setters

    if not driver:
        raise Failure("--driver is needed: the name of the CSI plugin that makes the volume.", USAGE)
    spec = setters.new(name)
    setters.set_driver(spec, driver)
    given: tuple[tuple[str, Any, Callable[[specs_pb2.VolumeSpec, Any], None]], ...] = (
        ("--opt", opt, setters.put_options),
        ("--label", label, setters.put_labels),
        ("--group", group, setters.set_group),
        ("--scope", scope, setters.set_scope),
        ("--sharing", sharing, setters.set_sharing),
        ("--type", type_, setters.set_access_type),
        ("--availability", availability, setters.set_availability),
        ("--required-bytes", required_bytes, setters.require_bytes),
        ("--limit-bytes", limit_bytes, setters.limit_bytes),
        ("--topology-required", topology_required, setters.require_topologies),
        ("--topology-preferred", topology_preferred, setters.prefer_topologies),
    )
    for flag, value, setter in given:
        if value is not None:
            with reading(flag):
                setter(spec, value)
    with reading("--secret"):
        secrets = notation.pairs(secret or ())

    async def work(cluster: Cluster) -> None:
        from swarm_tui.operations import create as creation

        found = {
            key: (await cluster.control.resolve(objects_pb2.Secret, wanted)).id
            for key, wanted in secrets.items()
        }
        setters.put_secrets(spec, found)
        plan = creation.plan(Volume, spec)
        await create_or_tell(cluster, plan, style if dry_run else None, lambda outcome: outcome.name)

    run(ctx, work)


add_ls(noun, volumes.KIND)
add_inspect(noun, volumes.KIND)


@noun.command()
def update(
    ctx: typer.Context,
    names: NamesArgument,
    availability: Annotated[
        Word, typer.Option("--availability", help="active, pause or drain.", metavar="WORD")
    ] = None,
    label_add: Annotated[
        Words, typer.Option("--label-add", help="Add or replace a label.", metavar="KEY=VALUE")
    ] = None,
    label_rm: Annotated[Words, typer.Option("--label-rm", help="Remove a label.", metavar="KEY")] = None,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Change the availability or the labels of volumes."""
    from swarm_core.specs import notation
    from swarm_core.specs import volume as setters

    from swarm_tui.operations import volumes as operation

    if availability is not None:
        with reading("--availability"):
            setters.set_availability(specs_pb2.VolumeSpec(), availability)
    with reading("--label-add"):
        labels = notation.pairs(label_add or ())
    edit = operation.Edit(availability, labels, _keys(label_rm))
    if not str(edit):
        raise Failure("nothing to change: give --availability, --label-add or --label-rm.", USAGE)

    async def work(cluster: Cluster) -> None:
        found, failures = await resolved(cluster, Volume, names)
        typed = {item.id: name for name, item in found.items()}
        view = await view_for(cluster, found.values(), dry_run=dry_run)
        plan = operation.plan(view, list(typed), edit)
        if dry_run:
            await tell(view, plan, style, failures)
            return
        await carry_out(cluster, plan, say=lambda outcome: typed[outcome.id], failures=failures)

    run(ctx, work)


def _keys(given: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(given or ())


@noun.command()
def rm(
    ctx: typer.Context,
    names: NamesArgument,
    force: Annotated[
        bool,
        typer.Option("--force", "-f", help="Also where it is published; its plugin is told nothing."),
    ] = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
    engine: OnEnginesOption = None,
    engines: EnginesOption = None,
) -> None:
    """Remove volumes, and what is in them; with --engine those of engines."""
    if engine:
        from swarm_tui.cli.plumbing.engine_objects import ON_VOLUMES, Place

        ON_VOLUMES.rm(Place(ctx, engine, engines), names, force=force, is_dry=dry_run)
        return

    async def work(cluster: Cluster) -> None:
        from swarm_tui.cli.plumbing.removal import remove_each

        await remove_each(cluster, volumes.KIND, names, force=force, dry_run=style if dry_run else None)

    run(ctx, work)
