"""`swarm-tui serve`: the dashboard in a browser."""

import asyncio
import secrets
import sys
from ipaddress import ip_address
from typing import Annotated, Final

import typer

from swarm_tui.cli.plumbing.passing import ending_in_order
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure, globals_of

_HOST: Final = "127.0.0.1"
_PORT: Final = 8000


def serve(
    ctx: typer.Context,
    listen: Annotated[
        str,
        typer.Option(
            "--listen",
            help="Where to listen; others than this machine only if you say so.",
            metavar="HOST:PORT",
        ),
    ] = f"{_HOST}:{_PORT}",
    anywhere: Annotated[
        bool, typer.Option("--anywhere", help="Allow an address that other machines reach.")
    ] = False,
) -> None:
    """Show the dashboard in a browser, to whoever has the address that is printed."""
    from swarm_tui.cli.plumbing.web import Place
    from swarm_tui.cli.plumbing.web import serve as serve_web

    host, port = _place(listen)
    if not _is_loopback(host) and not anywhere:
        raise Failure(
            f"{host} is reached by other machines, and what is typed would go there unencrypted; say --anywhere if you want that.",
            USAGE,
        )
    given = globals_of(ctx)
    level = None if given.level is None else str(given.level)
    options = [("--socket", given.socket), ("--context", given.context), ("--level", level)]
    words = [word for name, value in options if value is not None for word in (name, value)]
    command = [sys.executable, "-m", "swarm_tui.cli.main", *words]

    def ready(address: str) -> None:
        say(f"The dashboard is at {address} until ctrl+c.")

    serving = serve_web(command, Place(host, port), secrets.token_urlsafe(18), ready)
    asyncio.run(ending_in_order(serving))


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise Failure(f"--listen takes host:port, not {text!r}.", USAGE)
    return host, int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


COMMANDS = {"serve": serve}
