"""What a container uses, as the engine tells it: one answer without the engine's own wait for a second sample, which API 1.41 brought."""

from typing import TYPE_CHECKING, Any, Final

from swarm_agentd.exec.usage import Reading

if TYPE_CHECKING:
    # A node without an engine loads no client of one.
    from docker.api.client import APIClient

_SINCE: Final = (1, 41)


def is_told(api_version: str) -> bool:
    """Whether an engine of this API version answers at once."""
    return bool(api_version) and tuple(map(int, api_version.split("."))) >= _SINCE


def ask(client: "APIClient", name: str) -> dict[str, Any]:
    """In a thread: the engine's numbers for a container."""
    told: dict[str, Any] = client.stats(name, stream=False, one_shot=True)
    return told


def reading(told: dict[str, Any]) -> Reading | None:
    """The numbers of a container that runs; the engine leaves them out of others."""
    used = told.get("memory_stats", {}).get("usage")
    if used is None:
        return None
    kept = told["memory_stats"].get("stats", {})
    # As docker stats shows it: without files that are only cached. The first name is of version 1 of control groups.
    cached = kept.get("total_inactive_file", kept.get("inactive_file", 0))
    return Reading(told["cpu_stats"]["cpu_usage"]["total_usage"], max(used - cached, 0))
