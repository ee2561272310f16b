"""Where a node listens and which address others are told (docs/design/node.md 6.8): from what a person wrote and the addresses
that the machine has.

Rules
1. A host is the name of an interface or an IP address. No name is looked up: others would find another machine behind it.
2. An interface stands for its one IPv4 address, or its one IPv6 address where it has no IPv4.
3. Listening may be on every address of the machine; the address that others are told is one address.
4. Where nobody says what others are told, it is the address listened on, and else the machine's only one. The machine does
   not choose among several.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from swarm_core.specs.errors import InvalidValue

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Remedy = Literal["", "listen", "advertise"]
_EVERYWHERE_4, _EVERYWHERE_6 = "0.0.0.0", "::"  # noqa: S104 - what a person may ask for
_PORT_MAX = 65535


class InvalidAddress(InvalidValue):
    """A whole sentence without its end. `remedy`: which address the person should give, so that the caller can name its flag."""

    def __init__(self, text: str, remedy: Remedy = "") -> None:
        super().__init__(text)
        self.remedy: Remedy = remedy


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface that is up. `is_hardware`: not made by software, as bridges, tunnels and containers' links are."""

    name: str
    addresses: tuple[str, ...]
    is_loopback: bool = False
    is_hardware: bool = True
    is_bridge: bool = False


@dataclass(frozen=True, slots=True)
class Endpoints:
    """host:port each. `advertise` empty: found out when the node joins."""

    listen: str
    advertise: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wrote; empty: nothing. `port` is for an address without one, `listen_by_default` for no address at all."""

    listen: str
    advertise: str
    port: int
    listen_by_default: str = _EVERYWHERE_4


def first_manager(wanted: Wanted, interfaces: Sequence[Interface]) -> Endpoints:
    """Of a node that begins a cluster: others are told where it is. Raises InvalidAddress."""
    host, port = _listen(wanted, interfaces)
    if wanted.advertise:
        told, told_port = _advertise(wanted.advertise, port, interfaces)
    elif not _is_unspecified(host):
        told, told_port = host, port
    else:
        told, told_port = _system_address(interfaces), port
    if _is_unspecified(host) and not _is_own(told, interfaces):
        _check_has_system_address(interfaces)
    return Endpoints(joined(host, port), joined(told, told_port))


def joining(wanted: Wanted, interfaces: Sequence[Interface]) -> Endpoints:
    """Of a node that joins: where nobody says what others are told it finds out by the way to its manager. Raises InvalidAddress."""
    host, port = _listen(wanted, interfaces)
    if wanted.advertise:
        return Endpoints(joined(host, port), joined(*_advertise(wanted.advertise, port, interfaces)))
    return Endpoints(joined(host, port), "")


def manager_to_join(text: str, port: int) -> str:
    """host:port of a manager; its host may be a name. Raises InvalidAddress."""
    try:
        host, given = _split(text, port)
    except ValueError:
        raise InvalidAddress(f'invalid remoteAddr "{text}": it is not of the form HOST[:PORT]') from None
    if not host:
        raise InvalidAddress(f'invalid remoteAddr "{text}": invalid empty address')
    return joined(host, given)


def host_of(text: str, interfaces: Sequence[Interface]) -> str | None:
    """The address that an interface's name or an address stands for; None for anything else. Raises InvalidAddress for an interface
    that stands for none."""
    if (found := _of_interface(text, interfaces)) is not None:
        return found
    address = _parsed(text)
    return None if address is None else str(address)


def is_loopback(address: str) -> bool:
    """Whether host:port is of this machine alone."""
    host, _, _ = address.rpartition(":")
    found = _parsed(host.strip("[]"))
    return host == "localhost" or (found is not None and found.is_loopback)


def joined(host: str, port: int) -> str:
    """host:port, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _listen(wanted: Wanted, interfaces: Sequence[Interface]) -> tuple[str, int]:
    try:
        host, port = _split(wanted.listen, wanted.port)
    except ValueError:
        raise InvalidAddress(f"could not parse listen address {wanted.listen}") from None
    if not host:
        is_six = not wanted.listen and _looks_like_six(wanted, interfaces)
        return (_EVERYWHERE_6 if is_six else wanted.listen_by_default), port
    if (found := _of_interface(host, interfaces)) is not None:
        return found, port
    if (address := _parsed(host)) is None:
        raise InvalidAddress(
            "listen address must be an IP address or network interface (with optional port number)"
        )
    return str(address), port


