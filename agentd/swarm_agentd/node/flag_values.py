"""What the flags of swarm-agentd say, one by one: the value of a text, or ValueError with a sentence that begins with the flag's name.

What few nodes are told is understood by modules that are loaded then (see flags).
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swarm_core.ca.errors import InvalidToken
from swarm_core.ca.tokens import parse_unlock_key
from swarm_core.metrics import address as metrics_addresses
from swarm_core.specs.errors import InvalidValue

from swarm_agentd.config import PortsConfig

if TYPE_CHECKING:
    from swarm_core.api.proto.types_pb2 import GenericResource
    from swarm_core.csi.sockets import PluginSocket

RUNTIMES: Final = ("docker", "process", "simulated")
ENGINE: Final = "unix:///var/run/docker.sock"
_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.%\w]+\]|[^:\s/]*):(\d{1,5})")
_ENGINE_SCHEMES: Final = ("unix", "tcp", "http", "https", "ssh", "npipe")


def descriptor(number: int | None) -> int | None:
    """One that this process was given; no child shall have it."""
    if number is not None:
        try:
            os.set_inheritable(number, False)
        except (OSError, OverflowError):
            raise ValueError(f"--ready-fd: {number} is no open file descriptor") from None
    return number


def check_address(flag: str, text: str) -> None:
    """That it is host:port, or empty."""
    match = _ADDRESS.fullmatch(text)
    if text and (match is None or int(match[2]) > 65535):
        raise ValueError(f"{flag}: {text!r} is not of the form host:port")


def external_ca(text: str) -> str:
    """Checked here, for people; the manager reads it."""
    from swarm_core.specs.cluster import external_ca

    try:
        external_ca(text, lambda path: Path(path).read_bytes())
    except InvalidValue as error:
        raise ValueError(f"--external-ca: {error}") from None
    return text


def networks(given: argparse.Namespace) -> tuple[str, ...]:
    """Checked here, for people; the manager reads it."""
    pools, size, port = given.default_addr_pool, given.default_addr_pool_mask_length, given.data_path_port
    if not (pools or size or port):
        return ()
    from swarm_core.specs.network_defaults import NetworkDefaults

    wanted = NetworkDefaults(tuple(pools), size, port)
    wanted.check()
    return tuple(wanted.flags())


def csi_plugins(texts: Sequence[str]) -> "tuple[PluginSocket, ...]":
    """Storage plugins of this machine."""
    if not texts:
        return ()
    from swarm_core.csi.sockets import parse_all

    try:
        return parse_all(texts)
    except ValueError as error:
        raise ValueError(f"--csi-plugin: {error}") from None


def join_token(text: str) -> str:
    """The token, read from standard input where the text is `-`."""
    return sys.stdin.readline().strip() if text == "-" else text


def unlock_key(text: str) -> bytes | None:
    """The key, read from standard input where the text is `-`."""
    if text == "-":
        text = sys.stdin.readline().strip()
    try:
        return parse_unlock_key(text) if text else None
    except InvalidToken:
        raise ValueError("--unlock-key: this is no key of the form SWMKEY-1-…") from None


def executors(text: str) -> tuple[str, ...]:
    """Their names, each once."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if unknown := [name for name in names if name not in RUNTIMES]:
        raise ValueError(f"--executor: there is no executor {unknown[0]!r}, only {', '.join(RUNTIMES)}")
    if not names or ("simulated" in names and len(names) > 1):
        raise ValueError("--executor takes docker, process or both, or simulated alone")
    return names


def ports(address: str, number: int) -> PortsConfig:
    """Of `--ingress-address` and `--ingress-port`."""
    from ipaddress import ip_address

    try:
        if address:
            ip_address(address)
    except ValueError:
        raise ValueError(f"--ingress-address: {address!r} is no IP address") from None
    if not 0 <= number < 1 << 16:
        raise ValueError("--ingress-port must be a port")
    return PortsConfig(address, number)


def generic(text: str) -> tuple["GenericResource", ...]:
    """Generic resources."""
    if not text:
        return ()
    from swarm_core.api.resources import InvalidGenericResource, parse_generic

    try:
        return tuple(parse_generic(text))
    except InvalidGenericResource as error:
        raise ValueError(f"--generic-node-resources: {error}") from None


def engine(text: str) -> str:
    """The container engine's URL."""
    if text.partition("://")[0] not in _ENGINE_SCHEMES:
        raise ValueError(f"--engine-addr: {text!r} is no URL such as {ENGINE}")
    return text


def metrics(text: str) -> str:
    """Where figures are asked for; empty: nowhere."""
    try:
        if text:
            metrics_addresses.check(text)
    except ValueError as error:
        raise ValueError(f"--metrics-addr: {error}") from None
    return text
