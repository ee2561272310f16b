"""Going to another cluster: it is opened first, so that who cannot be reached leaves the person where they are.

A program shows one cluster. To go to another one it ends with the opened cluster in its hands, and its caller begins anew with that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from swarm_core.client.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Opened:
    """The cluster to go to."""

    title: str
    cluster: Cluster


class OtherClusters(Protocol):
    """The clusters that have names."""

    def names(self) -> Sequence[tuple[str, str]]:
        """The name of each, and how it is reached. Raises ValueError with a sentence."""

    async def open(self, name: str) -> Opened:
        """The cluster of this name. Raises ClientError, LookupError, ValueError or OSError with a sentence."""
