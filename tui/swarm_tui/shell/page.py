"""A page of `swarm-tui serve` in place of a terminal: the server between the two may be killed, and takes no leave then."""

import os
from contextlib import suppress
from functools import partial
from typing import Any

from textual.drivers.web_driver import WebDriver

from swarm_tui.shell.terminal import Closable


class PageDriver(Closable, WebDriver):
    """The toolkit's driver. What is written to a server that is gone is dropped, so that the program can end as from its own key."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._write = partial(_send, self.fileno)


def _send(fileno: int, data: bytes) -> int:
    with suppress(BrokenPipeError):
        return os.write(fileno, data)
    return len(data)
