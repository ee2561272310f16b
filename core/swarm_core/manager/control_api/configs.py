"""Configs (docs/design/control-api.md 4.6)."""

import random

from swarm_core.api.proto import control_pb2
from swarm_core.manager.control_api.payloads import CONFIGS, Payloads
from swarm_core.rpc.caller import Caller
from swarm_core.store.memory import MemoryStore


class ConfigsApi:
    """The Control methods for configs."""

    def __init__(self, store: MemoryStore, rng: random.Random) -> None:
        self._configs = Payloads(store, rng, CONFIGS)

    async def get_config(
        self, request: control_pb2.GetConfigRequest, caller: Caller
    ) -> control_pb2.GetConfigResponse:
        return control_pb2.GetConfigResponse(config=self._configs.get(request.config_id))

    async def list_configs(
        self, request: control_pb2.ListConfigsRequest, caller: Caller
    ) -> control_pb2.ListConfigsResponse:
        return control_pb2.ListConfigsResponse(configs=self._configs.list(request.filters))

    async def create_config(
        self, request: control_pb2.CreateConfigRequest, caller: Caller
    ) -> control_pb2.CreateConfigResponse:
        return control_pb2.CreateConfigResponse(config=await self._configs.create(request.spec))

    async def update_config(
        self, request: control_pb2.UpdateConfigRequest, caller: Caller
    ) -> control_pb2.UpdateConfigResponse:
        return control_pb2.UpdateConfigResponse(config=await self._configs.update(request))

    async def remove_config(
        self, request: control_pb2.RemoveConfigRequest, caller: Caller
    ) -> control_pb2.RemoveConfigResponse:
        await self._configs.remove(request.config_id)
        return control_pb2.RemoveConfigResponse()
