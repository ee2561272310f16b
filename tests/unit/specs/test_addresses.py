"""Where a node listens and what others are told: a table of what may be typed on which machine (docs/design/node.md 6.8)."""

import pytest
from swarm_core.specs.addresses import (
    Endpoints,
    Interface,
    InvalidAddress,
    Wanted,
    first_manager,
    is_loopback,
    joining,
    manager_to_join,
)

LO = Interface("lo", ("127.0.0.1", "::1"), is_loopback=True, is_hardware=False)
ETH0 = Interface("eth0", ("192.0.2.2", "fd00::2", "fe80::2"))
ETH1 = Interface("eth1", ("198.51.100.7",))
TWO = Interface("two", ("192.0.2.2", "192.0.2.3"))
SIX = Interface("six", ("fd00::6", "fe80::6"))
SIXES = Interface("sixes", ("fd00::6", "fd00::7"))
BARE = Interface("bare", ("fe80::9",))
VETH = Interface("veth", ("10.1.0.2",), is_hardware=False)
BRIDGE = Interface("docker0", ("172.17.0.1",), is_hardware=False, is_bridge=True)
ONE = (LO, ETH0, VETH, BRIDGE)

LISTEN = "listen address must be an IP address or network interface (with optional port number)"
ADVERTISE = "advertise address must be a non-zero IP address or network interface (with optional port number)"
CHOICE = "could not choose an IP address to advertise since this system has multiple addresses on "
MUST = (
    "must specify a listening address because the address to advertise is not recognized as a system address, and a system's "
    "IP address to use could not be uniquely identified"
)


@pytest.mark.parametrize(
    ("listen", "advertise", "interfaces", "endpoints"),
    [
        ("", "", ONE, ("0.0.0.0:4242", "192.0.2.2:4242")),
        ("0.0.0.0:5000", "", ONE, ("0.0.0.0:5000", "192.0.2.2:5000")),
        (":5000", "", ONE, ("0.0.0.0:5000", "192.0.2.2:5000")),
        ("[::]:5000", "", ONE, ("[::]:5000", "192.0.2.2:5000")),
        ("eth0", "", ONE, ("192.0.2.2:4242", "192.0.2.2:4242")),
        ("eth0:5000", "", ONE, ("192.0.2.2:5000", "192.0.2.2:5000")),
        ("127.0.0.1", "", ONE, ("127.0.0.1:4242", "127.0.0.1:4242")),
        ("lo", "", ONE, ("127.0.0.1:4242", "127.0.0.1:4242")),
        ("fd00::2", "", ONE, ("[fd00::2]:4242", "[fd00::2]:4242")),
        ("[fd00::2]:5000", "", ONE, ("[fd00::2]:5000", "[fd00::2]:5000")),
        ("[fd00:0:0::2]", "", ONE, ("[fd00::2]:4242", "[fd00::2]:4242")),
        ("six", "", (LO, SIX), ("[fd00::6]:4242", "[fd00::6]:4242")),
        ("", "eth0", ONE, ("0.0.0.0:4242", "192.0.2.2:4242")),
        ("", "eth0:6000", ONE, ("0.0.0.0:4242", "192.0.2.2:6000")),
        ("", "fd00::2", ONE, ("[::]:4242", "[fd00::2]:4242")),
        ("", "203.0.113.9", ONE, ("0.0.0.0:4242", "203.0.113.9:4242")),
        ("0.0.0.0:5000", "203.0.113.9:80", ONE, ("0.0.0.0:5000", "203.0.113.9:80")),
        ("198.51.100.7", "203.0.113.9", (LO, ETH0, ETH1), ("198.51.100.7:4242", "203.0.113.9:4242")),
        ("", "198.51.100.7", (LO, ETH0, ETH1), ("0.0.0.0:4242", "198.51.100.7:4242")),
        ("", "", (LO, VETH, BRIDGE), ("0.0.0.0:4242", "10.1.0.2:4242")),
        ("", "", (LO, SIX), ("0.0.0.0:4242", "[fd00::6]:4242")),
    ],
)  # fmt: skip
def test_a_first_manager(
    listen: str, advertise: str, interfaces: tuple[Interface, ...], endpoints: tuple[str, str]
) -> None:
    """What was typed, or nothing, becomes where it listens and what others are told."""
    assert first_manager(Wanted(listen, advertise, 4242), interfaces) == Endpoints(*endpoints)


