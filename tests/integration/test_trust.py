"""Who is let in, and what changes while everything runs: certificates, roles, tokens, the root CA, unlock keys; with real
daemons. What a person did wrong is one sentence."""

import asyncio
import random
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from google.protobuf.descriptor import MethodDescriptor
from swarm_agentd.node import identity as identities
from swarm_agentd.node.config import Join
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.state_dir import open_state
from swarm_core.api.names import MANAGER_ROLE, WORKER_ROLE
from swarm_core.api.proto import control_pb2, objects_pb2, types_pb2
from swarm_core.ca import certificates, csr, keys, tokens
from swarm_core.ca.key_file import KeyFile, NodeCredentials
from swarm_core.ca.root_ca import RootCa
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client import certificates as issuing
from swarm_core.client.control import Control
from swarm_core.client.dial import SystemDial
from swarm_core.client.errors import CallFailed
from swarm_core.rpc import channel as channels
from swarm_core.rpc.grpcio import grpc
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.managers import Cluster, directly, eventually, managers_seen, through, write

Node, ClusterObject = objects_pb2.Node, objects_pb2.Cluster
CLOCK, RNG = SystemClock(), random.SystemRandom()
DAY_S = 24 * 3600
TICK = ("--tick", "0.1")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class ShiftedClock(SystemClock):
    """The time of another day."""

    def __init__(self, seconds: float) -> None:
        self._shift_ns = round(seconds * 1e9)

    def wall_ns(self) -> int:
        return super().wall_ns() + self._shift_ns


def found(node: Daemon, *, seconds_ago: float = 0.0) -> RootCa:
    """Make the node's identity before it starts; the root CA with its key, for certificates of the test's own."""
    clock = ShiftedClock(-seconds_ago)
    identities.found_cluster(open_state(node.state), clock, random.Random(str(node.state)))
    key_file = KeyFile(node.state / "certificates")
    return RootCa.load(key_file.read_root(), (node.state / "certificates" / "swarm-root-ca.key").read_bytes())


@contextmanager
def nodes(*daemons: Daemon) -> Iterator[None]:
    """End them, whatever happens; a failure shows their logs."""
    try:
        yield
    except BaseException:
        for node in daemons:
            sys.stderr.write(f"--- {node.state.name}\n{node.tail(60)}\n")
        raise
    finally:
        for node in daemons:
            node.destroy()


@pytest.fixture
def directory() -> Iterator[Path]:
    with private_directory() as path:
        yield path


async def cluster_of(node: Daemon) -> ClusterObject:
    async with through(node) as control:
        return await control.cluster()


async def update_cluster(node: Daemon, edit=lambda spec: None, **rotation: bool) -> ClusterObject:  # type: ignore[no-untyped-def]
    async with through(node) as control:
        cluster = await control.cluster()
        change = control_pb2.KeyRotation(**rotation)
        return await control.change(ClusterObject, cluster.id, edit, rotation=change)


async def ready_nodes(node: Daemon, count: int) -> list[Node]:
    async def attempt() -> list[Node]:
        async with through(node) as control:
            ready = [n for n in await control.find(Node) if n.status.state == types_pb2.NodeStatus.READY]
        return ready if len(ready) == count else []

    return await eventually(attempt, what=f"{count} ready nodes")


async def start_worker(manager: Daemon, directory: Path) -> Daemon:
    """A new worker, once it has its certificate."""
    token = (await eventually(lambda: cluster_of(manager))).root_ca.join_tokens.worker
    worker = Daemon(directory, *TICK, "--join-addr", manager.address, "--join-token", token)
    return worker.start()


def node_id_of(node: Daemon) -> str:
    return certificates.identity((node.state / "certificates" / "swarm-node.crt").read_bytes()).node_id


def serial_shown(node: Daemon) -> int:
    """The serial number of the certificate that the node's remote API shows."""
    host, _, port = node.address.rpartition(":")
    return x509.load_pem_x509_certificate(
        ssl.get_server_certificate((host, int(port))).encode()
    ).serial_number


def last_words(node: Daemon, seconds: float = 30) -> str:
    """What a node that cannot start says: its one line."""
    assert node.process is not None
    assert node.process.wait(seconds) == 1
    said = [line for line in node.log.read_text().splitlines() if line.startswith("swarm-agentd:")]
    return said[-1]