def _looks_like_six(wanted: Wanted, interfaces: Sequence[Interface]) -> bool:
    """Whether others are told an IPv6 address: then IPv4 alone would not do."""
    if not wanted.advertise or wanted.listen_by_default != _EVERYWHERE_4:
        return False
    address = _parsed(_advertise(wanted.advertise, wanted.port, interfaces)[0])
    return address is not None and address.version == 6


def _advertise(text: str, port: int, interfaces: Sequence[Interface]) -> tuple[str, int]:
    refusal = (
        "advertise address must be a non-zero IP address or network interface (with optional port number)"
    )
    try:
        host, port = _split(text, port)
    except ValueError:
        raise InvalidAddress(refusal) from None
    if host and (found := _of_interface(host, interfaces)) is not None:
        return found, port
    address = _parsed(host)
    if address is None or address.is_unspecified:
        raise InvalidAddress(refusal)
    return str(address), port


def _of_interface(name: str, interfaces: Sequence[Interface]) -> str | None:
    """The address that an interface stands for; None when there is no interface of that name."""
    interface = next((one for one in interfaces if one.name == name), None)
    if interface is None:
        return None
    addresses = [address for text in interface.addresses if (address := _parsed(text)) is not None]
    usable = [address for address in addresses if not (address.version == 6 and address.is_link_local)]
    for version in (4, 6):
        match [address for address in usable if address.version == version]:
            case []:
                continue
            case [one]:
                return str(one)
            case [first, second, *_]:
                raise InvalidAddress(
                    f"interface {name} has more than one IPv{version} address ({first} and {second})"
                )
    raise InvalidAddress(f"interface {name} has no usable IPv4 or IPv6 address")


def _system_address(interfaces: Sequence[Interface]) -> str:
    """The machine's only address. Raises InvalidAddress."""
    hardware = [one for one in interfaces if one.is_hardware and not one.is_loopback]
    others = [one for one in interfaces if not one.is_loopback and not one.is_bridge]
    found: list[tuple[str, str]] = []
    # In a container there is no hardware.
    for interface in hardware if _usable(hardware) else others:
        for version in (4, 6):
            if own := [address for address in _global(interface) if address.version == version]:
                found += [(str(address), interface.name) for address in own]
                break
    match found:
        case []:
            raise InvalidAddress("could not find the system's IP address", "advertise")
        case [(address, _)]:
            return address
        case [(first, one), (second, another), *_]:
            where = (
                f"on interface {one} ({first} and {second})"
                if one == another
                else f"on different interfaces ({first} on {one} and {second} on {another})"
            )
            raise InvalidAddress(
                f"could not choose an IP address to advertise since this system has multiple addresses {where}",
                "advertise",
            )
    raise AssertionError(found)


def _check_has_system_address(interfaces: Sequence[Interface]) -> None:
    try:
        _system_address(interfaces)
    except InvalidAddress:
        raise InvalidAddress(
            "must specify a listening address because the address to advertise is not recognized as a system address, "
            "and a system's IP address to use could not be uniquely identified",
            "listen",
        ) from None


def _usable(interfaces: Iterable[Interface]) -> bool:
    return any(_global(one) for one in interfaces)


def _global(interface: Interface) -> list[Address]:
    """The addresses that another machine can use."""
    found = (_parsed(text) for text in interface.addresses)
    return [
        one
        for one in found
        if one is not None
        and not (one.is_loopback or one.is_link_local or one.is_multicast or one.is_unspecified)
    ]


def _is_own(host: str, interfaces: Iterable[Interface]) -> bool:
    address = _parsed(host)
    return any(address == _parsed(text) for one in interfaces for text in one.addresses)


def _is_unspecified(host: str) -> bool:
    address = _parsed(host)
    return address is not None and address.is_unspecified


def _parsed(text: str) -> Address | None:
    """An address without a zone; None for anything else."""
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _split(text: str, port: int) -> tuple[str, int]:
    """Host and port; an IPv6 address without brackets has none. Raises ValueError."""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or _parsed(host) is None or (rest and not rest.startswith(":")):
            raise ValueError(text)
        return host, _port(rest[1:]) if rest else port
    if text.count(":") != 1:
        return text, port
    host, _, given = text.partition(":")
    return host, _port(given)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= _PORT_MAX):
        raise ValueError(text)
    return int(text)
