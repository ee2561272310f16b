"""Secrets and configs: limits, and what may change (docs/design/control-api.md 4.6)."""

import random

import pytest
from swarm_core.api.proto import control_pb2
from swarm_core.manager.control_api.configs import ConfigsApi
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import (
    InvalidArgument,
)
from swarm_core.store.memory import MemoryStore

CALLER = Caller("operator", frozenset({"swarm-manager"}), "org", "127.0.0.1:1", is_local=True)


@pytest.fixture
def api(store: MemoryStore) -> ConfigsApi:
    return ConfigsApi(store, random.Random(1))


@pytest.mark.parametrize(
    ("size", "name", "good"),
    [
        (0, "a", False),
        (1, "a", True),
        (1023_999, "a", True),
        (1024_000, "a", False),
        (1, "", False),
        (1, "a b", False),
    ],
)
async def test_config_limits(api: ConfigsApi, size: int, name: str, good: bool) -> None:
    """A config holds 1 byte to just below 1000 KiB under a proper name."""
    request = control_pb2.CreateConfigRequest()
    request.spec.annotations.name, request.spec.data = name, b"x" * size
    if good:
        config = (await api.create_config(request, CALLER)).config
        read = await api.get_config(control_pb2.GetConfigRequest(config_id=config.id), CALLER)
        assert read.config.spec.data == request.spec.data
    else:
        with pytest.raises(InvalidArgument):
            await api.create_config(request, CALLER)


async def test_only_labels_of_a_config_change(api: ConfigsApi) -> None:
    """New data or a new name is refused; labels are replaced."""
    create_request = control_pb2.CreateConfigRequest()
    create_request.spec.annotations.name, create_request.spec.data = "a", b"x"
    config = (await api.create_config(create_request, CALLER)).config
    request = control_pb2.UpdateConfigRequest(
        config_id=config.id, config_version=config.meta.version, spec=config.spec
    )
    request.spec.data = b"y"
    with pytest.raises(InvalidArgument):
        await api.update_config(request, CALLER)
    request.spec.data = b"x"
    request.spec.annotations.labels["k"] = "v"
    updated = (await api.update_config(request, CALLER)).config
    assert dict(updated.spec.annotations.labels) == {"k": "v"}
    assert updated.spec.data == b"x"