async def set_role(through_node: Daemon, node_id: str, role: types_pb2.NodeRole.ValueType) -> None:
    def edit(spec) -> None:  # type: ignore[no-untyped-def]
        spec.desired_role = role

    async with through(through_node) as control:
        await control.change(Node, node_id, edit)


# certificates


async def test_an_old_certificate_is_renewed_without_closing_a_port(directory: Path) -> None:
    """A node that starts late in its certificate's life gets another; its manager shows it, connections go on."""
    node = Daemon(directory / "a", *TICK)
    found(node, seconds_ago=85 * DAY_S)
    with nodes(node):
        old = x509.load_pem_x509_certificate((node.state / "certificates" / "swarm-node.crt").read_bytes())
        node.start()
        await ready_nodes(node, 1)
        manager = node.manager_pid()

        def shows_another() -> int:
            serial = serial_shown(node)
            return serial if serial != old.serial_number else 0

        serial = await asyncio.to_thread(wait_until, shows_another, what="another certificate")
        new = x509.load_pem_x509_certificate((node.state / "certificates" / "swarm-node.crt").read_bytes())
        assert new.serial_number == serial and new.subject == old.subject
        assert new.not_valid_after_utc > old.not_valid_after_utc
        assert node.manager_pid() == manager
        async with directly(node) as connection:
            assert await Control(connection).find(Node)


def test_a_certificate_from_the_future(directory: Path) -> None:
    """Its root is not valid yet either: the node says so in one sentence and ends."""
    node = Daemon(directory / "a", *TICK)
    found(node, seconds_ago=-2 * 3600)
    with nodes(node):
        node.start()
        assert "is this machine's clock right?" in last_words(node)


def age(node: Daemon, ca: RootCa) -> None:
    """Give a stopped node a certificate, for its own key, that expired ten days ago."""
    key_file = KeyFile(node.state / "certificates")
    credentials = key_file.read(None)
    who = certificates.identity(credentials.certificate)
    chain = ca.sign(
        csr.create(keys.load(credentials.key)),
        node_id=who.node_id,
        role=who.role,
        organization=who.organization,
        wall_ns=CLOCK.wall_ns() - 100 * DAY_S * 10**9,
    )
    key_file.replace(NodeCredentials(chain, credentials.key), None)


def is_valid(node: Daemon) -> bool:
    who = certificates.identity((node.state / "certificates" / "swarm-node.crt").read_bytes())
    return who.not_before_ns <= CLOCK.wall_ns() <= who.not_after_ns


@pytest.mark.parametrize("flags", [(), ("--force-new-cluster",)], ids=["as it was", "by force"])
async def test_a_sole_manager_that_was_off_too_long_comes_back(
    directory: Path, flags: tuple[str, ...]
) -> None:
    """Its certificate expired while it was off: it starts with it, renews itself, and has lost nothing."""
    node = Daemon(directory / "a", *TICK)
    ca = found(node, seconds_ago=200 * DAY_S)
    age(node, ca)
    with nodes(node):
        node.start()
        await eventually(lambda: write(node, "before"), what="a write", seconds=60)
        await asyncio.to_thread(wait_until, lambda: is_valid(node), what="a certificate of now", seconds=60)
        node.stop()
        age(node, ca)
        node.flags = (*node.flags, *flags)
        node.start()
        await eventually(lambda: write(node, "after"), what="a write after the time off", seconds=60)
        await asyncio.to_thread(wait_until, lambda: is_valid(node), what="a certificate of now", seconds=60)
        async with through(node) as control:
            names = {config.spec.annotations.name for config in await control.find(objects_pb2.Config)}
        assert names == {"before", "after"}
        await ready_nodes(node, 1)


