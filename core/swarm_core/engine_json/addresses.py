"""Addresses as strict readers want them (docs/design/engine-api-json.md 14.2.6).

Newer clients read each of these texts as an address, or as a prefix with its mask, and one that is none costs them the whole answer. So
such a text is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_interface
from typing import Any, Final

from swarm_core.engine_json.given import Given
from swarm_core.engine_json.shape import Kind


@lru_cache(maxsize=65_536)
def is_address(text: str) -> bool:
    """Whether it is an IP address without a mask."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=65_536)
def is_prefix(text: str) -> bool:
    """Whether it is an IP address with a mask in digits."""
    address, slash, bits = text.partition("/")
    try:
        ip_interface(text)
    except ValueError:
        return False
    return bool(slash) and bits.isdecimal() and is_address(address)


@dataclass(frozen=True, slots=True)
class _Checked:
    is_good: Callable[[str], bool]

    def show(self, value: str) -> str:
        return value if self.is_good(value) else ""

    def read(self, given: Given, name: str) -> Any:
        return given.text(name)

    @property
    def empty(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class _AllChecked:
    is_good: Callable[[str], bool]

    def show(self, value: Any) -> list[str]:
        return [each for each in value if self.is_good(each)]

    def read(self, given: Given, name: str) -> Any:
        return given.texts(name)

    @property
    def empty(self) -> list[str]:
        return []


ADDRESS: Final[Kind] = _Checked(is_address)
PREFIX: Final[Kind] = _Checked(is_prefix)
ADDRESSES: Final[Kind] = _AllChecked(is_address)
PREFIXES: Final[Kind] = _AllChecked(is_prefix)
