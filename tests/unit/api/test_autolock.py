"""The managers' unlock key in the cluster object."""

from swarm_core.api.autolock import set_unlock_key, unlock_key
from swarm_core.api.proto.objects_pb2 import Cluster


def test_the_managers_key_among_others() -> None:
    """The managers' key is set, replaced and taken away; another subsystem's stays and is never given out."""
    cluster = Cluster()
    cluster.unlock_keys.add(subsystem="other", key=b"other")
    assert unlock_key(cluster) is None
    for key in (b"one", b"two"):
        set_unlock_key(cluster, key)
        assert unlock_key(cluster) == key
        assert [entry.subsystem for entry in cluster.unlock_keys] == ["other", "swarm-manager"]
    set_unlock_key(cluster, None)
    assert unlock_key(cluster) is None
    assert [entry.key for entry in cluster.unlock_keys] == [b"other"]