async def test_managers_that_were_all_off_too_long_come_back(directory: Path) -> None:
    """All certificates of three managers expired while they were off. None believes another: each signs for itself, and then they
    elect a leader. A worker in the same case says what to do."""
    first = Daemon(directory / "a", *TICK)
    ca = found(first, seconds_ago=200 * DAY_S)
    age(first, ca)
    members = [first]
    with nodes(first):
        first.start()
        await asyncio.to_thread(wait_until, lambda: is_valid(first), what="a certificate of now", seconds=60)
        for name in ("b", "c"):
            token = (await eventually(lambda: cluster_of(first), seconds=60)).root_ca.join_tokens.manager
            members.append(
                Daemon(directory / name, *TICK, "--join-addr", first.address, "--join-token", token).start()
            )
        worker = await start_worker(first, directory / "w")
        with nodes(*members, worker):
            await ready_nodes(first, 4)

            async def all_reachable() -> bool:
                seen = (await managers_seen(first)).values()
                return [one.reachability for one in seen] == [2, 2, 2]

            await eventually(all_reachable, what="three managers", seconds=60)
            await write(first, "before")
            for node in (worker, *members):
                node.stop()
                age(node, ca)
            for node in members:
                node.start()
            await eventually(
                lambda: write(members[2], "after"), what="a write after the time off", seconds=90
            )
            for node in members:
                await asyncio.to_thread(
                    wait_until, lambda node=node: is_valid(node), what="certificates of now", seconds=60
                )
            worker.start()
            words = last_words(worker)
            assert "certificate is expired since" in words and "join" in words


async def test_a_removed_node_is_refused(directory: Path) -> None:
    """The certificate of a node that was removed opens nothing any more, although it still holds; on no manager."""
    manager = Daemon(directory / "a", *TICK).start()
    with nodes(manager):
        cluster = await eventually(lambda: cluster_of(manager))
        joined = await identities.obtain(
            Join(manager.address, cluster.root_ca.join_tokens.worker), CLOCK, RNG, SystemDial()
        )
        async with channel_of(manager.address, joined.tls, joined.tls.roots) as channel:
            assert await answer_to(channel, HEARTBEAT) not in ("PERMISSION_DENIED", "NO CONNECTION")
            async with through(manager) as control:
                await control.remove(Node, joined.node_id)
            assert await answer_to(channel, HEARTBEAT) == "PERMISSION_DENIED"
        token = cluster.root_ca.join_tokens.manager
        follower = Daemon(
            directory / "b", *TICK, "--join-addr", manager.address, "--join-token", token
        ).start()
        with nodes(follower):
            await eventually(lambda: cluster_of(follower))
            async with channel_of(follower.address, joined.tls, joined.tls.roots) as channel:

                async def is_refused() -> bool:
                    return await answer_to(channel, HEARTBEAT) == "PERMISSION_DENIED"

                # It reads of the removal a moment after it serves.
                await eventually(is_refused, what="the follower's refusal")


# tokens


async def test_a_rotated_token_lets_nobody_in(directory: Path) -> None:
    """Old token, malformed token, token of another cluster: one sentence each; the new token works."""
    manager, stranger = Daemon(directory / "a", *TICK).start(), Daemon(directory / "x", *TICK).start()
    with nodes(manager, stranger):
        old = (await eventually(lambda: cluster_of(manager))).root_ca.join_tokens
        foreign = (await eventually(lambda: cluster_of(stranger))).root_ca.join_tokens.worker
        after = (await update_cluster(manager, worker_join_token=True)).root_ca.join_tokens
        assert after.worker != old.worker and after.manager == old.manager
        for token, words in (
            (old.worker, "A valid join token is necessary to join this cluster"),
            (after.worker[:-1], "it must look like SWMTKN-1-"),
            (foreign, "is not the one this join token was made for"),
        ):
            with pytest.raises(NodeError, match=words) as refusal:
                await identities.obtain(Join(manager.address, token), CLOCK, RNG, SystemDial())
            assert "\n" not in str(refusal.value)
        for token, is_manager in ((after.worker, False), (after.manager, True)):
            joined = await identities.obtain(Join(manager.address, token), CLOCK, RNG, SystemDial())
            assert joined.is_manager == is_manager


# roles


