"""The page of figures that this machine's node answers, where it was told to have one."""

import http.client
import re
import socket
from typing import Final

from swarm_core.http.hosts import TcpHost, UnixHost
from swarm_core.metrics.address import host

from swarm_tui.support.scrubbing import Scrubber

_WAIT_S: Final = 5.0
_BYTES_MAX: Final = 8 << 20
_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens everywhere it answers here
_NAME: Final = re.compile(r"(?:# (?:HELP|TYPE) )?[A-Za-z_:][\w:]*")


def read(address: str, scrub: Scrubber) -> str | None:
    """The page, its labels without secrets; None where nothing answers."""
    try:
        with _connected(address) as connection:
            call = http.client.HTTPConnection("localhost")
            call.sock = connection
            call.request("GET", "/metrics")
            answer = call.getresponse()
            if answer.status != http.HTTPStatus.OK:
                return None
            page = answer.read(_BYTES_MAX).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return None
    return "".join(_line(line, scrub) for line in page.splitlines(keepends=True))


def _connected(address: str) -> socket.socket:
    place = host(address)
    if not isinstance(place, UnixHost):
        assert isinstance(place, TcpHost)
        return socket.create_connection((_HERE.get(place.host, place.host), place.port), timeout=_WAIT_S)
    found = socket.socket(socket.AF_UNIX)
    found.settimeout(_WAIT_S)
    try:
        found.connect(str(place.path))
    except OSError:
        found.close()
        raise
    return found


def _line(line: str, scrub: Scrubber) -> str:
    """The name of a figure is ours, and may be as long as a key."""
    name = _NAME.match(line)
    end = name.end() if name is not None else 0
    return line[:end] + scrub.text(line[end:])
