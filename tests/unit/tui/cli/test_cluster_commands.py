"""`cluster …` and `node promote|demote`: docker's words on a cluster in memory, and what they refuse by themselves."""

import asyncio
import base64
import io
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_agentd.node.standing import NodeState, Standing
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.ca import tokens
from swarm_core.client import certificates, node_directory
from swarm_core.client.node_directory import OWN_API_SOCKET
from swarm_core.manager.root_rotation import target_issuer
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.engine_clients import api_at
from swarm_testkit.trust import make_authority
from swarm_tui.cli import main

Node, Cluster = objects_pb2.Node, objects_pb2.Cluster


def text_of(key: bytes) -> str:
    return "SWMKEY-1-" + base64.b64encode(key).decode().rstrip("=")


class TrustingCluster:
    """A lively cluster with a root CA, join tokens, and managers that can be locked."""

    def __init__(self) -> None:
        self.fake = lively_cluster()
        self.fake.update(Cluster, "cluster-1", self._found)

    @staticmethod
    def _found(cluster: Cluster) -> None:
        root = make_authority().root
        root_ca, generate = cluster.root_ca, random.Random(2).randbytes
        root_ca.ca_cert, root_ca.ca_key = root.certificate, root.key or b""
        root_ca.join_tokens.worker = tokens.generate(root.certificate, chance=generate)
        root_ca.join_tokens.manager = tokens.generate(root.certificate, chance=generate)

    @property
    def cluster(self) -> Cluster:
        return self.fake.get(Cluster, "cluster-1")

    @property
    def tokens(self) -> types_pb2.JoinTokens:
        return self.cluster.root_ca.join_tokens

    @property
    def unlock_key(self) -> str:
        (entry,) = self.cluster.unlock_keys
        return text_of(entry.key)

    def rotates_as_it_is_looked_at(self) -> None:
        """Each time that the nodes were listed, the rotation under way is one step further."""
        call, steps = self.fake.call, iter([self._issue, self._finish, self._trust])

        async def stepping(method: str, request: Message, *, timeout: float | None = None) -> Any:
            answer = await call(method, request, timeout=timeout)
            if method == "Control.ListNodes" and (step := next(steps, None)) is not None:
                step()
            return answer

        self.fake.call = stepping  # type: ignore[method-assign]

    def _issue(self) -> None:
        """Every node has a certificate of the new root."""
        issuer = target_issuer(self.cluster.root_ca)

        def renew(node: Node) -> None:
            reported = node.description.tls_info
            reported.cert_issuer_subject, reported.cert_issuer_public_key = issuer.subject, issuer.public_key

        self._change_nodes(renew)

    def _finish(self) -> None:
        """The new root takes the old one's place."""

        def finish(cluster: Cluster) -> None:
            cluster.root_ca.ca_cert = cluster.root_ca.root_rotation.ca_cert
            cluster.root_ca.ca_key = cluster.root_ca.root_rotation.ca_key
            cluster.root_ca.ClearField("root_rotation")

        self.fake.update(Cluster, "cluster-1", finish)

    def _trust(self) -> None:
        """Every node believes the new root."""
        root = self.cluster.root_ca.ca_cert
        self._change_nodes(lambda node: setattr(node.description.tls_info, "trust_root", root))

    def _change_nodes(self, change: Callable[[Node], object]) -> None:
        for node in self.fake.all(Node):
            self.fake.update(Node, node.id, change)


@pytest.fixture
def swarm() -> TrustingCluster:
    return TrustingCluster()


