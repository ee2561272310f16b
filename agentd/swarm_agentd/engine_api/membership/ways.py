"""Which address of this machine leads to another."""

import socket


def local_address(remote: str) -> str:
    """This machine's address on the way to host:port; empty where there is no way, or no such host. Nothing is sent."""
    host, _, port = remote.rpartition(":")
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            found: str = probe.getsockname()[0]
            return found
    except OSError:
        return ""
