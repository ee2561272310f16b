"""Further lines of a container's hosts file, and its name resolution.

People write HOST:IP or HOST=IP; the spec holds the lines of the file, `IP HOST [ALIAS …]`.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from swarm_core.specs import lists
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue

_GATEWAY: Final = "host-gateway"
"""A word that engines replace by the address of their machine."""
_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN: Final = rf"({_LABEL}(?:\.{_LABEL})*)\.?"
_DOMAIN_MAX: Final = 254


def add(draft: Draft, given: Sequence[str]) -> None:
    """Append lines that are not there yet."""
    lists.put(draft.container.hosts, map(_line, given))


def drop(draft: Draft, given: Sequence[str]) -> None:
    """Take a name out of every line, or with an address out of the lines of that address; a line without a name goes."""
    gone = [(host, address) for host, _, address in (text.partition(":") for text in given)]
    kept = []
    for line in draft.container.hosts:
        address, *names = line.split() or [""]
        left = [name for name in names if not any(name == host and of in ("", address) for host, of in gone)]
        if left:
            kept.append(" ".join([address, *left]))
    draft.container.hosts[:] = list(dict.fromkeys(kept))


def _line(text: str) -> str:
    separator = "=" if "=" in text else ":"
    host, found, address = text.partition(separator)
    if not found or not host or ":" in host:
        raise InvalidValue(f"{text!r} is not HOST:IP")
    if address != _GATEWAY:
        bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
        _parsed(bare)
        address = bare
    return f"{address} {host}"


def name_server(text: str) -> str:
    """An address, in its usual form."""
    found = _parsed(text.strip())
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


def _parsed(text: str) -> IPv4Address | IPv6Address:
    try:
        if "%" in text:
            raise ValueError
        return ip_address(text)
    except ValueError:
        raise InvalidValue(f"{text!r} is no IP address") from None


def search_domain(text: str) -> str:
    """A domain without the dot at its end; a dot alone for none."""
    text = text.strip(" ")
    if text == ".":
        return text
    match = re.fullmatch(_DOMAIN, text.rstrip())
    if match is None or not re.search("[a-zA-Z]", text) or len(match[1]) > _DOMAIN_MAX:
        raise InvalidValue(f"{text!r} is no domain")
    return match[1]
