"""Connecting to one of several addresses, the next where nobody takes it at the one before."""

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence
from typing import Final

CONNECT_S: Final = 10.0
LOOPBACK: Final = ("127.0.0.1", "::1")
Make = Callable[[socket.AddressFamily], socket.socket]


def family_of(address: str) -> socket.AddressFamily:
    """IPv4 or IPv6."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def plain(family: socket.AddressFamily) -> socket.socket:
    """A socket of this machine's own network."""
    return socket.socket(family, socket.SOCK_STREAM)


async def connect_to(addresses: Sequence[str], port: int, make: Make = plain) -> socket.socket:
    """A connection to the port at the first address that takes it. Raises OSError: that of the first address."""
    failure: OSError | None = None
    for address in addresses:
        try:
            made = make(family_of(address))
            made.setblocking(False)
        except OSError as error:  # a machine without this family
            failure = failure or error
            continue
        try:
            async with asyncio.timeout(CONNECT_S):
                await asyncio.get_running_loop().sock_connect(made, (address, port))
        except TimeoutError:
            made.close()
            failure = failure or OSError(errno.ETIMEDOUT, f"nobody answered at port {port}")
        except OSError as error:
            made.close()
            refused = error.errno == errno.ECONNREFUSED
            failure = failure or (
                OSError(error.errno, f"nothing listens on port {port}") if refused else error
            )
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise failure or OSError(errno.EADDRNOTAVAIL, "it has no address")
