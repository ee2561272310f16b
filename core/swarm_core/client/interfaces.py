"""The network interfaces of this machine, as `specs.addresses` judges them."""

import socket
from pathlib import Path

import psutil

from swarm_core.specs.addresses import Interface

_KNOWN = Path("/sys/class/net")


def of_this_machine() -> list[Interface]:
    """Those that are up, in the system's order."""
    states = psutil.net_if_stats()
    return [
        Interface(
            name,
            tuple(
                one.address.partition("%")[0]
                for one in addresses
                if one.family in (socket.AF_INET, socket.AF_INET6)
            ),
            is_loopback="loopback" in states[name].flags.split(","),
            is_hardware=(_KNOWN / name / "device").exists(),
            is_bridge=(_KNOWN / name / "bridge").exists(),
        )
        for name, addresses in psutil.net_if_addrs().items()
        if name in states and states[name].isup
    ]
