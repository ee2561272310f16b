"""Roles by method, and who is believed (docs/design/certificates.md 3.10)."""

import pytest
from google.protobuf.descriptor import MethodDescriptor
from swarm_core.api.proto import (
    backup_pb2,
    ca_pb2,
    control_pb2,
    dispatcher_pb2,
    endpoints_pb2,
    health_pb2,
    logbroker_pb2,
    manager_figures_pb2,
    progress_pb2,
    raft_pb2,
    raft_status_pb2,
    resource_pb2,
    watch_pb2,
)
from swarm_core.rpc.authorization import Authorizer, Metadata, roles_for
from swarm_core.rpc.caller import Caller, Peer, PeerCertificate, certificate_of, format_address
from swarm_core.rpc.errors import PermissionDenied

MANAGER, WORKER = "swarm-manager", "swarm-worker"
MODULES = (
    ca_pb2,
    control_pb2,
    dispatcher_pb2,
    health_pb2,
    logbroker_pb2,
    raft_pb2,
    resource_pb2,
    watch_pb2,
)
METHODS: list[MethodDescriptor] = [
    method
    for module in MODULES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
OURS: list[MethodDescriptor] = [
    *manager_figures_pb2.DESCRIPTOR.services_by_name["ManagerFigures"].methods,
    *raft_status_pb2.DESCRIPTOR.services_by_name["RaftStatus"].methods,
    *progress_pb2.DESCRIPTOR.services_by_name["Progress"].methods,
    *backup_pb2.DESCRIPTOR.services_by_name["Backup"].methods,
    *endpoints_pb2.DESCRIPTOR.services_by_name["Endpoints"].methods,
]
OPEN = {"CA.GetRootCACertificate", "NodeCA.IssueNodeCertificate", "NodeCA.NodeCertificateStatus"}
FOR_NODES = {"LogBroker", "ResourceAllocator", "Dispatcher", "Endpoints"}
OUR_METHODS_FOR_NODES = {"Progress.ReportProgress"}
BLACKLIST: set[str] = {"banned"}
AUTHORIZER = Authorizer("org", lambda: BLACKLIST)
ADDRESS = "10.0.0.1:4000"


def peer(role: str | None = MANAGER, *, node_id: str = "n1", organization: str = "org") -> Peer:
    return Peer(ADDRESS, PeerCertificate(node_id, frozenset({role}), organization) if role else None)


def forwarded(
    role: str = WORKER, *, node_id: str = "w1", organization: str = "org", flag: str = "true"
) -> list[tuple[str, str | bytes]]:
    return [
        ("forwarded_cert", flag),
        ("forwarded_cert_cn", node_id),
        ("forwarded_cert_org", organization),
        ("forwarded_cert_ou", role),
        ("remote_addr", "192.0.2.7:5"),
    ]


def admitted(method: MethodDescriptor, who: Peer, metadata: Metadata = ()) -> bool:
    roles = roles_for(method.containing_service.name, method.name)
    try:
        AUTHORIZER.authorize(roles, who, metadata)
    except PermissionDenied:
        return False
    return True


@pytest.mark.parametrize("role", [MANAGER, WORKER, None, "swarm-ca"])
@pytest.mark.parametrize("method", [*METHODS, *OURS], ids=lambda method: method.full_name)
def test_every_method_and_role(method: MethodDescriptor, role: str | None) -> None:
    """Managers may call everything, workers what agents need, others what joining needs; forwarded or not."""
    service = method.containing_service.name
    is_open = f"{service}.{method.name}" in OPEN
    is_for_nodes = service in FOR_NODES or f"{service}.{method.name}" in OUR_METHODS_FOR_NODES
    expected = is_open or role == MANAGER or (role == WORKER and is_for_nodes)
    assert admitted(method, peer(role)) == expected
    assert admitted(method, peer(), forwarded(role or "")) == expected


def test_there_are_as_many_methods_as_the_table_has() -> None:
    """All services of the protocol are in the comparison above."""
    assert len(METHODS) == 65


@pytest.mark.parametrize(
    "who",
    [peer(None), peer(organization="other"), peer(node_id="banned"), peer(node_id="")],
    ids=["no certificate", "other cluster", "blacklisted", "no name"],
)
def test_who_is_refused(who: Peer) -> None:
    """Without certificate, of another cluster, blacklisted or nameless: refused, and nobody where anybody may call."""
    with pytest.raises(PermissionDenied):
        AUTHORIZER.authorize(frozenset({MANAGER}), who, ())
    assert AUTHORIZER.authorize(frozenset(), who, ()) == Caller("", frozenset(), "", ADDRESS)


def test_open_methods_learn_who_calls() -> None:
    """A node that can prove itself is named, directly and when a manager passes it on."""
    direct = AUTHORIZER.authorize(frozenset(), peer(WORKER), ())
    assert (direct.node_id, direct.roles, direct.remote_addr) == ("n1", {WORKER}, ADDRESS)
    passed_on = AUTHORIZER.authorize(frozenset(), peer(), forwarded())
    assert passed_on == Caller("w1", frozenset({WORKER}), "org", "192.0.2.7:5", forwarder="n1")
    assert str(passed_on) == "node w1 at 192.0.2.7:5 through manager n1"
    assert str(AUTHORIZER.authorize(frozenset(), peer(), ())) == f"node n1 at {ADDRESS}"
    assert AUTHORIZER.authorize(frozenset(), peer(), forwarded("", node_id="", organization="")).node_id == ""


@pytest.mark.parametrize(
    ("who", "metadata"),
    [
        (peer(WORKER), forwarded(MANAGER)),
        (peer(None), forwarded(MANAGER)),
        (peer(node_id="banned"), forwarded(MANAGER)),
        (peer(organization="other"), forwarded(MANAGER)),
        (peer(), forwarded(MANAGER, organization="other")),
        (peer(), forwarded(MANAGER, organization="")),
        (peer(), forwarded(MANAGER, node_id="")),
        (peer(), forwarded(MANAGER, node_id="banned")),
        (peer(), forwarded(MANAGER, flag="false")),
        (peer(), forwarded(MANAGER) + forwarded(MANAGER)),
    ],
)
def test_forged_forwarding(who: Peer, metadata: list[tuple[str, str | bytes]]) -> None:
    """Only managers pass calls on, only for named nodes of this cluster, and only once."""
    with pytest.raises(PermissionDenied):
        AUTHORIZER.authorize(frozenset({MANAGER, WORKER}), who, metadata)


def test_the_blacklist_is_read_at_each_call() -> None:
    """A node that is removed is refused from then on."""
    banned: set[str] = set()
    authorizer = Authorizer("org", lambda: banned)
    assert authorizer.authorize(frozenset({MANAGER}), peer(), ()).node_id == "n1"
    banned.add("n1")
    with pytest.raises(PermissionDenied, match="revoked"):
        authorizer.authorize(frozenset({MANAGER}), peer(), ())


def test_several_units_count_each() -> None:
    """One allowed role among several is enough."""
    subject = (
        (("organizationName", "org"),),
        (("organizationalUnitName", "x"),),
        (("organizationalUnitName", WORKER),),
        (("commonName", "n"),),
    )
    certificate = certificate_of({"subject": subject})
    assert certificate == PeerCertificate("n", frozenset({"x", WORKER}), "org")
    assert AUTHORIZER.authorize(frozenset({WORKER}), Peer("", certificate), ()).node_id == "n"
    assert certificate_of({}) is None


@pytest.mark.parametrize(
    ("address", "text"),
    [(("10.0.0.1", 80), "10.0.0.1:80"), (("::1", 80, 0, 0), "[::1]:80"), ("", ""), (b"", "")],
)
def test_addresses(address: object, text: str) -> None:
    """Hosts of version 6 stand in brackets; unix sockets have no address."""
    assert format_address(address) == text
