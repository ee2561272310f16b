"""Going to another cluster, or to several as one: they are opened first, so that who cannot be reached leaves the person where they are.

What a program shows is settled when it begins. To go elsewhere it ends with the opened clusters in its hands, and its caller begins anew with
those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import ClientError
from swarm_core.client.sockets import NoSocket


@dataclass(frozen=True, slots=True)
class Opened:
    """The cluster to go to."""

    title: str
    cluster: Cluster


async def opened_together(clusters: "OtherClusters", names: Sequence[str]) -> tuple[Opened, ...]:
    """All of these, or none. Raises ValueError, LookupError or OSError with a sentence that names the one it is about."""
    found: list[Opened] = []
    try:
        for name in names:
            try:
                found.append(await clusters.open(name))
            except (ClientError, NoSocket) as error:
                raise ValueError(f"{name}: {error}") from None
        if len(found) > 1:
            await _check_different(found)
    except BaseException:
        for one in found:
            await one.cluster.close()
        raise
    return tuple(found)


async def _check_different(found: Sequence[Opened]) -> None:
    """Objects are told apart by their ids, which a cluster and a copy of it share. Raises ValueError."""
    by_id: dict[str, str] = {}
    for one in found:
        try:
            id_ = (await one.cluster.control.cluster()).id
        except ClientError as error:
            raise ValueError(f"{one.title}: {error}") from None
        if (other := by_id.setdefault(id_, one.title)) != one.title:
            raise ValueError(
                f"{other} and {one.title} are the same cluster, or one is a copy of the other: as one their objects "
                "could not be told apart."
            )


class OtherClusters(Protocol):
    """The clusters that have names."""

    def names(self) -> Sequence[tuple[str, str]]:
        """The name of each, and how it is reached. Raises ValueError with a sentence."""

    async def open(self, name: str) -> Opened:
        """The cluster of this name. Raises ClientError, LookupError, ValueError or OSError with a sentence."""
