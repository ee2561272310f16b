"""`swarm-tui cluster backup` and `restore` (docs/design/backup.md)."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Annotated, BinaryIO, Final

import typer
from swarm_core.api.backups import Follower, unframed
from swarm_core.api.proto.backup_pb2 import BackupHead
from swarm_core.api.typed_paths import path_of
from swarm_core.client import backup_file, backups, interfaces, node_directory, sockets
from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import CallFailed, ClientError
from swarm_core.specs.notation import nanoseconds

from swarm_tui.cli.commands.up import StateDirOption
from swarm_tui.cli.plumbing import backup_files, endpoints, local_node, own_node, passphrases
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure, globals_of, reading, run
from swarm_tui.cli.plumbing.start_options import Launch
from swarm_tui.resources.format import moment, size

_STREAM: Final = "-"
_KEEP: Final = 14
_EVERY_S_MIN: Final = 60
_AGAIN_S: Final = 60.0
_PROGRAM: Final = "swarm_core.managerd.restore"
_IN_USE: Final = "{} holds the node of a cluster already; nothing was changed. Restore with another --state-dir, or let that node leave first."


def backup(
    ctx: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A file that is not there yet; - for standard output; a directory with --every.",
        ),
    ],
    passphrase_file: passphrases.FileOption = None,
    passphrase_fd: passphrases.DescriptorOption = None,
    no_passphrase: Annotated[
        bool,
        typer.Option(
            "--no-passphrase", help="Do not seal it: who has the file has every key of the cluster."
        ),
    ] = False,
    as_it_is: Annotated[
        bool,
        typer.Option("--as-it-is", help="What this manager has, where the managers have lost their quorum."),
    ] = False,
    every: Annotated[
        str | None,
        typer.Option("--every", help="Go on, with a backup as often as this: 6h.", metavar="DURATION"),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", help="With --every: how many to keep; 14.", metavar="N", show_default=False),
    ] = None,
) -> None:
    """Write the whole cluster with its keys into one file, sealed with a passphrase."""
    globals_of(ctx).need_highest("back up the swarm")
    source = passphrases.Source(passphrase_file, passphrase_fd)
    if no_passphrase and (passphrase_file is not None or passphrase_fd is not None):
        raise Failure("--no-passphrase and a passphrase exclude each other.", USAGE)
    wanted = path_of(path)
    if every is None:
        if keep is not None:
            raise Failure("--keep goes with --every.", USAGE)
        _check_target(wanted)
        sealed_with = None if no_passphrase else source.new()
        try:
            run(ctx, lambda cluster: _once(cluster, wanted, sealed_with, as_it_is=as_it_is))
        except backups.Leaderless as error:
            raise Failure(f"{error}; --as-it-is backs up what this manager has.") from None
        return
    pause_s = _pause_s(every)
    kept = _KEEP if keep is None else keep
    if kept < 1:
        raise Failure("--keep: at least one backup is kept.", USAGE)
    if not wanted.is_dir():
        raise Failure(f"{wanted} is no directory.", USAGE)
    sealed_with = None if no_passphrase else source.new()
    run(ctx, lambda cluster: _on_schedule(cluster, wanted, sealed_with, pause_s=pause_s, keep=kept))


def _check_target(wanted: Path) -> None:
    """Raise Failure where nothing can be written: before a passphrase is typed."""
    if str(wanted) == _STREAM:
        if sys.stdout.isatty():
            raise Failure(
                "A backup is no text for a terminal: name a file, or send it on with a pipe.", USAGE
            )
    elif wanted.exists():
        raise Failure(f"{wanted} is there already; it is not written over.", USAGE)
    elif not wanted.parent.is_dir():
        raise Failure(f"There is no directory {wanted.parent}.", USAGE)


def _pause_s(text: str) -> float:
    with reading("--every"):
        seconds = nanoseconds(text) / 1e9
    if seconds < _EVERY_S_MIN:
        raise Failure(f"--every: at least {_EVERY_S_MIN} seconds.", USAGE)
    return seconds


async def _once(cluster: Cluster, wanted: Path, passphrase: str | None, *, as_it_is: bool) -> None:
    parts = backups.take(cluster.calls, as_it_is=as_it_is)
    if str(wanted) == _STREAM:
        written = await backup_files.write(parts, sys.stdout.buffer, passphrase)
        sys.stdout.buffer.flush()
        say(_done(written, "standard output", passphrase), err=True)
        return
    with backup_files.fresh(wanted) as file:
        written = await backup_files.write(parts, file, passphrase)
    say(_done(written, str(wanted), passphrase))


async def _on_schedule(
    cluster: Cluster, directory: Path, passphrase: str | None, *, pause_s: float, keep: int
) -> None:
    """Back up whenever the newest backup there is as old as the pause, until interrupted. What fails is told and tried again."""
    cluster_id = (await cluster.control.cluster()).id
    while True:
        newest = backup_files.newest_ns(directory, cluster_id)
        if newest is not None:
            # A newest one of the future is the work of another clock: it must not put off the next for long.
            left_s = min(newest / 1e9 + pause_s - cluster.clock.wall_ns() / 1e9, pause_s)
            if left_s > 0:
                await cluster.clock.sleep(left_s)
        try:
            path = directory / backup_files.name_of(cluster_id, cluster.clock.wall_ns())
            with backup_files.fresh(path) as file:
                written = await backup_files.write(backups.take(cluster.calls), file, passphrase)
            say(_done(written, str(path), passphrase))
            for gone in backup_files.remove_older(directory, cluster_id, keep):
                say(f"Removed {gone}.")
        except (ClientError, Failure, OSError) as error:
            if isinstance(error, CallFailed) and error.code in ("UNIMPLEMENTED", "PERMISSION_DENIED"):
                raise
            say(f"No backup was made: {str(error).rstrip('.')}; trying again.", err=True)
            await cluster.clock.sleep(min(_AGAIN_S, pause_s))


def _done(written: backup_files.Written, where: str, passphrase: str | None) -> str:
    how = "sealed" if passphrase is not None else "not sealed: it holds every key of the cluster"
    return (
        f"Backed up cluster {written.head.cluster_id} as of index {written.head.raft_index} to {where} "
        f"({size(written.bytes)}, {how})."
    )


def restore(
    ctx: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Written by 'cluster backup'; - for standard input.")
    ],
    state_dir: StateDirOption = None,
    listen_addr: Annotated[
        str | None,
        typer.Option(
            "--listen-addr", help="Where other nodes reach this one; else as before.", metavar="HOST[:PORT]"
        ),
    ] = None,
    advertise_addr: Annotated[
        str | None,
        typer.Option("--advertise-addr", help="The address that others are told.", metavar="HOST[:PORT]"),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option("--executor", help="What runs tasks here: docker, process or both.", metavar="LIST"),
    ] = None,
    passphrase_file: passphrases.FileOption = None,
    passphrase_fd: passphrases.DescriptorOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether it opens, is whole, and what it is.")
    ] = False,
) -> None:
    """Bring a cluster back from a backup, with this machine as its only manager."""
    source = passphrases.Source(passphrase_file, passphrase_fd)
    if check:
        with _opened(path) as file:
            _say_checked(path, _head_of(_chunks(file, source, path), path))
        return
    globals_of(ctx).need_highest("restore the swarm")
    directory = path_of(state_dir or sockets.state_directory()).absolute()
    if node_directory.belongs_to_a_cluster(directory) or local_node.running(directory) is not None:
        raise Failure(_IN_USE.format(directory))
    if listen_addr is not None or advertise_addr is not None:
        _addresses(listen_addr, advertise_addr)  # judged before anything is done
    with _opened(path) as file:
        head = _restore(directory, _chunks(file, source, path), path)
    how = _launch(head, listen_addr, advertise_addr, executor)
    try:
        own_node.start(directory, how)
    except Failure as error:
        raise Failure(f"The state is restored in {directory}, but its node did not start: {error}") from None
    _say_restored(head, how)


def _opened(path: Path) -> BinaryIO:
    if str(path) == _STREAM:
        return sys.stdin.buffer
    try:
        return path_of(path).open("rb")
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}.") from None


def _chunks(file: BinaryIO, source: passphrases.Source, path: Path) -> Iterator[bytes]:
    """What is in the file, opened. Raises Failure."""
    try:
        yield from backup_file.read(file, source.known)
    except backup_file.BackupUnusable as error:
        raise Failure(f"{path} {error}.") from None
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}.") from None


def _head_of(chunks: Iterator[bytes], path: Path) -> BackupHead:
    """What the whole backup says of itself. Raises Failure."""
    follower = Follower()
    try:
        for part in unframed(chunks):
            follower.take(part)
        return follower.end()
    except ValueError as error:
        raise Failure(f"{path} {error}.") from None


def _restore(directory: Path, chunks: Iterator[bytes], path: Path) -> BackupHead:
    """Make the state of it. Raises Failure; then nothing has changed."""
    with local_node.exclusive(directory), ExitStack() as stack:
        try:
            stack.enter_context(node_directory.held(directory))
        except node_directory.InUse as error:
            raise Failure(f"Nothing was changed: {error}.") from None
        program = stack.enter_context(_program(directory))
        assert program.stdin is not None and program.stderr is not None
        stack.callback(program.kill)
        with program.stdin:
            head = _head_of(_passed_on(chunks, program.stdin), path)
        said = program.stderr.read().decode(errors="replace").strip()
        if program.wait() != 0:
            raise Failure(f"Nothing was restored: {said.rpartition(chr(10))[2].rstrip('.')}.")
    return head


def _program(directory: Path) -> "subprocess.Popen[bytes]":
    # The manager's files are the manager's to write; it gets the backup, opened, through a pipe.
    return subprocess.Popen(  # noqa: S603 - our own program, without a shell
        [sys.executable, "-m", _PROGRAM, f"--state-dir={directory}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
    )


def _passed_on(chunks: Iterator[bytes], pipe: IO[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        try:
            pipe.write(chunk)
        except BrokenPipeError:
            continue  # it has given up and says why; the file is read to its end all the same
        yield chunk


def _launch(head: BackupHead, listen: str | None, advertise: str | None, executor: str | None) -> Launch:
    """How the restored node starts: where it was as long as nothing else was typed and this machine has the address."""
    key = backups.unlock_key(head)
    if listen is None and advertise is None and _is_here(head.address):
        return Launch(
            listen_remote_api=head.address, advertise_remote_api="", executors=executor, unlock_key=key
        )
    found = _addresses(listen, advertise)
    return Launch(
        listen_remote_api=found.listen_remote_api,
        advertise_remote_api=found.advertise_remote_api,
        executors=executor,
        unlock_key=key,
    )


def _addresses(listen: str | None, advertise: str | None) -> Launch:
    return endpoints.launch(
        endpoints.DOCKERS, listen, advertise, is_joining=False, unless_said=endpoints.EVERYWHERE
    )


def _is_here(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    return bool(host) and any(host in one.addresses for one in interfaces.of_this_machine())


def _say_checked(path: Path, head: BackupHead) -> None:
    say(
        f"{path} is whole: cluster {head.cluster_id} as of {moment(head.taken_at_ns)} (index {head.raft_index}), taken by "
        f"swarm-tui {head.version} at manager {head.node_id} ({head.hostname or '?'}, {head.address})."
    )


def _say_restored(head: BackupHead, how: Launch) -> None:
    told = how.advertise_remote_api or how.listen_remote_api
    say(
        f"Cluster {head.cluster_id} is back as of {moment(head.taken_at_ns)}; this node ({head.node_id}) is its only manager, at {told}."
    )
    if told != head.address:
        say(
            f"Its nodes look for a manager at {head.address}. On each of them: 'swarm-tui down', then 'swarm-tui up --join {told} "
            "--token TOKEN' with the token that 'swarm-tui cluster join-token' shows here."
        )
    say(
        "Managers of then are lost to it: never start them again, and remove them with 'swarm-tui node rm --force'."
    )


COMMANDS = {"backup": backup, "restore": restore}