async def test_promotion_and_demotion(directory: Path) -> None:
    """A worker becomes a manager and a worker again, without a restart: the member leaves first, then its process and its
    data; the last manager stays one."""
    manager = Daemon(directory / "a", *TICK).start()
    with nodes(manager):
        worker = await start_worker(manager, directory / "b")
        with nodes(worker):
            await ready_nodes(manager, 2)
            daemon, worker_id = worker.pid, node_id_of(worker)
            with pytest.raises(CallFailed, match="demote the last manager"):
                await set_role(manager, node_id_of(manager), types_pb2.WORKER)
            await set_role(manager, worker_id, types_pb2.MANAGER)

            async def both_agree() -> bool:
                async with through(worker) as control:
                    managers = [n for n in await control.find(Node) if n.HasField("manager_status")]
                return len(managers) == 2 and all(n.role == types_pb2.MANAGER for n in managers)

            await eventually(both_agree, what="two managers")
            process = worker.manager_pid()
            assert process is not None
            await set_role(manager, worker_id, types_pb2.WORKER)

            async def is_worker() -> bool:
                async with through(manager) as control:
                    node = await control.get(Node, worker_id)
                return node.role == types_pb2.WORKER and not node.HasField("manager_status")

            await eventually(is_worker, what="a demoted node")
            await asyncio.to_thread(
                wait_until, lambda: not psutil.pid_exists(process), what="the end of the manager"
            )
            await asyncio.to_thread(
                wait_until, lambda: not (worker.state / "raft").exists(), what="the end of its data"
            )
            key_file = KeyFile(worker.state / "certificates")
            await asyncio.to_thread(
                wait_until,
                lambda: not any(name.startswith("raft-") for name in key_file.headers()),
                what="the end of its keys",
            )
            await ready_nodes(manager, 2)
            assert worker.pid == daemon and psutil.pid_exists(daemon)


async def test_a_leader_can_be_demoted(directory: Path) -> None:
    """The leader hands over first; the next leader finishes its demotion, and the cluster goes on."""
    cluster = Cluster(directory, *TICK)
    for _ in range(3):
        await cluster.add()
    with nodes(*cluster.nodes):
        await ready_nodes(cluster.nodes[0], 3)

        async def leader() -> str:
            async with through(cluster.nodes[0]) as control:
                return next((n.id for n in await control.find(Node) if n.manager_status.leader), "")

        leader_id = await eventually(leader)
        (demoted,) = [node for node in cluster.nodes if node_id_of(node) == leader_id]
        (other, *_) = [node for node in cluster.nodes if node is not demoted]
        await set_role(other, leader_id, types_pb2.WORKER)

        async def is_worker() -> bool:
            async with through(other) as control:
                node = await control.get(Node, leader_id)
            return node.role == types_pb2.WORKER and not node.HasField("manager_status")

        await eventually(is_worker, what="a demoted leader")
        await asyncio.to_thread(
            wait_until, lambda: demoted.manager_pid() is None, what="the end of its manager"
        )
        await ready_nodes(other, 3)
        await update_cluster(other, worker_join_token=True)


async def test_demotion_into_quorum_loss_is_refused(directory: Path) -> None:
    """With one of three managers away, neither of the others may be demoted or removed; the reason is said."""
    cluster = Cluster(directory, *TICK)
    for _ in range(3):
        await cluster.add()
    with nodes(*cluster.nodes):
        await ready_nodes(cluster.nodes[0], 3)
        gone, stays = cluster.nodes[2], cluster.nodes[1]
        gone_id = node_id_of(gone)
        gone.destroy()

        async def is_noticed() -> bool:
            async with through(cluster.nodes[0]) as control:
                status = (await control.get(Node, gone_id)).manager_status
            return status.reachability == types_pb2.RaftMemberStatus.UNREACHABLE

        await eventually(is_noticed, what="the third manager unreachable")

        async def is_refused() -> bool:
            try:
                await set_role(cluster.nodes[0], node_id_of(stays), types_pb2.WORKER)
            except CallFailed as error:
                return error.code == "FAILED_PRECONDITION" and "loss of quorum" in error.message
            raise AssertionError("the demotion was not refused")

        await eventually(is_refused, what="a refusal")
        async with through(cluster.nodes[0]) as control:
            with pytest.raises(CallFailed, match="must be demoted to worker"):
                await control.remove(Node, node_id_of(stays), force=True)
        await set_role(cluster.nodes[0], gone_id, types_pb2.WORKER)


# the root CA