@pytest.fixture
def tui(swarm: TrustingCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(swarm.fake, capsys)


def test_join_token(tui: CommandLine, swarm: TrustingCluster) -> None:
    """The whole command for the other machine, with the leader's address; alone with -q; rotated on demand, one role at a time."""
    worker, manager = swarm.tokens.worker, swarm.tokens.manager
    shown = tui("cluster", "join-token", "worker")
    assert shown.lines == [
        "To add a worker to this swarm, run the following command:",
        "",
        f"    swarm-tui cluster join --token {worker} 10.0.3.10:4242",
        "",
    ]
    assert tui("cluster", "join-token", "-q", "manager").out == f"{manager}\n"
    rotated = tui("cluster", "join-token", "--rotate", "worker")
    assert rotated.lines[0] == "Successfully rotated worker join token."
    assert swarm.tokens.worker != worker and f"--token {swarm.tokens.worker} " in rotated.out
    assert tui("cluster", "join-token", "-q", "manager").out == f"{manager}\n"
    anew = tui("cluster", "join-token", "--rotate", "-q", "manager").out
    assert anew == f"{swarm.tokens.manager}\n" != f"{manager}\n"
    assert tui("cluster", "join-token", "nobody").code == 2


def test_update(tui: CommandLine, swarm: TrustingCluster) -> None:
    """Each setting goes where it belongs, the others stay; nothing at all is wrong usage."""
    before = swarm.cluster.spec
    done = tui(
        "cluster", "update", "--cert-expiry", "48h", "--dispatcher-heartbeat", "7s", "--task-history-limit", "2",
        "--max-snapshots", "3", "--snapshot-interval", "500", "--external-ca", "protocol=cfssl,url=https://ca/sign",
    )  # fmt: skip
    assert (done.code, done.out) == (0, "Swarm updated.\n")
    spec = swarm.cluster.spec
    assert spec.ca_config.node_cert_expiry.seconds == 48 * 3600
    assert spec.dispatcher.heartbeat_period.seconds == 7
    assert spec.orchestration.task_history_retention_limit == 2
    assert (spec.raft.keep_old_snapshots, spec.raft.snapshot_interval) == (3, 500)
    (external,) = spec.ca_config.external_cas
    assert external.url == "https://ca/sign"
    assert spec.annotations == before.annotations and not spec.encryption_config.auto_lock_managers
    assert tui("cluster", "update").code == 2
    assert tui("cluster", "update", "--cert-expiry", "soon").code == 2
    wrong = tui("cluster", "update", "--external-ca", "url=https://ca")
    assert wrong.code == 2 and "--external-ca: protocol=cfssl is needed" in wrong.err


def test_autolock_and_the_unlock_key(tui: CommandLine, swarm: TrustingCluster) -> None:
    """Turning autolock on shows the key; it can be shown and rotated while it is on, and says so when it is not."""
    for arguments in (["unlock-key"], ["unlock-key", "--rotate"]):
        refused = tui("cluster", *arguments)
        assert refused.code == 1 and "autolock is not turned on" in refused.err
    locked = tui("cluster", "update", "--autolock")
    first = swarm.unlock_key
    assert locked.lines[0] == "Swarm updated." and f"    {first}" in locked.lines
    assert tui("cluster", "update", "--autolock").out == "Swarm updated.\n"
    assert tui("cluster", "unlock-key", "-q").out == f"{first}\n"
    rotated = tui("cluster", "unlock-key", "--rotate")
    assert rotated.lines[0] == "Successfully rotated manager unlock key."
    assert swarm.unlock_key != first and f"    {swarm.unlock_key}" in rotated.lines
    assert tui("cluster", "update", "--no-autolock").out == "Swarm updated.\n"
    assert tui("cluster", "unlock-key", "-q").code == 1


def test_ca(tui: CommandLine, swarm: TrustingCluster, tmp_path: Path) -> None:
    """The root CA is shown; a rotation raises the number, with the user's own root if one is given."""
    root = swarm.cluster.root_ca.ca_cert
    assert tui("cluster", "ca").out.encode() == root
    assert tui("cluster", "ca", "--rotate", "--detach").code == 0
    assert swarm.cluster.spec.ca_config.force_rotate == 1
    authority = make_authority().root
    assert authority.key is not None
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    (tmp_path / "ca.key").write_bytes(authority.key)
    files = ["--ca-cert", str(tmp_path / "ca.crt"), "--ca-key", str(tmp_path / "ca.key")]
    assert tui("cluster", "ca", "--rotate", "-d", "--cert-expiry", "72h", *files).code == 0
    config = swarm.cluster.spec.ca_config
    assert (config.signing_ca_cert, config.signing_ca_key) == (authority.certificate, authority.key)
    assert (config.force_rotate, config.node_cert_expiry.seconds) == (2, 72 * 3600)
    alone = tui("cluster", "ca", *files)
    assert alone.code == 2 and "go with --rotate only" in alone.err
    missing = tui("cluster", "ca", "--rotate", "--ca-cert", str(tmp_path / "none"))
    assert missing.code == 1 and str(tmp_path / "none") in missing.err


def test_a_rotation_is_waited_for(tui: CommandLine, swarm: TrustingCluster) -> None:
    """Progress goes to standard error, the root to standard output, once every node trusts it."""
    before = swarm.cluster.root_ca.ca_cert
    swarm.rotates_as_it_is_looked_at()
    done = tui("cluster", "ca", "--rotate")
    root = swarm.cluster.root_ca.ca_cert
    assert done.err.splitlines() == [
        f"desired root digest: {certificates.root_digest(root)}",
        "  rotated TLS certificates: 0/12 nodes",
        "  rotated TLS certificates: 12/12 nodes",
        "  rotated CA certificates: 0/12 nodes",
        "  rotated CA certificates: 12/12 nodes",
    ]
    assert done.out.encode() == root != before
    swarm.rotates_as_it_is_looked_at()
    assert tui("cluster", "ca", "--rotate", "--quiet").err == ""


def promoted(node: Node) -> None:
    """What the role manager and raft do for a promoted node."""
    node.role = types_pb2.MANAGER
    node.manager_status.raft_id = 9
    node.manager_status.reachability = types_pb2.RaftMemberStatus.REACHABLE


def desired(fake: FakeCluster, name: str) -> int:
    return next(node for node in fake.all(Node) if node.description.hostname == name).spec.desired_role


def test_promote_and_demote(tui: CommandLine, swarm: TrustingCluster) -> None:
    """Docker's sentences, also for what is so already; each node by itself; refusals are told at the end."""
    done = tui("node", "promote", "w1", "m2", "w2")
    assert done.lines == [
        "Node w1 promoted to a manager in the swarm.",
        "Node m2 is already a manager.",
        "Node w2 promoted to a manager in the swarm.",
    ]
    assert desired(swarm.fake, "w1") == desired(swarm.fake, "w2") == types_pb2.MANAGER
    early = tui("node", "demote", "w1")
    assert early.code == 1 and "wait until its promotion is done" in early.err
    swarm.fake.update(Node, "n03-w1", promoted)
    assert tui("node", "demote", "w1", "w3").lines == [
        "Manager w1 demoted in the swarm.",
        "Node w3 is already a worker.",
    ]
    assert desired(swarm.fake, "w1") == types_pb2.WORKER
    unknown = tui("node", "demote", "nobody", "m3")
    assert unknown.code == 1 and "There is no node named 'nobody'" in unknown.err
    assert unknown.lines == ["Manager m3 demoted in the swarm."]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main.run(arguments)
    return code, capsys.readouterr().err


def test_membership_without_a_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no node there is nothing to leave or unlock; joining needs a token."""
    where = ["--state-dir", str(tmp_path / "s")]
    for command in ("leave", "unlock"):
        assert run(capsys, "cluster", command, *where) == (1, "Error: This node is not part of a swarm.\n")
    code, said = run(capsys, "cluster", "join", "192.0.2.1", *where)
    assert code == 2 and "A join token is needed" in said


@pytest.fixture
def manager_state(tmp_path: Path) -> Path:
    """The state directory of a manager that does not run."""
    state = tmp_path / "s"
    (state / "certificates").mkdir(parents=True)
    (state / "raft").mkdir()
    identity = make_authority().manager("m1")
    (state / "certificates" / "swarm-node.crt").write_bytes(identity.certificate)
    (state / "certificates" / "swarm-node.key").write_bytes(identity.key)
    return state


@contextmanager
def daemon_with_an_api(state: Path, standing: Standing) -> Iterator[list[object]]:
    """A daemon that runs on `state` and answers docker's clients; what it was asked to do to its node."""
    asked: list[object] = []
    begun, ending = threading.Event(), asyncio.Event()

    async def answer() -> None:
        async with api_at(state / OWN_API_SOCKET, FakeCluster(), standing) as api:
            api.node.asked = asked
            loops.append(asyncio.get_running_loop())
            begun.set()
            await ending.wait()

    loops: list[asyncio.AbstractEventLoop] = []
    with node_directory.held(state, as_daemon=True):
        thread = threading.Thread(target=asyncio.run, args=(answer(),))
        thread.start()
        begun.wait()
        try:
            yield asked
        finally:
            loops[0].call_soon_threadsafe(ending.set)
            thread.join()


@pytest.mark.parametrize("state", [NodeState.LOCKED, NodeState.ACTIVE])
def test_a_running_daemon_is_unlocked(
    manager_state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, state: NodeState
) -> None:
    """One that answers docker's clients runs on while its node is locked, and takes the key; one whose node lives is not locked, though its
    key file is."""
    (manager_state / "certificates" / "swarm-node.key").write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    monkeypatch.setattr("sys.stdin", io.StringIO("SWMKEY-1-x\n"))
    where = ["--state-dir", str(manager_state)]
    with daemon_with_an_api(manager_state, Standing(state, "m1", is_manager=True)) as asked:
        said = run(capsys, "cluster", "unlock", *where)
    if state is NodeState.LOCKED:
        assert (said, asked) == ((0, ""), ["SWMKEY-1-x"])
    else:
        assert (said, asked) == ((1, "Error: The swarm is not locked.\n"), [])


def test_membership_of_a_manager(manager_state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It begins or joins no other cluster, is not unlocked when it is not locked, and leaves by force alone."""
    where = ["--state-dir", str(manager_state)]
    for arguments in (["init"], ["join", "--token", "t", "192.0.2.1"]):
        code, said = run(capsys, "cluster", *arguments, *where)
        assert code == 1 and "already part of a swarm" in said
    assert run(capsys, "cluster", "unlock", *where) == (1, "Error: The swarm is not locked.\n")
    code, said = run(capsys, "cluster", "leave", *where)
    assert code == 1 and "participating as a manager" in said and manager_state.joinpath("raft").exists()
    assert main.run(["cluster", "leave", "--force", *where]) == 0
    assert capsys.readouterr().out == "Node left the swarm.\n"
    assert not (manager_state / "raft").exists() and not (manager_state / "certificates").exists()
