"""The network interfaces of this machine, as `specs.addresses` judges them."""

import socket
from pathlib import Path

import psutil

from swarm_core.specs.addresses import Interface

_KNOWN = Path("/sys/class/net")


def of_this_machine() -> list[Interface]:
    """Those that are up, in the system's order; also one without a carrier: it has its address, and may get one."""
    flags = {name: state.flags.split(",") for name, state in psutil.net_if_stats().items()}
    return [
        Interface(
            name,
            tuple(
                one.address.partition("%")[0]
                for one in addresses
                if one.family in (socket.AF_INET, socket.AF_INET6)
            ),
            is_loopback="loopback" in flags[name],
            is_hardware=(_KNOWN / name / "device").exists(),
            is_bridge=(_KNOWN / name / "bridge").exists(),
        )
        for name, addresses in psutil.net_if_addrs().items()
        if "up" in flags.get(name, ())
    ]
