"""The cluster's settings as they are typed."""

from pathlib import Path

import pytest
from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.specs import cluster
from swarm_core.specs.errors import InvalidValue

ROOT = b"-----BEGIN CERTIFICATE-----\n"


def read(path: str) -> bytes:
    return Path(path).read_bytes()


def test_external_cas_as_they_are_typed(tmp_path: Path) -> None:
    """Protocol and url are needed, a certificate comes from a file, the rest are options."""
    (tmp_path / "ca.crt").write_bytes(ROOT)
    found = cluster.external_ca(
        f'Protocol=CFSSL,url=https://x/sign,"label=a,b",cacert={tmp_path}/ca.crt', read
    )
    assert (found.url, found.ca_cert, dict(found.options)) == ("https://x/sign", ROOT, {"label": "a,b"})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "protocol=cfssl is needed"),
        ("url=https://x", "protocol=cfssl is needed"),
        ("protocol=acme,url=https://x", "protocol=cfssl is needed"),
        ("protocol=cfssl", "the url"),
        ("protocol=cfssl,url=", "'url=' is not of the form"),
        ("protocol=cfssl,https://x", "not of the form key=value"),
        ("protocol=cfssl,url=https://x,cacert=/nowhere", "/nowhere cannot be read"),
    ],
)
def test_refused_external_cas(text: str, reason: str) -> None:
    """What is missing or wrong is named."""
    with pytest.raises(InvalidValue, match=reason):
        cluster.external_ca(text, read)


def test_settings() -> None:
    """Each setter changes its own setting and leaves the rest."""
    spec = specs_pb2.ClusterSpec()
    spec.annotations.name = "default"
    cluster.set_autolock(spec, True)
    cluster.set_cert_expiry(spec, "2160h")
    cluster.set_heartbeat(spec, "5s")
    cluster.set_snapshots_kept(spec, 2)
    cluster.set_snapshot_interval(spec, 100)
    cluster.set_task_history(spec, -1)
    cluster.set_external_cas(spec, [types_pb2.ExternalCA(url="https://a")])
    cluster.set_external_cas(spec, [types_pb2.ExternalCA(url="https://b")])
    assert spec.annotations.name == "default" and spec.encryption_config.auto_lock_managers
    assert spec.ca_config.node_cert_expiry.seconds == 2160 * 3600
    assert spec.dispatcher.heartbeat_period.seconds == 5
    assert (spec.raft.keep_old_snapshots, spec.raft.snapshot_interval) == (2, 100)
    assert spec.orchestration.task_history_retention_limit == -1
    assert [entry.url for entry in spec.ca_config.external_cas] == ["https://b"]


def test_another_root() -> None:
    """A root of one's own goes to external CAs that name none; without one only the wish is counted up."""
    spec = specs_pb2.ClusterSpec()
    spec.ca_config.external_cas.add(url="https://a")
    spec.ca_config.external_cas.add(url="https://b", ca_cert=b"theirs")
    cluster.replace_root(spec, ROOT, b"key")
    assert [entry.ca_cert for entry in spec.ca_config.external_cas] == [ROOT, b"theirs"]
    assert (spec.ca_config.signing_ca_cert, spec.ca_config.force_rotate) == (ROOT, 1)
    cluster.replace_root(spec)
    assert (spec.ca_config.signing_ca_cert, spec.ca_config.force_rotate) == (b"", 2)


def test_a_bad_setting_is_refused() -> None:
    """A duration that is none is refused in words."""
    with pytest.raises(InvalidValue, match="'soon' is no duration"):
        cluster.set_cert_expiry(specs_pb2.ClusterSpec(), "soon")
