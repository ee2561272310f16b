"""Sockets of this machine: whether a port is free, and who has it.

Rules: both families are asked, where the machine has both. A port that this user may not take is nobody's business here: the task will
be told by the kernel.
"""

import errno
import socket

from swarm_core.api.proto.types_pb2 import PortConfig

_TYPES = {PortConfig.TCP: socket.SOCK_STREAM, PortConfig.UDP: socket.SOCK_DGRAM}
_EVERYWHERE = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104 - asked, not opened


def is_free(protocol: "PortConfig.Protocol.ValueType", number: int) -> bool:
    """Whether a program may listen on the port now."""
    return all(is_free_in(family, protocol, number) for family in _EVERYWHERE)


def is_free_in(family: socket.AddressFamily, protocol: "PortConfig.Protocol.ValueType", number: int) -> bool:
    """Whether a program may listen on the port in one family of addresses."""
    kind = _TYPES[protocol]
    try:
        probe = socket.socket(family, kind)
    except OSError:  # a machine without this family
        return True
    with probe:
        if kind is socket.SOCK_STREAM:  # as servers do: what ended a moment ago does not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((_EVERYWHERE[family], number))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def holder(protocol: "PortConfig.Protocol.ValueType", number: int) -> str:
    """Who has the port, for a sentence: "nginx (process 71)". Looks through the whole machine; meant for a thread."""
    import psutil  # rarely needed, and slow to load

    kind = "tcp" if protocol == PortConfig.TCP else "udp"
    try:
        found = [one for one in psutil.net_connections(kind) if one.laddr and one.laddr.port == number]
    except psutil.Error:  # this user may not look
        found = []
    for one in found:
        if one.pid is None or (kind == "tcp" and one.status != psutil.CONN_LISTEN):
            continue
        try:
            return f"{psutil.Process(one.pid).name()} (process {one.pid})"
        except psutil.Error:  # ended meanwhile, or hidden from this user
            return f"process {one.pid}"
    return "another program of this machine"