async def test_the_root_ca_is_rotated_under_running_nodes(directory: Path) -> None:
    """A manager and three workers move to a new root while they run; tokens are new, newcomers trust the new root, and a
    node that starts again is at home."""
    manager = Daemon(directory / "a", *TICK).start()
    with nodes(manager):
        workers = [await start_worker(manager, directory / f"w{number}") for number in range(3)]
        with nodes(*workers):
            await ready_nodes(manager, 4)
            before = (await cluster_of(manager)).root_ca
            pids = [node.pid for node in (manager, *workers)], manager.manager_pid()

            def rotate(spec) -> None:  # type: ignore[no-untyped-def]
                spec.ca_config.force_rotate += 1

            target = (await update_cluster(manager, rotate)).root_ca.root_rotation.ca_cert
            assert target and target != before.ca_cert

            async def is_over() -> bool:
                root_ca = (await cluster_of(manager)).root_ca
                assert root_ca.ca_cert in (before.ca_cert, target)
                async with through(manager) as control:
                    found = await control.find(Node)
                trusted = {node.description.tls_info.trust_root for node in found}
                return not root_ca.HasField("root_rotation") and trusted == {target}

            await eventually(is_over, what="the end of the rotation")
            after = (await cluster_of(manager)).root_ca
            assert after.ca_cert == target and after.ca_cert_hash == tokens.root_hash(target)
            assert ([node.pid for node in (manager, *workers)], manager.manager_pid()) == pids
            for node in (manager, *workers):
                key_file = KeyFile(node.state / "certificates")
                assert key_file.read_root() == target
                certificates.verify_chain(key_file.read().certificate, target, CLOCK.wall_ns())
            with pytest.raises(NodeError, match="is not the one this join token was made for"):
                await identities.obtain(
                    Join(manager.address, before.join_tokens.worker), CLOCK, RNG, SystemDial()
                )
            joined = await identities.obtain(
                Join(manager.address, after.join_tokens.worker), CLOCK, RNG, SystemDial()
            )
            assert joined.tls.roots == target
            workers[0].stop()
            workers[0].start()
            await ready_nodes(manager, 4)
            manager.stop()
            manager.start()
            await ready_nodes(manager, 4)


async def test_a_root_of_the_users_own(directory: Path) -> None:
    """A given certificate and key become the root; a pair that does not fit is refused in one sentence."""
    manager = Daemon(directory / "a", *TICK).start()
    with nodes(manager):
        await ready_nodes(manager, 1)
        wanted, other = RootCa.create(CLOCK.wall_ns()), RootCa.create(CLOCK.wall_ns())

        def replace(spec, key: bytes | None) -> None:  # type: ignore[no-untyped-def]
            spec.ca_config.signing_ca_cert, spec.ca_config.signing_ca_key = wanted.certificate, key or b""

        with pytest.raises(CallFailed, match="does not belong to the CA certificate"):
            await update_cluster(manager, lambda spec: replace(spec, other.key))
        await update_cluster(manager, lambda spec: replace(spec, wanted.key))

        async def is_over() -> bool:
            return (await cluster_of(manager)).root_ca.ca_cert == wanted.certificate

        await eventually(is_over, what="the user's own root")


# autolock


async def test_lock_and_unlock(directory: Path) -> None:
    """A manager locked while it runs survives a crash, says that it is locked when it starts without the key, opens with
    it, follows a new key, and is open again after autolock ends."""
    node = Daemon(directory / "a", *TICK).start()
    with nodes(node):
        await ready_nodes(node, 1)
        key_file = KeyFile(node.state / "certificates")
        plain_serial = serial_shown(node)

        def lock(spec, wanted: bool = True) -> None:  # type: ignore[no-untyped-def]
            spec.encryption_config.auto_lock_managers = wanted

        await update_cluster(node, lock)
        first = await unlock_key_of(node)
        await asyncio.to_thread(wait_until, lambda: key_file.is_under(first.key), what="a locked key file")
        # The key that lay in the clear is replaced.
        await asyncio.to_thread(wait_until, lambda: serial_shown(node) != plain_serial, what="a new key")
        assert b"ENCRYPTED" in key_file.key_path.read_bytes()
        assert node.kill_manager()
        await ready_nodes(node, 1)
        assert node.stop() == 0
        node.start()
        assert "the node is locked" in last_words(node)
        right, wrong = first.text, tokens.format_unlock_key(bytes(32))
        node.flags = (*TICK, "--unlock-key", wrong)
        node.start()
        assert "does not open with this unlock key" in last_words(node)
        node.flags = (*TICK, "--unlock-key", right)
        node.start()
        await ready_nodes(node, 1)
        await update_cluster(node, manager_unlock_key=True)
        second = await unlock_key_of(node)
        assert second.key != first.key
        await asyncio.to_thread(wait_until, lambda: key_file.is_under(second.key), what="the new unlock key")
        assert node.kill_manager()
        await ready_nodes(node, 1)
        await update_cluster(node, lambda spec: lock(spec, False))
        await asyncio.to_thread(wait_until, lambda: key_file.is_under(None), what="an open key file")
        assert node.stop() == 0
        node.flags = TICK
        node.start()
        await ready_nodes(node, 1)


