"""`swarm-tui network …`. Flags are the docker command line's; a network is the cluster's, so its driver is overlay unless another is named."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.dry_run import DryRunOption, create_or_tell
from swarm_tui.cli.plumbing.engines import EnginesOption, OnEnginesOption
from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.on_engines import add_inspect, add_ls, add_rm
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.session import USAGE, Failure, reading, run
from swarm_tui.resources import networks

noun = Noun("See and change networks; with --engine those of engines.")
_List = list[str] | None
_OURS_ALONE = (
    "Networks made here are the cluster's; one of this machine alone is made with 'docker network create'."
)


def _list(flag: str, text: str, metavar: str) -> object:
    return typer.Option(*flag.split(), help=text, metavar=metavar)


@noun.command(summary="Create a network.")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NETWORK")],
    attachable: Annotated[
        bool, typer.Option("--attachable", help="Containers of docker run may join.")
    ] = False,
    aux_address: Annotated[
        _List, _list("--aux-address", "Address that is never given.", "NAME=ADDRESS")
    ] = None,
    config_from: Annotated[
        str | None,
        typer.Option("--config-from", help="Network on each node whose settings to take.", metavar="NETWORK"),
    ] = None,
    driver: Annotated[
        str,
        typer.Option(
            "--driver", "-d", help="overlay, or bridge, host, ipvlan, macvlan of each node.", metavar="NAME"
        ),
    ] = "overlay",
    gateway: Annotated[_List, _list("--gateway", "Gateway of a subnet.", "ADDRESS")] = None,
    ingress: Annotated[
        bool, typer.Option("--ingress", help="The one that ports are published through.")
    ] = False,
    internal: Annotated[bool, typer.Option("--internal", help="No way out.")] = False,
    ip_range: Annotated[
        _List, _list("--ip-range", "Part of a subnet to give addresses from.", "SUBNET")
    ] = None,
    ipam_driver: Annotated[
        str, typer.Option("--ipam-driver", help="Who gives the addresses.", metavar="NAME")
    ] = "default",
    ipam_opt: Annotated[_List, _list("--ipam-opt", "Option for it.", "KEY=VALUE")] = None,
    ipv6: Annotated[bool, typer.Option("--ipv6", help="IPv6 as well.")] = False,
    label: Annotated[_List, _list("--label", "Label.", "KEY=VALUE")] = None,
    opt: Annotated[_List, _list("--opt -o", "Option of the driver.", "KEY=VALUE")] = None,
    scope: Annotated[str, typer.Option("--scope", help="swarm.", metavar="WORD")] = "swarm",
    subnet: Annotated[_List, _list("--subnet", "Subnet, one of several.", "SUBNET")] = None,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
    engine: OnEnginesOption = None,
    engines: EnginesOption = None,
) -> None:
    if engine:
        from swarm_tui.cli.plumbing.engine_objects import ON_NETWORKS, Place, refuse_cluster_flags

        refuse_cluster_flags(
            {
                "--aux-address": aux_address,
                "--config-from": config_from,
                "--ingress": ingress,
                "--ipam-opt": ipam_opt,
                "--scope": scope != "swarm",
            }
        )
        source = ctx.get_parameter_source("driver")
        is_named = source is not None and source.name != "DEFAULT"
        body = {
            "Name": name, "CheckDuplicate": True, "Driver": driver if is_named else "bridge", "Internal": internal,
            "Attachable": attachable, "EnableIPv6": ipv6, "Labels": _pairs("--label", label), "Options": _pairs("--opt", opt),
            "IPAM": {"Driver": ipam_driver, "Config": _subnets(subnet or (), ip_range or (), gateway or ())},
        }  # fmt: skip
        ON_NETWORKS.create(Place(ctx, engine, engines), body, is_dry=dry_run)
        return
    from swarm_core.specs import lists, network, notation

    from swarm_tui.operations import create as creation

    if scope != "swarm":
        raise Failure(_OURS_ALONE, USAGE)
    spec = specs_pb2.NetworkSpec(attachable=attachable, ingress=ingress, internal=internal, ipv6_enabled=ipv6)
    network.set_name(spec, name)
    with reading("--label"):
        lists.put_pairs(spec.annotations.labels, label or ())
    with reading("--opt"):
        network.set_driver(spec, driver, notation.pairs(opt or ()))
    with reading("--ipam-opt"):
        network.set_ipam_driver(spec, ipam_driver, notation.pairs(ipam_opt or ()))
    with reading("--aux-address"):
        reserved = notation.pairs(aux_address or ())
    with reading("--subnet"):
        network.set_addressing(
            spec, network.Addressing(subnet or (), ip_range or (), gateway or (), reserved)
        )
    if config_from:
        spec.network = config_from

    async def work(cluster: Cluster) -> None:
        plan = creation.plan(objects_pb2.Network, spec)
        await create_or_tell(cluster, plan, style if dry_run else None, lambda outcome: outcome.id)

    run(ctx, work)


def _pairs(flag: str, given: _List) -> dict[str, str]:
    from swarm_core.specs import notation

    with reading(flag):
        return dict(notation.pairs(given or ()))


def _subnets(subnets: Sequence[str], ranges: Sequence[str], gateways: Sequence[str]) -> list[dict[str, str]]:
    """What an engine is told of addresses: each subnet with its range and gateway, in the order in which they were written."""
    if max(len(ranges), len(gateways)) > len(subnets):
        raise Failure("Each --ip-range and each --gateway needs its --subnet.", USAGE)
    told = zip_longest(subnets, ranges, gateways)
    keys = ("Subnet", "IPRange", "Gateway")
    return [{key: text for key, text in zip(keys, one, strict=True) if text} for one in told]


add_ls(noun, networks.KIND)
add_inspect(noun, networks.KIND)
add_rm(noun, networks.KIND)
