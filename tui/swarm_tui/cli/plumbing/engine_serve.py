"""`engine serve`: where the socket over all engines listens, and for whom (docs/design/engine-commands.md 16.4)."""

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from swarm_core.engines.discovery import Source
from swarm_core.engines.event_stream import OWN_TYPE
from swarm_core.engines.opening import following, moving_containers, serving_engines
from swarm_core.http.hosts import InvalidHost, parse_hosts
from swarm_core.http.listeners import CannotListen, Terms
from swarm_core.http.tls import InvalidTls, TlsFiles

from swarm_tui.cli.plumbing.engine_events import own_sentence
from swarm_tui.cli.plumbing.engines import Chosen
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure

PATIENCE_S: Final = 2.0
"""So long is waited for the engines before it listens: who asks at once finds those that answer, and none holds it up."""


def terms_of(group: str, certificate: str, key: str, ca: str, *, insecure: bool) -> Terms:
    """How it listens. Raises Failure."""
    if bool(certificate) != bool(key):
        raise Failure("--tlscert and --tlskey must be given together.", USAGE)
    if ca and not certificate:
        raise Failure("--tlscacert needs --tlscert and --tlskey too.", USAGE)
    tls = TlsFiles(Path(certificate), Path(key), Path(ca) if ca else None) if certificate else None
    return Terms(group, tls, insecure, "Verify clients with --tlscacert, or say --insecure to allow it.")


async def serve_engines(
    chosen: Chosen,
    sources: Sequence[Source],
    hosts: Sequence[str],
    terms: Terms,
    *,
    moves_after_s: float | None,
) -> None:
    """Serve until cancelled, the engines that the sources name as they come and go. Containers of failed ones are moved after so long, if at all. Raises Failure."""
    default = Path(os.environ.get("XDG_RUNTIME_DIR") or "/run") / "swarm-tui" / "engines.sock"
    try:
        parsed = parse_hosts(hosts, default, has_tls=terms.tls is not None)
    except InvalidHost as error:
        raise Failure(f"{error}.", USAGE) from None
    if not hosts:
        default.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        async with (
            following(chosen.opened, sources),
            serving_engines(chosen.opened, parsed, terms, os.environ) as addresses,
        ):
            for address in addresses:
                say(f"Listening on {address}; try 'docker -H {address} ps'.")
            async with (
                nullcontext() if moves_after_s is None else moving_containers(chosen.opened, moves_after_s)
            ):
                await _tell_what_happens(chosen)
    except (CannotListen, InvalidTls) as error:
        raise Failure(f"{str(error).rstrip('.')}.") from None


async def _tell_what_happens(chosen: Chosen) -> None:
    """A line for each engine that comes or goes and each container that is moved, until cancelled."""
    cluster = chosen.cluster
    with cluster.events(lambda one: one.type == OWN_TYPE) as events:
        await cluster.settled()
        chosen.tell_missing_softly()
        async for batch in events:
            for one in batch:
                names = {record.key: record.name for record in cluster.engines()}
                say(own_sentence(one, names))
                sys.stdout.flush()
