"""Secrets and configs: small immutable payloads that tasks refer to (control-plane spec 4.6).

Both kinds obey the same rules; `PayloadKind` holds where they differ. A secret's data never leaves through
this API.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from swarm_core.api.ids import new_id
from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_core.api.validation import InvalidSpec, check_item_name
from swarm_core.manager.control_api.select import copy, union
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import AlreadyExists, InvalidArgument, NotFound, Unimplemented
from swarm_core.store.by import By, ReferencedConfig, ReferencedSecret
from swarm_core.store.errors import NameConflict
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

P = TypeVar("P", objects_pb2.Secret, objects_pb2.Config)

SECRET_BYTES_END = 500 * 1024
CONFIG_BYTES_END = 1000 * 1024


@dataclass(frozen=True, slots=True)
class PayloadKind(Generic[P]):
    kind: type[P]
    noun: str
    bytes_end: int
    referenced_by: Callable[[str], By]


SECRETS = PayloadKind(objects_pb2.Secret, "secret", SECRET_BYTES_END, ReferencedSecret)
CONFIGS = PayloadKind(objects_pb2.Config, "config", CONFIG_BYTES_END, ReferencedConfig)


class Payloads(Generic[P]):
    """Create, read, relabel and remove objects of one payload kind."""

    def __init__(self, store: MemoryStore, rng: random.Random, rules: PayloadKind[P]) -> None:
        self._store = store
        self._rng = rng
        self._rules: PayloadKind[P] = rules

    def get(self, id_: str) -> P:
        if not id_:
            raise InvalidArgument(f"the {self._rules.noun}'s id is required")
        item = self._store.get(self._rules.kind, id_)
        if item is None:
            raise NotFound(f"{self._rules.noun} {id_} not found")
        return item

    def list(self, filters: Any) -> list[P]:
        return union(self._store, self._rules.kind, filters)

    async def create(self, spec: Any) -> P:
        noun = self._rules.noun
        try:
            check_item_name(spec.annotations)
        except InvalidSpec as error:
            raise InvalidArgument(str(error)) from None
        if noun == "secret" and spec.HasField("driver"):
            raise Unimplemented("secrets from an external driver are not supported yet")
        if not 1 <= len(spec.data) < self._rules.bytes_end:
            raise InvalidArgument(
                f"the data of a {noun} must be larger than 0 and smaller than {self._rules.bytes_end} bytes"
            )
        item = self._rules.kind(id=new_id(self._rng), spec=spec)
        try:
            await self._store.update(lambda tx: tx.create(item))
        except NameConflict as error:
            raise AlreadyExists(f"{noun} {spec.annotations.name} already exists: {error}") from None
        return item

    async def update(self, id_: str, version: Any, spec: Any) -> P:
        if not id_ or version is None:
            raise InvalidArgument(f"the {self._rules.noun}'s id and version are required")
        if spec is None:
            raise InvalidArgument(f"the {self._rules.noun}'s spec is required")

        def relabel(tx: Transaction) -> P:
            stored = tx.get(self._rules.kind, id_)
            if stored is None:
                raise NotFound(f"{self._rules.noun} {id_} not found")
            renamed = stored.spec.annotations.name != spec.annotations.name
            if renamed or (spec.data and spec.data != stored.spec.data):
                raise InvalidArgument(f"only the labels of a {self._rules.noun} can be changed")
            item = copy(stored)
            item.meta.version.index = version.index
            item.spec.annotations.labels.clear()
            item.spec.annotations.labels.update(spec.annotations.labels)
            tx.update(item)
            return item

        return await self._store.update(relabel)

    async def remove(self, id_: str) -> None:
        noun = self._rules.noun
        if not id_:
            raise InvalidArgument(f"the {noun}'s id is required")

        def delete(tx: Transaction) -> None:
            item = tx.get(self._rules.kind, id_)
            if item is None:
                raise NotFound(f"{noun} {id_} not found")
            users = tx.find(objects_pb2.Service, self._rules.referenced_by(id_))
            if users:
                names = ", ".join(user.spec.annotations.name for user in users)
                raise InvalidArgument(
                    f"{noun} '{item.spec.annotations.name}' is in use by the following service"
                    f"{'s' if len(users) > 1 else ''}: {names}"
                )
            tx.delete(self._rules.kind, id_)

        await self._store.update(delete)


def blanked(secret: objects_pb2.Secret) -> objects_pb2.Secret:
    """The secret without its data."""
    shown = copy(secret)
    shown.spec.ClearField("data")
    return shown


class SecretRpcs:
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
        version = request.secret_version if request.HasField("secret_version") else None
        spec = request.spec if request.HasField("spec") else None
        item = await self._secrets.update(request.secret_id, version, spec)
        return control_pb2.UpdateSecretResponse(secret=blanked(item))

    async def remove_secret(
        self, request: control_pb2.RemoveSecretRequest, caller: Caller
    ) -> control_pb2.RemoveSecretResponse:
        await self._secrets.remove(request.secret_id)
        return control_pb2.RemoveSecretResponse()


class ConfigRpcs:
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
        version = request.config_version if request.HasField("config_version") else None
        spec = request.spec if request.HasField("spec") else None
        item = await self._configs.update(request.config_id, version, spec)
        return control_pb2.UpdateConfigResponse(config=item)

    async def remove_config(
        self, request: control_pb2.RemoveConfigRequest, caller: Caller
    ) -> control_pb2.RemoveConfigResponse:
        await self._configs.remove(request.config_id)
        return control_pb2.RemoveConfigResponse()
