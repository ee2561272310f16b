"""What a node is started with, and what of that is kept so that it comes back as it was.

Rules: an option that was given holds until another value is given; an address that others were told goes with the address
that it stood for. `<state>/up.json` is private. Tokens and keys are never kept, nor what is meant for one start alone.
"""

import json
import os
from dataclasses import dataclass, fields, replace
from pathlib import Path

from swarm_core.api.json_text import json_of

from swarm_tui.cli.plumbing.session import Failure

RECORD = "up.json"
OFF = "off"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a node comes back with. Empty: left to the daemon."""

    listen_remote_api: str = ""
    advertise_remote_api: str = ""
    executors: str = ""
    docker_hosts: str = ""
    """Where docker's clients are answered, a host in each line."""
    docker_terms: str = ""
    """Who may be one: the daemon's flags, one in each line."""
    metrics_address: str = ""
    """Where Prometheus asks."""
    log_format: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start the daemon; None leaves it to what was chosen before, or to the daemon."""

    listen_remote_api: str | None = None
    join: str | None = None
    token: str | None = None
    executors: str | None = None
    docker_hosts: tuple[str, ...] = ()
    docker_terms: tuple[str, ...] = ()
    """Flags of the daemon about those hosts. They go with the hosts: other hosts are not opened on their terms."""
    advertise_remote_api: str | None = None
    metrics_address: str | None = None
    """`off`: nowhere from now on."""
    log_format: str | None = None
    flags: tuple[str, ...] = ()
    """Further flags of the daemon, for this start alone."""
    unlock_key: str | None = None
    lifeline: int | None = None
    """The reading end of a pipe: the daemon ends when the pipe closes. None: it outlives us."""

    def on(self, kept: Kept) -> Kept:
        """What holds once this was started."""
        chosen = kept
        if self.listen_remote_api is not None and self.listen_remote_api != kept.listen_remote_api:
            chosen = replace(chosen, listen_remote_api=self.listen_remote_api, advertise_remote_api="")
        if self.advertise_remote_api is not None:
            chosen = replace(chosen, advertise_remote_api=self.advertise_remote_api)
        if self.executors is not None:
            chosen = replace(chosen, executors=self.executors)
        if self.log_format is not None:
            chosen = replace(chosen, log_format=self.log_format)
        if self.metrics_address is not None:
            asked = "" if self.metrics_address == OFF else self.metrics_address
            chosen = replace(chosen, metrics_address=asked)
        if self.docker_hosts:
            chosen = replace(chosen, docker_hosts="\n".join(self.docker_hosts), docker_terms="")
        if self.docker_terms:
            chosen = replace(chosen, docker_terms="\n".join(self.docker_terms))
        return chosen


def read(state_dir: Path) -> Kept | None:
    """What was chosen for the node of this directory; None when nothing was. Raises Failure."""
    path = state_dir / RECORD
    known = {field.name for field in fields(Kept)}
    try:
        record = json_of(path.read_text())
        return Kept(**{name: str(value) for name, value in record.items() if name in known})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise Failure(f"{path} cannot be read: {error}.") from None


def write(state_dir: Path, kept: Kept) -> None:
    """Keep this. Whole or not at all: half a record would keep the node from coming back. Raises Failure."""
    path = state_dir / RECORD
    fresh = path.with_suffix(".new")
    record = {field.name: getattr(kept, field.name) for field in fields(Kept)}
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(record, file)
        fresh.replace(path)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.") from None
