"""`swarm-tui cluster join-token`, `unlock-key` and `ca`: what lets nodes in, and what they believe."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.typed_paths import path_of
from swarm_core.client.cluster import Cluster
from swarm_core.specs.cluster import replace_root

from swarm_tui.cli.commands import settings
from swarm_tui.cli.commands.settings import CertExpiryOption, ExternalCaOption, apply, edits_of, unlock_key
from swarm_tui.cli.commands.settings import rotate as rotate_secret
from swarm_tui.cli.plumbing.dry_run import DryRunOption
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.say import say, say_lines
from swarm_tui.cli.plumbing.session import USAGE, Failure, run
from swarm_tui.operations.cluster import Rotated

_POLL_S = 0.2
_QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print it alone.")]


class Role(StrEnum):
    WORKER = "worker"
    MANAGER = "manager"


_TOKENS: dict[Role, Rotated] = {Role.WORKER: "worker_join_token", Role.MANAGER: "manager_join_token"}


def join_token(
    ctx: typer.Context,
    role: Annotated[Role, typer.Argument(metavar="worker|manager")],
    quiet: _QuietOption = False,
    rotate: Annotated[bool, typer.Option("--rotate", help="Make the old token worthless.")] = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Show or rotate the join token of workers or managers."""
    _only_with_rotate(rotate, dry_run)

    async def work(cluster: Cluster) -> None:
        if rotate:
            await rotate_secret(cluster, _TOKENS[role], say=not quiet, dry_run=style if dry_run else None)
            if not quiet:
                say()
        token = getattr((await cluster.control.cluster()).root_ca.join_tokens, role)
        if quiet:
            say(token)
        else:
            await print_join_command(cluster, role, token)

    run(ctx, work)


def _only_with_rotate(rotate: bool, dry_run: bool) -> None:
    """Nothing else here changes anything. Raises Failure."""
    if dry_run and not rotate:
        raise Failure("--dry-run goes with --rotate only.", USAGE)


async def print_join_command(cluster: Cluster, role: str, token: str) -> None:
    """How another machine joins."""
    nodes = await cluster.control.find(objects_pb2.Node)
    managers = [node.manager_status for node in nodes if node.manager_status.addr]
    managers.sort(key=lambda status: not status.leader)
    address = managers[0].addr if managers else "HOST:PORT"
    say(f"To add a {role} to this swarm, run the following command:")
    say()
    say(f"    swarm-tui cluster join --token {token} {address}")
    say()


def unlock_key_(
    ctx: typer.Context,
    quiet: _QuietOption = False,
    rotate: Annotated[bool, typer.Option("--rotate", help="Lock managers with another key.")] = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Show or rotate the key that unlocks managers."""
    _only_with_rotate(rotate, dry_run)

    async def work(cluster: Cluster) -> None:
        if rotate:
            found = await cluster.control.cluster()
            if not found.spec.encryption_config.auto_lock_managers:
                raise Failure("Cannot rotate because autolock is not turned on.")
            await rotate_secret(
                cluster, "manager_unlock_key", say=not quiet, dry_run=style if dry_run else None
            )
        key = await unlock_key(cluster)
        if not key:
            raise Failure("No unlock key is set: autolock is not turned on.")
        if quiet:
            say(key)
        else:
            await settings.print_unlock_key(cluster)

    run(ctx, work)


def ca(
    ctx: typer.Context,
    rotate: Annotated[bool, typer.Option("--rotate", help="Change to another root CA.")] = False,
    ca_cert: Annotated[
        Path | None, typer.Option("--ca-cert", help="Certificate of the new root, PEM.", metavar="FILE")
    ] = None,
    ca_key: Annotated[
        Path | None, typer.Option("--ca-key", help="Key of the new root, PEM.", metavar="FILE")
    ] = None,
    cert_expiry: CertExpiryOption = None,
    external_ca: ExternalCaOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Do not wait until all nodes follow.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress.")] = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Show or rotate the root CA."""
    if not rotate and (ca_cert or ca_key or cert_expiry or external_ca or detach or quiet or dry_run):
        raise Failure("These options go with --rotate only.", USAGE)
    certificate, key = _read(ca_cert), _read(ca_key)
    edits = edits_of(cert_expiry=cert_expiry, external_ca=external_ca)

    def replace(spec: specs_pb2.ClusterSpec) -> None:
        replace_root(spec, certificate, key)

    async def work(cluster: Cluster) -> None:
        if rotate:
            await apply(cluster, [*edits, replace], dry_run=style if dry_run else None)
            if detach:
                return
            await _wait(cluster, quiet=quiet)
        root = (await cluster.control.cluster()).root_ca.ca_cert
        say_lines(root.decode(errors="replace").rstrip("\n"))

    run(ctx, work)


def _read(path: Path | None) -> bytes:
    return b"" if path is None else path_of(path).read_bytes()


async def _wait(cluster: Cluster, *, quiet: bool) -> None:
    """Until every node has a certificate of the new root, told as it happens."""
    from swarm_core.client import certificates

    told = ""
    wanted = b""
    while True:
        root_ca = (await cluster.control.cluster()).root_ca
        nodes = await cluster.control.find(objects_pb2.Node)
        if root_ca.HasField("root_rotation"):
            if wanted != root_ca.root_rotation.ca_cert:
                wanted = root_ca.root_rotation.ca_cert
                if not quiet:
                    say(f"desired root digest: {certificates.root_digest(wanted)}", err=True)
            done = sum(_is_issued_by(node, wanted) for node in nodes)
            line = f"  rotated TLS certificates: {done}/{len(nodes)} nodes"
        else:
            done = sum(node.description.tls_info.trust_root == root_ca.ca_cert for node in nodes)
            line = f"  rotated CA certificates: {done}/{len(nodes)} nodes"
        if line != told and not quiet:
            say(line, err=True)
        told = line
        if done == len(nodes) and not root_ca.HasField("root_rotation"):
            return
        await cluster.clock.sleep(_POLL_S)


def _is_issued_by(node: objects_pb2.Node, root: bytes) -> bool:
    """Whether the node reports a certificate that this root has signed."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    certificate = x509.load_pem_x509_certificate(root)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    reported = node.description.tls_info
    return (reported.cert_issuer_subject, reported.cert_issuer_public_key) == (
        certificate.subject.public_bytes(),
        key,
    )


COMMANDS = {"join-token": join_token, "unlock-key": unlock_key_, "ca": ca}
