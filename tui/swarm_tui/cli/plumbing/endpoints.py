"""Addresses as they are typed: judged by `specs.addresses`, refused with the flag that mends it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from swarm_core.api.names import MANAGER_PORT
from swarm_core.specs.addresses import Endpoints, Interface, InvalidAddress, Wanted, first_manager, joining

from swarm_tui.cli.plumbing import local_node
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.cli.plumbing.start_options import Launch

EVERYWHERE = "0.0.0.0"  # noqa: S104 - a cluster is of several machines


@dataclass(frozen=True, slots=True)
class Flags:
    """What the two addresses are called on the command line."""

    listen: str
    advertise: str


DOCKERS = Flags("--listen-addr", "--advertise-addr")
OURS = Flags("--listen-remote-api", "--advertise-remote-api")


def launch(
    flags: Flags, listen: str | None, advertise: str | None, *, is_joining: bool, unless_said: str
) -> Launch:
    """How to start a node at these addresses. Where none to listen on was typed it is `unless_said`, at the usual port or at
    another while that is taken. Raises Failure."""
    from swarm_core.client import interfaces

    port = MANAGER_PORT if listen else local_node.free_port(unless_said)
    wanted = Wanted(listen or "", advertise or "", port, unless_said)
    found = _judged(flags, joining if is_joining else first_manager, wanted, interfaces.of_this_machine())
    # The daemon tells others where it listens when it is told nothing else.
    told = found.advertise if found.advertise != found.listen else ""
    return Launch(listen_remote_api=found.listen, advertise_remote_api=told or None)


def _judged(
    flags: Flags,
    rule: Callable[[Wanted, Sequence[Interface]], Endpoints],
    wanted: Wanted,
    interfaces: Sequence[Interface],
) -> Endpoints:
    try:
        return rule(wanted, interfaces)
    except InvalidAddress as error:
        flag = {"": "", "listen": flags.listen, "advertise": flags.advertise}[error.remedy]
        raise Failure(f"{error}{f' - specify one with {flag}' if flag else ''}.") from None
