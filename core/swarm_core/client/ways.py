"""From a context to its cluster: over a socket, through ssh, or over a manager's remote API."""

from swarm_core.client import sockets
from swarm_core.client.cluster import Cluster
from swarm_core.client.contexts import Context
from swarm_core.client.errors import Unreachable
from swarm_core.runtime.clock import Clock, SystemClock


async def open_context(context: Context, clock: Clock | None = None) -> Cluster:
    """The cluster of a context. Raises Unreachable, NoSocket."""
    if context.ssh:
        return await _through_ssh(context, clock or SystemClock())
    if context.address:
        return await _over_tls(context)
    candidate = sockets.Candidate(context.socket_path, f"the context {context.name}")
    candidate = sockets.choose([candidate])
    return await Cluster.open(candidate)


async def _through_ssh(context: Context, clock: Clock) -> Cluster:
    from swarm_core.client.connection import Connection
    from swarm_core.client.tunnel import Tunnel, Tunnelled

    tunnel = Tunnel(context.ssh, context.socket, clock)
    try:
        await tunnel.ensure()
        connection = await Connection.open(tunnel.path)
    except Unreachable as error:
        await tunnel.close()
        raise Unreachable(str(error).replace(str(tunnel.path), f"{context.ssh}:{context.socket}")) from None
    except BaseException:
        await tunnel.close()
        raise
    return Cluster(Tunnelled(tunnel, connection), target=f"{context.ssh}:{context.socket}")


async def _over_tls(context: Context) -> Cluster:
    from swarm_core.ca.errors import CaError, WrongKek
    from swarm_core.ca.key_file import KeyFile
    from swarm_core.ca.tls import TlsIdentity
    from swarm_core.client.connection import Connection
    from swarm_core.client.trust import Trust

    directory = context.certificates_path
    files = KeyFile(directory)
    try:
        roots, own = files.read_root(), files.read()
    except WrongKek:
        raise Unreachable(f"the key in {directory} is locked, and a context has no unlock key") from None
    except (CaError, OSError) as error:
        raise Unreachable(f"the certificates in {directory} cannot be used: {error}") from None
    trust = Trust(roots, TlsIdentity(roots, own.certificate, own.key))
    return Cluster(await Connection.open(context.address, trust=trust), target=context.address)
