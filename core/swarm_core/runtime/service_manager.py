"""Words to the service manager that started this program (systemd's sd_notify): that it is ready, and that it ends.

The way to say them is a socket that the environment names. It is taken out of the environment: no child may speak for this program.
"""

import os
import socket
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Final

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
VARIABLE: Final = "NOTIFY_SOCKET"
Tell = Callable[[str], None]


def take(environment: MutableMapping[str, str] = os.environ) -> Tell | None:
    """What tells the service manager something; None where none wants to hear. Once only."""
    place = environment.pop(VARIABLE, "")
    if not place.startswith(("/", "@")):
        return None
    address = "\0" + place[1:] if place.startswith("@") else place

    def tell(word: str) -> None:
        # Who does not listen any more needs no word.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
            way.sendto(word.encode(), socket.MSG_DONTWAIT, address)

    return tell
