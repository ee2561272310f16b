"""What many engines answered as one answer, by classic Swarm's rules (docs/design/engine-commands.md 16.4). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from swarm_core.engines.records import EngineRecord

Json = dict[str, Any]
HOST_DOWN: Final = "Host Down"
_WILDCARDS: Final = ("0.0.0.0", "::", "")  # noqa: S104 - what containers publish on, not where we listen


def address_of(record: EngineRecord) -> str:
    """Where people reach what an engine publishes: its machine's name or address; empty for a socket of this machine."""
    from urllib.parse import urlsplit

    return urlsplit(record.entry.url).hostname or ""


def node_of(record: EngineRecord) -> Json:
    """The engine as an inspection and an event show it."""
    return {
        "ID": record.id, "IP": address_of(record), "Addr": record.entry.url, "Name": record.name, "Cpus": record.cpus,
        "Memory": record.memory_bytes, "Labels": dict(record.labels),
    }  # fmt: skip


def container_line(entry: Json, record: EngineRecord) -> Json:
    """A container of a list: its names with the engine in front, ports at the engine's address."""
    names = [
        f"/{record.name}{name if str(name).startswith('/') else f'/{name}'}"
        for name in entry.get("Names") or ()
    ]
    line = {**_corrected(entry, record), "Names": names}
    if (address := address_of(record)) and entry.get("Ports"):
        line["Ports"] = [
            {**port, "IP": address} if port.get("PublicPort") and port.get("IP", "") in _WILDCARDS else port
            for port in entry["Ports"]
        ]
    if not record.state.is_live:
        line["Status"] = HOST_DOWN
    return line


def _corrected(entry: Json, record: EngineRecord) -> Json:
    """With the time of its making by our clock: lists of many engines are sorted by it."""
    if not record.skew_s or "Created" not in entry:
        return entry
    return {**entry, "Created": int(entry["Created"]) + round(record.skew_s)}


def newest_first(entries: Iterable[Json]) -> list[Json]:
    """As docker lists containers and images."""
    return sorted(entries, key=lambda one: int(one.get("Created") or 0), reverse=True)


def inspected(whole: Json, record: EngineRecord) -> Json:
    """A container's inspection, with its engine."""
    settings = dict(whole.get("NetworkSettings") or {})
    if (address := address_of(record)) and settings.get("Ports"):
        settings["Ports"] = {
            port: [
                {**one, "HostIp": address} if one.get("HostIp", "") in _WILDCARDS else one for one in bindings
            ]
            if bindings
            else bindings
            for port, bindings in settings["Ports"].items()
        }
    return {
        **whole,
        "Name": f"/{record.name}{whole.get('Name', '')}",
        "NetworkSettings": settings,
        "Node": node_of(record),
    }


def images(found: Iterable[tuple[EngineRecord, Iterable[Json]]]) -> list[Json]:
    """Merged by id, with all their names, newest first."""
    merged: dict[str, Json] = {}
    for record, entries in found:
        for given in entries:
            entry = _corrected(given, record)
            known = merged.setdefault(str(entry.get("Id")), {**entry, "RepoTags": None, "RepoDigests": None})
            for key in ("RepoTags", "RepoDigests"):
                named = list(dict.fromkeys((*(known[key] or ()), *(entry.get(key) or ()))))
                known[key] = [one for one in named if "<none>" not in one] or named or None
    return newest_first(merged.values())


def network_line(entry: Json, record: EngineRecord) -> Json:
    """A network; one of a single engine has it in front of its name."""
    return {**entry, "Name": f"{record.name}/{entry['Name']}"} if entry.get("Scope") == "local" else entry


def networks(found: Iterable[tuple[EngineRecord, Iterable[Json]]]) -> list[Json]:
    """Merged by id, with the containers of each."""
    merged: dict[str, Json] = {}
    for record, entries in found:
        for entry in entries:
            line = network_line(entry, record)
            known = merged.setdefault(str(line["Id"]), line)
            known["Containers"] = {**(known.get("Containers") or {}), **(line.get("Containers") or {})}
    return list(merged.values())


def volume_line(entry: Json, record: EngineRecord) -> Json:
    """A volume; one of a single engine has it in front of its name."""
    is_local = entry.get("Scope", "local") == "local"
    return {**entry, "Name": f"{record.name}/{entry['Name']}"} if is_local else entry


def event(told: Json, record: EngineRecord) -> Json:
    """An event that says where it happened."""
    actor = dict(told.get("Actor") or {})
    place = {
        "node.name": record.name, "node.id": record.id, "node.addr": record.entry.url, "node.ip": address_of(record),
    }  # fmt: skip
    actor["Attributes"] = {**(actor.get("Attributes") or {}), **place}
    line = {
        **told,
        "Actor": actor,
        "node": {"Name": record.name, "Id": record.id, "Addr": record.entry.url, "Ip": address_of(record)},
    }
    if "from" in told:
        line["from"] = f"{told['from']} node:{record.name}"
    return line


def info(
    records: Sequence[EngineRecord], infos: Mapping[str, Json], *, strategy: str, filters: Sequence[str]
) -> Json:
    """Sums over the engines, and a part for each. `infos` is what the live ones told, by key."""

    def total(key: str) -> int:
        return sum(int(one.get(key) or 0) for one in infos.values())

    status: list[list[str]] = [
        ["Role", "primary"], ["Strategy", strategy], ["Filters", ", ".join(filters)], ["Nodes", str(len(records))],
    ]  # fmt: skip
    for record in records:
        told = infos.get(record.key, {})
        states = ", ".join(
            f"{told.get(f'Containers{word}', 0)} {word}" for word in ("Running", "Paused", "Stopped")
        )
        labels = ", ".join(f"{key}={value}" for key, value in sorted(record.labels.items()))
        status += [
            [f" {record.name}", record.entry.url], ["  └ ID", record.id], ["  └ Status", record.word],
            ["  └ Containers", f"{told.get('Containers', record.containers)} ({states})"], ["  └ Labels", labels],
            ["  └ Error", record.note or "(none)"], ["  └ ServerVersion", record.version],
        ]  # fmt: skip
    return {
        "ID": "", "Containers": total("Containers"), "ContainersRunning": total("ContainersRunning"),
        "ContainersPaused": total("ContainersPaused"), "ContainersStopped": total("ContainersStopped"),
        "Images": total("Images"), "NCPU": total("NCPU"), "MemTotal": total("MemTotal"), "Driver": "", "DriverStatus": [],
        "SystemStatus": status, "Plugins": {"Volume": [], "Network": [], "Log": []}, "OSType": "linux", "Labels": [],
        "Swarm": {"NodeID": "", "LocalNodeState": "inactive"}, "SecurityOptions": [], "Warnings": None,
    }  # fmt: skip