async def unlock_key_of(node: Daemon) -> issuing.UnlockKey:
    async with through(node) as control:
        return await issuing.unlock_key(control._calls)


async def test_a_manager_joins_a_locked_cluster(directory: Path) -> None:
    """Its key file is under the cluster's key from the beginning, and it can be started again with it alone."""
    node = Daemon(directory / "a", *TICK, "--autolock").start()
    with nodes(node):
        tokens_ = (await eventually(lambda: cluster_of(node))).root_ca.join_tokens
        key = await unlock_key_of(node)
        assert KeyFile(node.state / "certificates").is_under(key.key)
        other = Daemon(
            directory / "b", *TICK, "--join-addr", node.address, "--join-token", tokens_.manager
        ).start()
        with nodes(other):
            await ready_nodes(node, 2)
            await eventually(lambda: cluster_of(other))
            assert KeyFile(other.state / "certificates").is_under(key.key)
            assert other.kill_manager()
            await eventually(lambda: cluster_of(other))
            other.stop()
            other.flags = TICK
            other.start()
            assert "the node is locked" in last_words(other)


def test_wrong_usage_of_keys(directory: Path) -> None:
    """Something that is no unlock key, and half an external CA, are named with their flag."""
    for flags, words in (
        (("--unlock-key", "SWMKEY-1-x"), "--unlock-key: this is no key of the form SWMKEY-1-"),
        (("--external-ca", "protocol=cfssl"), "--external-ca: the url of the external CA is needed"),
        (("--external-ca", "url=https://x"), "--external-ca: protocol=cfssl is needed"),
    ):
        command = [sys.executable, "-m", "swarm_agentd.main", "--state-dir", str(directory / "a"), *flags]
        said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert said.returncode == 2 and words in said.stderr and said.stderr.count("\n") == 1


# every call, every role


