"""What it means to clients that the daemon reads its configuration again (docs/design/engine-api.md E17.3, E17.6)."""

import json
import logging
import socket
from collections.abc import Callable, Sequence

from swarm_core.api.timestamps import NS_PER_S
from swarm_core.http.listeners import Listener, Terms

from swarm_agentd.engine_api.context import Context

_log = logging.getLogger(__name__)


class Reloading:
    """Of the clients of `listeners`."""

    def __init__(self, context: Context, terms: Terms, listeners: Sequence[Listener]) -> None:
        self._context, self._terms, self._listeners = context, terms, listeners

    def tls(self) -> Callable[[], None]:
        """Read certificate, key and CA again; what is given lets them count. Raises InvalidTls."""
        if self._terms.tls is None:
            return _nothing
        return self._terms.tls.renewal(one.tls for one in self._listeners if one.tls is not None)

    def tell(self) -> None:
        """Tell in the events that it was done, and what holds now."""
        context, now_ns = self._context, self._context.clock.wall_ns()
        name = context.hostname or socket.gethostname()
        attributes = {
            "debug": "true" if _log.isEnabledFor(logging.DEBUG) else "false",
            "labels": json.dumps(context.labels.written(), separators=(",", ":")),
            "name": name,
        }
        context.events.tell(
            {
                "Type": "daemon",
                "Action": "reload",
                "Actor": {"ID": context.node.standing().node_id or name, "Attributes": attributes},
                "scope": "local",
                "time": now_ns // NS_PER_S,
                "timeNano": now_ns,
            }
        )


def _nothing() -> None:
    """Without TLS there is nothing to read."""
