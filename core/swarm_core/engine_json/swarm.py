"""The cluster and its settings (docs/design/engine-api-json.md 14.9)."""

from typing import Any, Final

from swarm_core.api.proto.objects_pb2 import Cluster
from swarm_core.api.proto.specs_pb2 import ClusterSpec
from swarm_core.api.proto.types_pb2 import ExternalCA, RootCA
from swarm_core.ca import certificates
from swarm_core.ca.errors import InvalidCertificate
from swarm_core.engine_json.annotations import ANNOTATIONS, ANNOTATIONS_ROW, DRIVER, ID, META_ROW
from swarm_core.engine_json.form import Form
from swarm_core.engine_json.given import UINT32, UINT64, Given
from swarm_core.engine_json.shape import (
    BASE64,
    FLAG,
    MAP,
    PEM,
    TEXT,
    Choice,
    NanosecondsOrZero,
    Part,
    Parts,
    Shape,
    Value,
    Words,
    integer,
)
from swarm_core.engine_json.times import set_nanoseconds
from swarm_core.http.version import NEWEST, Version
from swarm_core.specs.notation import words_of

_EXTERNAL_CA: Final = Shape(
    Choice(
        "Protocol",
        "protocol",
        Words(words_of(ExternalCA.CAProtocol), 'invalid protocol: "{}"', default=None, any_case=True),
    ),
    Value("URL", "url", TEXT, keep=True),
    Value("Options", "options", MAP),
    Value("CACert", "ca_cert", PEM, keep=True),
)
_ORCHESTRATION: Final = Shape(
    Value("TaskHistoryRetentionLimit", "task_history_retention_limit", integer(), keep=True)
)
_RAFT: Final = Shape(
    Value("SnapshotInterval", "snapshot_interval", integer(UINT64)),
    Value("KeepOldSnapshots", "keep_old_snapshots", integer(UINT64), keep=True),
    Value("LogEntriesForSlowFollowers", "log_entries_for_slow_followers", integer(UINT64)),
    Value("ElectionTick", "election_tick", integer(UINT32), keep=True),
    Value("HeartbeatTick", "heartbeat_tick", integer(UINT32), keep=True),
)
_CA: Final = Shape(
    NanosecondsOrZero("NodeCertExpiry", "node_cert_expiry"),
    Parts("ExternalCAs", "external_cas", _EXTERNAL_CA),
    Value("ForceRotate", "force_rotate", integer(UINT64)),
)
_TASK_DEFAULTS: Final = Shape(Part("LogDriver", "log_driver", DRIVER))
SPEC: Final = Shape(
    ANNOTATIONS_ROW,
    Part("Orchestration", "orchestration", _ORCHESTRATION, always=True),
    Part("Raft", "raft", _RAFT, always=True),
    Part(
        "Dispatcher",
        "dispatcher",
        Shape(NanosecondsOrZero("HeartbeatPeriod", "heartbeat_period")),
        always=True,
    ),
    Part("CAConfig", "ca_config", _CA, always=True),
    Part("TaskDefaults", "task_defaults", _TASK_DEFAULTS, always=True),
    Part(
        "EncryptionConfig",
        "encryption_config",
        Shape(Value("AutoLockManagers", "auto_lock_managers", FLAG, keep=True)),
        always=True,
    ),
)
_INFO: Final = Shape(ID, META_ROW, Part("Spec", "spec", SPEC, always=True))


def to_json(cluster: Cluster, version: Version) -> dict[str, Any]:
    """The cluster with its join tokens, as an inspection of the swarm has it."""
    tokens = cluster.root_ca.join_tokens
    return info_to_json(cluster, version) | {
        "JoinTokens": {"Worker": tokens.worker, "Manager": tokens.manager}
    }


def info_to_json(cluster: Cluster, version: Version) -> dict[str, Any]:
    """The cluster without its join tokens, as `/info` has it."""
    return _INFO.show(cluster, version) | {
        "TLSInfo": _tls_info(cluster.root_ca),
        "RootRotationInProgress": cluster.root_ca.HasField("root_rotation"),
        "DefaultAddrPool": list(cluster.defaultAddressPool) or None,
        "SubnetSize": cluster.subnetSize,
        "DataPathPort": cluster.VXLANUDPPort,
    }


def to_form(cluster: Cluster) -> Form:
    """The cluster as templates see it, with its join tokens."""
    return _INFO.form(to_json(cluster, NEWEST))


def _tls_info(root: RootCA) -> dict[str, Any]:
    """The root that nodes trust, and who signs their certificates: during a change of the root, the new one."""
    out = {"TrustRoot": PEM.show(root.ca_cert)} if root.ca_cert else {}
    try:
        signer = certificates.parse(root.root_rotation.ca_cert or root.ca_cert)[0]
    except InvalidCertificate:
        return out
    return out | {
        "CertIssuerSubject": BASE64.show(signer.subject.public_bytes()),
        "CertIssuerPublicKey": BASE64.show(certificates.public_der(signer)),
    }


def from_json(body: object, version: Version, base: ClusterSpec | None = None) -> ClusterSpec:
    """What was given, and `base` where a number is missing. Raises BadRequest.

    Labels, external CAs, the signing root, its forced change and the lock are as given: what is missing there is none.
    """
    given = Given(body, version)
    spec = ClusterSpec()
    if base is not None:
        spec.CopyFrom(base)
    name = spec.annotations.name
    spec.annotations.Clear()
    ANNOTATIONS.read(given, spec.annotations)
    spec.annotations.name = spec.annotations.name or name
    for field in ("orchestration", "raft", "dispatcher", "ca_config", "task_defaults", "encryption_config"):
        getattr(spec, field).SetInParent()
    if (part := given.part("Orchestration")) is not None:
        _ORCHESTRATION.read(part, spec.orchestration)
    _read_raft(given, spec)
    dispatcher = given.part("Dispatcher")
    if dispatcher is not None and (period := dispatcher.whole("HeartbeatPeriod")):
        set_nanoseconds(spec.dispatcher.heartbeat_period, period)
    _read_ca(given.part("CAConfig") or Given(None, version, "CAConfig"), spec)
    if (part := given.part("TaskDefaults")) is not None:
        spec.task_defaults.Clear()
        _TASK_DEFAULTS.read(part, spec.task_defaults)
    encryption = given.part("EncryptionConfig")
    spec.encryption_config.auto_lock_managers = encryption is not None and encryption.flag("AutoLockManagers")
    return spec


def _read_raft(given: Given, spec: ClusterSpec) -> None:
    """Missing numbers are kept, and so are those that are 0; but that no old snapshot is kept can be said."""
    if (part := given.part("Raft")) is None:
        return
    if part.has("KeepOldSnapshots"):
        spec.raft.keep_old_snapshots = part.whole("KeepOldSnapshots", UINT64)
    for name, field, within in (
        ("SnapshotInterval", "snapshot_interval", UINT64),
        ("LogEntriesForSlowFollowers", "log_entries_for_slow_followers", UINT64),
        ("ElectionTick", "election_tick", UINT32),
        ("HeartbeatTick", "heartbeat_tick", UINT32),
    ):
        if value := part.whole(name, within):
            setattr(spec.raft, field, value)


def _read_ca(given: Given, spec: ClusterSpec) -> None:
    held = spec.ca_config
    del held.external_cas[:]
    held.force_rotate = 0
    _CA.read(given, held)
    held.signing_ca_cert = given.text("SigningCACert").encode()
    held.signing_ca_key = given.text("SigningCAKey").encode()
