"""This machine's node made a service of systemd, and taken back (docs/design/node.md 6.11)."""

from dataclasses import replace
from pathlib import Path

from swarm_core.client import node_directory

from swarm_tui.cli.plumbing import local_node, start_options, systemd_unit
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.cli.plumbing.start_options import Kept, Launch
from swarm_tui.cli.plumbing.systemd_unit import Scope, Unit


def text(state_dir: Path, how: Launch, scope: Scope | None) -> str:
    """The unit's text; nothing is written or started."""
    kept = how.on(start_options.read(state_dir) or Kept())
    return _unit(state_dir, scope).text(local_node.command(state_dir, _with_address(kept)))


def install(state_dir: Path, how: Launch, scope: Scope | None) -> Unit:
    """Have systemd start the node as `how` says, now and with the machine. One that belongs to no cluster begins or joins one first; one that runs
    is ended, and its tasks go on. Raises Failure."""
    unit = _unit(state_dir, scope)
    unit.need_systemd()
    with local_node.exclusive(state_dir):
        running = local_node.running(state_dir)
        if running is not None:
            if how.join is not None:
                raise Failure(f"A node runs on {state_dir} already; end it before it can join.")
            running.end()
        if node_directory.belongs_to_a_cluster(state_dir) and how.join is None:
            start_options.write(state_dir, _with_address(how.on(start_options.read(state_dir) or Kept())))
        else:
            local_node.launch(state_dir, how).end()
        kept = start_options.read(state_dir)
        assert kept is not None
        unit.install(local_node.command(state_dir, kept))
    return unit


def uninstall(state_dir: Path) -> Unit:
    """End the node and take its unit back. Raises Failure."""
    unit = systemd_unit.installed(state_dir)
    if unit is None:
        raise Failure(f"The node of {state_dir} is no service of systemd.")
    with local_node.exclusive(state_dir):
        unit.uninstall()
    return unit


def _unit(state_dir: Path, scope: Scope | None) -> Unit:
    there, wanted = systemd_unit.installed(state_dir), systemd_unit.scope_of(scope)
    if there is not None and scope is not None and there.scope is not wanted:
        raise Failure(f"{there.path} is there already; take it back with 'swarm-tui up --uninstall' first.")
    return there or Unit(state_dir, wanted)


def _with_address(kept: Kept) -> Kept:
    """A service listens at the same place whenever it is started."""
    return kept if kept.listen_remote_api else replace(kept, listen_remote_api=local_node.free_address())
