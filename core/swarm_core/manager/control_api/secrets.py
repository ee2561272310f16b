"""Secrets (docs/design/control-api.md 4.6). Their data never leave through this API."""

import random

from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_core.manager.control_api.payloads import SECRETS, Payloads
from swarm_core.manager.control_api.requests import copy
from swarm_core.rpc.caller import Caller
from swarm_core.store.memory import MemoryStore


class SecretsApi:
    """The Control methods for secrets."""

    def __init__(self, store: MemoryStore, rng: random.Random) -> None:
        self._secrets = Payloads(store, rng, SECRETS)

    async def get_secret(
        self, request: control_pb2.GetSecretRequest, caller: Caller
    ) -> control_pb2.GetSecretResponse:
        return control_pb2.GetSecretResponse(secret=blanked(self._secrets.get(request.secret_id)))

    async def list_secrets(
        self, request: control_pb2.ListSecretsRequest, caller: Caller
    ) -> control_pb2.ListSecretsResponse:
        found = self._secrets.list(request.filters)
        return control_pb2.ListSecretsResponse(secrets=[blanked(item) for item in found if not item.internal])

    async def create_secret(
        self, request: control_pb2.CreateSecretRequest, caller: Caller
    ) -> control_pb2.CreateSecretResponse:
        return control_pb2.CreateSecretResponse(secret=blanked(await self._secrets.create(request.spec)))

    async def update_secret(
        self, request: control_pb2.UpdateSecretRequest, caller: Caller
    ) -> control_pb2.UpdateSecretResponse:
        return control_pb2.UpdateSecretResponse(secret=blanked(await self._secrets.update(request)))

    async def remove_secret(
        self, request: control_pb2.RemoveSecretRequest, caller: Caller
    ) -> control_pb2.RemoveSecretResponse:
        await self._secrets.remove(request.secret_id)
        return control_pb2.RemoveSecretResponse()


def blanked(secret: objects_pb2.Secret) -> objects_pb2.Secret:
    """The secret without its data."""
    shown = copy(secret)
    shown.spec.ClearField("data")
    return shown
