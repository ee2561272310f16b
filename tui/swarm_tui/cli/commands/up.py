"""`swarm-tui up` and `down`: the node of this machine."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from swarm_core.api.names import MANAGER_PORT
from swarm_core.api.typed_paths import path_of
from swarm_core.client import sockets
from swarm_core.metrics.address import check as check_metrics
from swarm_core.specs.addresses import InvalidAddress, is_loopback, manager_to_join

from swarm_tui.cli.plumbing import endpoints, installing, local_node, own_node
from swarm_tui.cli.plumbing.say import say, say_lines
from swarm_tui.cli.plumbing.session import USAGE, Failure, Globals, globals_of
from swarm_tui.cli.plumbing.start_options import OFF, Launch
from swarm_tui.cli.plumbing.systemd_unit import Scope

StateDirOption = Annotated[
    Path | None, typer.Option("--state-dir", help="Where the node keeps its state.", metavar="DIR")
]


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


def up(
    ctx: typer.Context,
    state_dir: StateDirOption = None,
    listen_remote_api: Annotated[
        str | None,
        typer.Option("--listen-remote-api", help="Where other nodes reach this one.", metavar="HOST[:PORT]"),
    ] = None,
    advertise_remote_api: Annotated[
        str | None,
        typer.Option(
            "--advertise-remote-api", help="The address that others are told.", metavar="HOST[:PORT]"
        ),
    ] = None,
    join: Annotated[
        str | None, typer.Option("--join", help="Join the cluster of this manager.", metavar="HOST[:PORT]")
    ] = None,
    token: Annotated[str | None, typer.Option("--token", help="Join token of that cluster.")] = None,
    executor: Annotated[
        str | None,
        typer.Option("--executor", help="What runs tasks here: docker, process or both.", metavar="LIST"),
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host",
            "-H",
            help="Answer docker's clients here: unix://PATH, or tcp://HOST:PORT of this machine.",
            metavar="HOST",
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", help="Who may use the socket of -H unix://, beside you.", metavar="GROUP"),
    ] = None,
    tls: Annotated[
        bool | None,
        typer.Option("--tls/--no-tls", help="TLS on the ports of -H, with a certificate of each client."),
    ] = None,
    tlsverify: Annotated[
        bool | None,
        typer.Option(
            "--tlsverify/--no-tlsverify", help="That clients show a certificate; =false lets anybody in."
        ),
    ] = None,
    tlscacert: Annotated[
        Path | None, typer.Option("--tlscacert", help="CA of the clients, for --tls.", metavar="FILE")
    ] = None,
    tlscert: Annotated[
        Path | None, typer.Option("--tlscert", help="The node's certificate, for --tls.", metavar="FILE")
    ] = None,
    tlskey: Annotated[
        Path | None, typer.Option("--tlskey", help="Its key, for --tls.", metavar="FILE")
    ] = None,
    metrics_addr: Annotated[
        str | None,
        typer.Option(
            "--metrics-addr",
            help="Where Prometheus and health checks ask: HOST:PORT, unix:PATH or off.",
            metavar="ADDR",
        ),
    ] = None,
    log_format: Annotated[
        LogFormat | None, typer.Option("--log-format", help="How a line of the node's log looks.")
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Have systemd start the node, now and with the machine.")
    ] = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Take that back: end the node, keep its state.")
    ] = False,
    scope: Annotated[
        Scope | None,
        typer.Option(
            "--scope", help="Whose systemd, for --install: the machine's, which is root's, or yours."
        ),
    ] = None,
    prints: Annotated[
        bool, typer.Option("--print", help="With --install: print the unit, and do nothing.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not open the dashboard.")] = False,
) -> None:
    """Start a node on this machine, or find it running, and open the dashboard."""
    _check_service(install=install, uninstall=uninstall, prints=prints, has_scope=scope is not None)
    if join is not None:
        globals_of(ctx).need_highest("join the swarm")
    if (join is None) != (token is None):
        raise Failure("--join and --token go together.", USAGE)
    from swarm_tui.cli.plumbing.ui import has_terminal, open_dashboard

    directory = path_of(state_dir or sockets.state_directory()).absolute()
    how = replace(
        _at(listen_remote_api, advertise_remote_api, join),
        join=join and _manager(join),
        token=token,
        executors=executor,
        log_format=log_format and log_format.value,
        metrics_address=metrics_addr and _metrics(metrics_addr),
        docker_hosts=tuple(host or ()),
        docker_terms=_terms(
            {"group": group, "tls": tls, "tlsverify": tlsverify},
            {"tlscacert": tlscacert, "tlscert": tlscert, "tlskey": tlskey},
        ),
    )
    if install or uninstall:
        say_lines(_service(directory, how, scope, uninstall=uninstall, prints=prints))
        return
    control_socket = own_node.start(directory, how)
    if local_node.is_worker(directory):
        say("The node is up as a worker; look at the cluster from one of its managers.")
    elif detach or not has_terminal():
        say(f"The node is up: {control_socket}")
    else:
        open_dashboard(Globals(socket=str(control_socket), level=globals_of(ctx).level))


def _check_service(*, install: bool, uninstall: bool, prints: bool, has_scope: bool) -> None:
    if install and uninstall:
        raise Failure("--install and --uninstall cannot go together.", USAGE)
    if (prints or has_scope) and not install:
        raise Failure("--print and --scope are about --install, which was not given.", USAGE)


def _service(directory: Path, how: Launch, scope: Scope | None, *, uninstall: bool, prints: bool) -> str:
    """Make the node a service of systemd or take that back; what is said of it."""
    if uninstall:
        return f"The node has ended, and {installing.uninstall(directory).path} is gone; its state stays."
    if prints:
        return installing.text(directory, how, scope).rstrip()
    unit = installing.install(directory, how, scope)
    told = f"The node is up, and systemd starts it: {unit.path}"
    if unit.scope is Scope.USER:
        return f"{told}\nIt ends with your last session unless 'loginctl enable-linger' is set."
    return told


def _metrics(text: str) -> str:
    try:
        if text != OFF:
            check_metrics(text)
    except ValueError as error:
        raise Failure(f"--metrics-addr: {error}.", USAGE) from None
    return text


def _manager(address: str) -> str:
    try:
        return manager_to_join(address, MANAGER_PORT)
    except InvalidAddress as error:
        raise Failure(f"{error}.", USAGE) from None


def _terms(words: Mapping[str, str | bool | None], files: Mapping[str, Path | None]) -> tuple[str, ...]:
    """The daemon's flags. Its working directory is another one."""
    said = [
        f"--{name}={str(word).lower() if isinstance(word, bool) else word}"
        for name, word in words.items()
        if word is not None
    ]
    return (
        *said,
        *(f"--{name}={path_of(path).absolute()}" for name, path in files.items() if path is not None),
    )


