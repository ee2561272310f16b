"""What is asked when a cluster is begun, joined or unlocked (docs/design/engine-api.md E12).

Addresses are judged by the rules that every beginning of a node has, with docker's default port.
"""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, ip_address, ip_network

from swarm_core.engine_json.given import UINT32, Given
from swarm_core.http.errors import BadRequest
from swarm_core.http.version import Version
from swarm_core.specs.addresses import (
    Endpoints,
    Interface,
    InvalidAddress,
    Wanted,
    first_manager,
    host_of,
    joining,
    manager_to_join,
)
from swarm_core.specs.defaults import SUBNET_SIZE
from swarm_core.specs.errors import InvalidValue
from swarm_core.specs.network_defaults import PORT_MAX, PORT_MIN, SIZE_MAX, NetworkDefaults

from swarm_agentd.engine_api.membership.asked import Beginning, Joining

PORT = 2377
_WITH_POOLS, _WITH_PATH_PORT = Version(1, 39), Version(1, 40)
_AVAILABILITIES = ("active", "pause", "drain")


def beginning(given: Given, interfaces: Sequence[Interface], advertised: str = "") -> Beginning:
    """Of a cluster; `advertised` is what others are told where the client does not say it. Raises BadRequest."""
    return Beginning(
        endpoints=_endpoints(given, first_manager, interfaces, advertised),
        data_path=_data_path(given, interfaces),
        networks=_networks(given),
        autolock=given.flag("AutoLockManagers") or _locks(given),
        force_new=given.flag("ForceNewCluster"),
        availability=_availability(given),
    )


def joining_of(given: Given, interfaces: Sequence[Interface], advertised: str = "") -> Joining:
    """Of a cluster. Raises BadRequest."""
    endpoints = _endpoints(given, joining, interfaces, advertised)
    remotes = given.texts("RemoteAddrs")
    if not remotes:
        raise BadRequest("at least 1 RemoteAddr is required to join")
    try:
        managers = tuple(manager_to_join(text, PORT) for text in remotes)
    except InvalidAddress as error:
        raise BadRequest(str(error)) from None
    return Joining(
        endpoints, managers, given.text("JoinToken"), _data_path(given, interfaces), _availability(given)
    )


def _endpoints(
    given: Given,
    rule: Callable[[Wanted, Sequence[Interface]], Endpoints],
    interfaces: Sequence[Interface],
    advertised: str,
) -> Endpoints:
    listen = given.text("ListenAddr")
    if not listen:
        raise BadRequest('invalid ListenAddr "": invalid empty address')
    told = given.text("AdvertiseAddr")
    if advertised and not told:
        told = _host(advertised, interfaces, "default advertise address")
    try:
        return rule(Wanted(listen, told, PORT), interfaces)
    except InvalidAddress as error:
        raise BadRequest(str(error)) from None


def _data_path(given: Given, interfaces: Sequence[Interface]) -> str:
    text = given.text("DataPathAddr")
    return _host(text, interfaces, "data path address") if text else ""


def _host(text: str, interfaces: Sequence[Interface], what: str) -> str:
    """The address that an interface or an address stands for. Raises BadRequest."""
    try:
        found = host_of(text, interfaces)
    except InvalidAddress as error:
        raise BadRequest(str(error)) from None
    if found is None or ip_address(found).is_unspecified:
        raise BadRequest(f"{what} must be a non-zero IP address or network interface (without a port number)")
    return found


def _networks(given: Given) -> NetworkDefaults:
    """Unlike a person at the command line, clients send the size without a pool."""
    pools: tuple[str, ...] = ()
    size = port = 0
    if given.version >= _WITH_POOLS:
        pools = tuple(given.texts("DefaultAddrPool"))
        size = given.whole("SubnetSize", UINT32)
    if given.version >= _WITH_PATH_PORT:
        port = given.whole("DataPathPort", UINT32)
    if port and not PORT_MIN <= port <= PORT_MAX:
        raise BadRequest(f"Datapath port number is not in valid range ({PORT_MIN}-{PORT_MAX}) : {port}")
    if size > SIZE_MAX:
        raise BadRequest(f"subnet size is out of range: {size}")
    for text in pools:
        if _pool(text).prefixlen > (size or SUBNET_SIZE):
            raise BadRequest(
                f'invalid CIDR: "{text}". Subnet size is too small for pool: {size or SUBNET_SIZE}'
            )
    wanted = NetworkDefaults(pools, size if pools else 0, port)
    try:
        wanted.check()
    except InvalidValue as error:
        raise BadRequest(str(error)) from None
    return wanted


def _pool(text: str) -> IPv4Network:
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        raise BadRequest(f"invalid base pool {text}: invalid CIDR address: {text}") from None
    if not isinstance(found, IPv4Network):
        raise BadRequest(f"invalid base pool {text}: it is no IPv4 subnet")
    return found


def _locks(given: Given) -> bool:
    """Whether the spec beside it asks for the lock: its newer place."""
    spec = given.part("Spec")
    part = None if spec is None else spec.part("EncryptionConfig")
    return part is not None and part.flag("AutoLockManagers")


def _availability(given: Given) -> str:
    word = given.text("Availability")
    if word and word.lower() not in _AVAILABILITIES:
        raise BadRequest(f'invalid Availability: "{word}"')
    return word.lower()
