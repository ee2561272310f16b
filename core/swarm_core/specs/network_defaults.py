"""What a cluster's networks have unless they say otherwise; chosen when the cluster begins (docs/design/allocator.md 4.9).

It travels as flags: from the command through the node daemon to the first manager, which writes it into the cluster object.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

from swarm_core.specs.defaults import SUBNET_SIZE
from swarm_core.specs.errors import InvalidValue

POOL_FLAG: Final = "--default-addr-pool"
SIZE_FLAG: Final = "--default-addr-pool-mask-length"
PORT_FLAG: Final = "--data-path-port"
SIZE_MAX: Final = 29
PORT_MIN, PORT_MAX = 1024, 49_151


@dataclass(frozen=True, slots=True)
class NetworkDefaults:
    """Empty and 0: the program's own. `pools` are subnets, cut into subnets of the prefix length `size`; `port` is the UDP port of
    overlay traffic between nodes."""

    pools: tuple[str, ...] = ()
    size: int = 0
    port: int = 0

    def check(self) -> None:
        """Raises InvalidValue, whose text begins with the flag."""
        pools = [_pool(text) for text in self.pools]
        for place, pool in enumerate(pools):
            if other := next((one for one in pools[:place] if one.overlaps(pool)), None):
                raise InvalidValue(f"{POOL_FLAG}: {pool} overlaps {other}")
        if self.size and not pools:
            raise InvalidValue(f"{SIZE_FLAG} needs {POOL_FLAG} beside it")
        size = self.size or SUBNET_SIZE
        if not 1 <= size <= SIZE_MAX:
            raise InvalidValue(f"{SIZE_FLAG}: {size} is not from 1 to {SIZE_MAX}")
        for pool in pools:
            if pool.prefixlen > size:
                raise InvalidValue(f"{SIZE_FLAG}: no subnet /{size} fits into the pool {pool}")
        if self.port and not PORT_MIN <= self.port <= PORT_MAX:
            raise InvalidValue(f"{PORT_FLAG}: {self.port} is not from {PORT_MIN} to {PORT_MAX}")

    def flags(self) -> list[str]:
        """The flags that say it."""
        words = [f"{POOL_FLAG}={pool}" for pool in self.pools]
        if self.size:
            words.append(f"{SIZE_FLAG}={self.size}")
        if self.port:
            words.append(f"{PORT_FLAG}={self.port}")
        return words


NONE_CHOSEN: Final = NetworkDefaults()


def split(texts: Sequence[str]) -> tuple[str, ...]:
    """Pools as they are typed: one or several, with commas between them."""
    return tuple(word for text in texts for word in text.split(","))


def _pool(text: str) -> IPv4Network:
    try:
        return IPv4Network(text, strict=False)
    except ValueError:
        raise InvalidValue(f"{POOL_FLAG}: {text!r} is no IPv4 subnet (write 10.20.0.0/16)") from None