def _at(listen: str | None, advertise: str | None, join: str | None) -> Launch:
    """Where the node shall be; a node that joins a cluster of several machines must be reached by them."""
    is_remote = join is not None and not is_loopback(_manager(join))
    if listen is None and advertise is None and not is_remote:
        return Launch()
    return endpoints.launch(
        endpoints.OURS,
        listen,
        advertise,
        is_joining=join is not None,
        unless_said=endpoints.EVERYWHERE if is_remote or advertise is not None else local_node.HERE,
    )


def down(
    ctx: typer.Context,
    state_dir: StateDirOption = None,
    stop_tasks: Annotated[
        bool, typer.Option("--stop-tasks", help="Stop this node's tasks first; they begin again with 'up'.")
    ] = False,
) -> None:
    """End this machine's node; its tasks go on unless told otherwise."""
    globals_of(ctx).need_highest("end the node")
    directory = path_of(state_dir or sockets.state_directory()).absolute()
    if not directory.exists():
        say("No node runs here.")
        return
    with local_node.exclusive(directory):
        running = local_node.running(directory)
        if running is None:
            say("No node runs here.")
            return
        if stop_tasks:
            asyncio.run(own_node.stop_tasks(directory))
        running.end()
        say("The node has ended.")


COMMANDS = {"up": up, "down": down}