FILES = (
    *("ca", "control", "dispatcher", "endpoints", "health", "logbroker", "progress"),
    *("raft", "raft_status", "resource", "watch"),
)
METHODS: list[MethodDescriptor] = [
    method
    for name in FILES
    for service in import_module(f"swarm_core.api.proto.{name}_pb2").DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
OPEN = {"CA.GetRootCACertificate", "NodeCA.IssueNodeCertificate", "NodeCA.NodeCertificateStatus"}
FOR_NODES = {"LogBroker", "ResourceAllocator", "Dispatcher", "Endpoints"}
METHODS_FOR_NODES = {"Progress.ReportProgress"}
REFUSAL_S, ADMISSION_S = 20.0, 1.0
(HEARTBEAT,) = (method for method in METHODS if method.full_name.endswith("Dispatcher.Heartbeat"))


@asynccontextmanager
async def channel_of(
    address: str, identity: TlsIdentity | None, roots: bytes
) -> AsyncIterator[grpc.aio.Channel]:
    channel = channels.secure(
        address,
        roots=roots,
        server_name=MANAGER_ROLE,
        certificate=identity.certificate if identity else None,
        key=identity.key if identity else None,
    )
    try:
        yield channel
    finally:
        await channel.close(None)


async def answer_to(channel: grpc.aio.Channel, method: MethodDescriptor, seconds: float = REFUSAL_S) -> str:
    """How a manager answers an empty request, or a stream that waits: `OK`, the status, or `NO CONNECTION` when TLS fails.
    A call that goes on is DEADLINE_EXCEEDED."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    if method.client_streaming:
        # A message that is under way when the refusal comes in would show as a failure of its own: nothing is sent.
        open_call = channel.stream_stream(path, None, None)(timeout=seconds)
        return _name(await open_call.code())
    call = channel.unary_stream(path, None, None)(b"", timeout=seconds)
    try:
        async for _ in call:
            return "OK"
    except grpc.aio.AioRpcError as error:
        return _name(error.code())
    finally:
        call.cancel()
    return _name(await call.code())


def _name(code: grpc.StatusCode) -> str:
    return "NO CONNECTION" if code is grpc.StatusCode.UNAVAILABLE else code.name


@asynccontextmanager
async def known_cluster(directory: Path) -> AsyncIterator[tuple[Daemon, RootCa]]:
    node = Daemon(directory / "a", *TICK)
    root = found(node)
    with nodes(node):
        node.start()
        await ready_nodes(node, 1)
        yield node, root


def identity_of(
    root: RootCa, role: str, organization: str, *, trusting: bytes = b"", seconds_ago: float = 0.0
) -> TlsIdentity:
    key = keys.generate()
    chain = root.sign(
        csr.create(key),
        node_id="n1",
        role=role,
        organization=organization,
        wall_ns=CLOCK.wall_ns() - round(seconds_ago * 1e9),
    )
    return TlsIdentity(trusting or root.certificate, chain, keys.pkcs8(key))


async def test_every_call_for_every_role(directory: Path) -> None:
    """On a leader and on a follower, each method admits exactly the roles it is for: nobody, a worker, a manager, a stranger's
    certificate, an expired one, one of another organization."""
    async with known_cluster(directory) as (leader, root):
        cluster = await cluster_of(leader)
        follower = Daemon(
            directory / "b",
            *TICK,
            "--join-addr",
            leader.address,
            "--join-token",
            cluster.root_ca.join_tokens.manager,
        ).start()
        with nodes(follower):
            await ready_nodes(leader, 2)
            await eventually(lambda: cluster_of(follower))
            stranger = RootCa.create(CLOCK.wall_ns())
            roles: dict[str, TlsIdentity | None] = {
                "none": None,
                "worker": identity_of(root, WORKER_ROLE, cluster.id),
                "manager": identity_of(root, MANAGER_ROLE, cluster.id),
                "foreign": identity_of(stranger, MANAGER_ROLE, cluster.id, trusting=root.certificate),
                "expired": identity_of(root, MANAGER_ROLE, cluster.id, seconds_ago=100 * DAY_S),
                "organization": identity_of(root, MANAGER_ROLE, "another"),
            }
            wrong = []
            for node in (leader, follower):
                for role, identity in roles.items():
                    async with channel_of(node.address, identity, root.certificate) as channel:
                        wrong += [(node.state.name, *found) for found in await trespasses(channel, role)]
            assert wrong == []


async def trespasses(channel: grpc.aio.Channel, role: str) -> list[tuple[str, str, str]]:
    """The calls whose answer the role may not get: (role, method, answer)."""

    async def one(method: MethodDescriptor) -> tuple[str, str, str] | None:
        service = method.containing_service.name
        is_admitted = may(service, method.name, role)
        answer = await answer_to(channel, method, ADMISSION_S if is_admitted else REFUSAL_S)
        if role in ("foreign", "expired"):
            is_fine = answer == "NO CONNECTION"
        elif is_admitted:
            is_fine = answer not in ("PERMISSION_DENIED", "NO CONNECTION")
        else:
            is_fine = answer == "PERMISSION_DENIED"
        return None if is_fine else (role, f"{service}.{method.name}", answer)

    found = await asyncio.gather(*(one(method) for method in METHODS))
    return [one for one in found if one is not None]


def may(service: str, method: str, role: str) -> bool:
    """Whether a role has business with a method (docs/design/certificates.md 3.10)."""
    if role in ("foreign", "expired"):
        return False
    name = f"{service}.{method}"
    is_for_nodes = service in FOR_NODES or name in METHODS_FOR_NODES
    return name in OPEN or role == "manager" or (role == "worker" and is_for_nodes)
