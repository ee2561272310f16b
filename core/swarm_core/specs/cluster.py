"""The cluster's spec, its setters and what it must meet: certificates, autolock, heartbeat, snapshots, history of tasks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.api.timestamps import duration_s
from swarm_core.specs import notation
from swarm_core.specs.defaults import CLUSTER_NAME, NODE_CERT_EXPIRY_MIN_S
from swarm_core.specs.errors import InvalidSpec, InvalidValue

Read = Callable[[str], bytes]
"""The content of the file of that name. Raises OSError."""
_PROTOCOLS: Final[Mapping[str, int]] = {"cfssl": types_pb2.ExternalCA.CFSSL}


def set_autolock(spec: specs_pb2.ClusterSpec, wanted: bool) -> None:
    """Whether managers need a key to start."""
    spec.encryption_config.auto_lock_managers = wanted


def set_cert_expiry(spec: specs_pb2.ClusterSpec, text: str) -> None:
    """How long node certificates hold."""
    spec.ca_config.node_cert_expiry.CopyFrom(notation.duration(text))


def set_heartbeat(spec: specs_pb2.ClusterSpec, text: str) -> None:
    """Time between two heartbeats of a node."""
    spec.dispatcher.heartbeat_period.CopyFrom(notation.duration(text))


def set_external_cas(spec: specs_pb2.ClusterSpec, authorities: Sequence[types_pb2.ExternalCA]) -> None:
    """The CAs that sign for us, in place of those before."""
    del spec.ca_config.external_cas[:]
    spec.ca_config.external_cas.extend(authorities)


def set_snapshots_kept(spec: specs_pb2.ClusterSpec, count: int) -> None:
    """How many older raft snapshots are kept."""
    spec.raft.keep_old_snapshots = count


def set_snapshot_interval(spec: specs_pb2.ClusterSpec, entries: int) -> None:
    """How many log entries lie between two raft snapshots."""
    spec.raft.snapshot_interval = entries


def set_task_history(spec: specs_pb2.ClusterSpec, count: int) -> None:
    """How many old tasks of each slot are kept; below zero, all."""
    spec.orchestration.task_history_retention_limit = count


def replace_root(spec: specs_pb2.ClusterSpec, certificate: bytes = b"", key: bytes = b"") -> None:
    """Ask for another root CA: this one (PEM), or a new one of the managers' own making."""
    spec.ca_config.signing_ca_cert, spec.ca_config.signing_ca_key = certificate, key
    for entry in spec.ca_config.external_cas if certificate else ():
        entry.ca_cert = entry.ca_cert or certificate
    spec.ca_config.force_rotate += 1


def check(spec: specs_pb2.ClusterSpec) -> None:
    """Everything about the settings that can be judged without the cluster. Raises InvalidSpec."""
    expiry = spec.ca_config.node_cert_expiry
    if spec.ca_config.HasField("node_cert_expiry") and duration_s(expiry) < NODE_CERT_EXPIRY_MIN_S:
        raise InvalidSpec("minimum certificate expiry time is: 1h0m0s")
    for policy in spec.acceptance_policy.policies:
        if policy.HasField("secret") and policy.secret.alg.lower() != "bcrypt":
            raise InvalidSpec("the secret of an acceptance policy must be hashed with bcrypt")
    if duration_s(spec.dispatcher.heartbeat_period) < 0:
        raise InvalidSpec("the heartbeat period must not be negative")
    if spec.annotations.name != CLUSTER_NAME:
        raise InvalidSpec(f"the cluster's name must stay {CLUSTER_NAME!r}")


def external_ca(text: str, read: Read) -> types_pb2.ExternalCA:
    """protocol=cfssl,url=…[,cacert=FILE][,option=value]."""
    given = notation.fields(text, is_bare_true=False)
    if given.pop("protocol", "").lower() not in _PROTOCOLS:
        raise InvalidValue("protocol=cfssl is needed, no other protocol is known")
    if not (url := given.pop("url", "")):
        raise InvalidValue("the url of the external CA is needed")
    path, certificate = given.pop("cacert", ""), b""
    if path:
        try:
            certificate = read(path)
        except OSError as error:
            raise InvalidValue(f"{path} cannot be read: {error.strerror}") from None
    return types_pb2.ExternalCA(
        protocol=types_pb2.ExternalCA.CFSSL, url=url, options=given, ca_cert=certificate
    )