@pytest.mark.parametrize(
    ("listen", "advertise", "interfaces", "text", "remedy"),
    [
        ("example.org", "", ONE, LISTEN, ""),
        ("localhost:5000", "", ONE, LISTEN, ""),
        ("fe80::2%eth0", "", ONE, LISTEN, ""),
        ("192.0.2.2:0", "", ONE, "could not parse listen address 192.0.2.2:0", ""),
        ("192.0.2.2:65536", "", ONE, "could not parse listen address 192.0.2.2:65536", ""),
        ("192.0.2.2:٣", "", ONE, "could not parse listen address 192.0.2.2:٣", ""),
        ("eth0:", "", ONE, "could not parse listen address eth0:", ""),
        ("[fd00::2", "", ONE, "could not parse listen address [fd00::2", ""),
        ("[eth0]:80", "", ONE, "could not parse listen address [eth0]:80", ""),
        ("", "example.org", ONE, ADVERTISE, ""),
        ("", "0.0.0.0", ONE, ADVERTISE, ""),
        ("", "[::]:4242", ONE, ADVERTISE, ""),
        ("", ":5000", ONE, ADVERTISE, ""),
        ("", "192.0.2.2:x", ONE, ADVERTISE, ""),
        ("two", "", (LO, TWO), "interface two has more than one IPv4 address (192.0.2.2 and 192.0.2.3)", ""),
        ("sixes", "", (LO, SIXES), "interface sixes has more than one IPv6 address (fd00::6 and fd00::7)", ""),
        ("bare", "", (LO, BARE), "interface bare has no usable IPv4 or IPv6 address", ""),
        ("", "", (LO,), "could not find the system's IP address", "advertise"),
        ("", "", (LO, BRIDGE), "could not find the system's IP address", "advertise"),
        ("", "", (LO, TWO), CHOICE + "interface two (192.0.2.2 and 192.0.2.3)", "advertise"),
        ("", "", (LO, ETH0, ETH1), CHOICE + "different interfaces (192.0.2.2 on eth0 and 198.51.100.7 on eth1)", "advertise"),
        ("", "203.0.113.9", (LO, ETH0, ETH1), MUST, "listen"),
        ("0.0.0.0", "203.0.113.9", (LO,), MUST, "listen"),
    ],
)  # fmt: skip
def test_a_refused_first_manager(
    listen: str, advertise: str, interfaces: tuple[Interface, ...], text: str, remedy: str
) -> None:
    """Each refusal has its sentence, and knows which address would mend it."""
    with pytest.raises(InvalidAddress) as refused:
        first_manager(Wanted(listen, advertise, 4242), interfaces)
    assert (str(refused.value), refused.value.remedy) == (text, remedy)


@pytest.mark.parametrize(
    ("listen", "advertise", "endpoints"),
    [
        ("", "", ("0.0.0.0:4242", "")),
        ("eth0:5000", "", ("192.0.2.2:5000", "")),
        ("", "203.0.113.9", ("0.0.0.0:4242", "203.0.113.9:4242")),
    ],
)
def test_a_node_that_joins(listen: str, advertise: str, endpoints: tuple[str, str]) -> None:
    """It need not know what others are told, however many addresses it has."""
    assert joining(Wanted(listen, advertise, 4242), (LO, ETH0, ETH1)) == Endpoints(*endpoints)


def test_a_bad_address_of_a_node_that_joins_is_not_swallowed() -> None:
    """What was typed is used or refused."""
    with pytest.raises(InvalidAddress, match="advertise address must be"):
        joining(Wanted("", "example.org", 4242), ONE)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("manager", "manager:4242"),
        ("manager:2377", "manager:2377"),
        ("fd00::2", "[fd00::2]:4242"),
        ("[fd00::2]:1", "[fd00::2]:1"),
    ],
)
def test_the_manager_to_join(text: str, address: str) -> None:
    """A name or an address, with the usual port where none is given."""
    assert manager_to_join(text, 4242) == address


@pytest.mark.parametrize("text", ["", ":2377", "a:b", "[x]:1"])
def test_no_manager_to_join(text: str) -> None:
    """What names no manager is refused with what was typed."""
    with pytest.raises(InvalidAddress, match="invalid remoteAddr"):
        manager_to_join(text, 4242)


@pytest.mark.parametrize(
    ("address", "is_so"),
    [
        ("127.0.0.2:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("192.0.2.2:1", False),
        ("host:1", False),
    ],
)
def test_loopback(address: str, is_so: bool) -> None:
    """Whether only this machine can be meant."""
    assert is_loopback(address) is is_so
