"""The rules that secrets and configs share: small immutable payloads that tasks refer to (docs/design/control-api.md 4.6).

`PayloadKind` holds where the two kinds differ.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from swarm_core.api.ids import new_id
from swarm_core.api.proto import objects_pb2
from swarm_core.manager.control_api.requests import check_update, copy, known
from swarm_core.manager.control_api.selection import BY_SPEC_LABELS, BY_SPEC_NAME, Selection
from swarm_core.rpc.errors import AlreadyExists, InvalidArgument, Unimplemented
from swarm_core.specs.errors import InvalidSpec
from swarm_core.specs.payload import check
from swarm_core.store.by import By, ReferencedConfig, ReferencedSecret
from swarm_core.store.errors import NameConflict
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

P = TypeVar("P", objects_pb2.Secret, objects_pb2.Config)


@dataclass(frozen=True, slots=True)
class PayloadKind(Generic[P]):
    kind: type[P]
    noun: str
    referenced_by: Callable[[str], By]


SECRETS = PayloadKind(objects_pb2.Secret, "secret", ReferencedSecret)
CONFIGS = PayloadKind(objects_pb2.Config, "config", ReferencedConfig)


class Payloads(Generic[P]):
    """Create, read, relabel and remove objects of one payload kind."""

    def __init__(self, store: MemoryStore, rng: random.Random, rules: PayloadKind[P]) -> None:
        self._store = store
        self._rng = rng
        self._rules: PayloadKind[P] = rules
        self._selection: Selection[P] = Selection(
            rules.kind, BY_SPEC_NAME, (BY_SPEC_LABELS,), names_add_up=True
        )

    def get(self, id_: str) -> P:
        return known(self._store, self._rules.kind, id_)

    def list(self, filters: Any) -> list[P]:
        return self._selection.found(self._store, filters)

    async def create(self, spec: Any) -> P:
        noun = self._rules.noun
        try:
            check(spec)
        except InvalidSpec as error:
            raise InvalidArgument(str(error)) from None
        if noun == "secret" and spec.HasField("driver"):
            raise Unimplemented("secrets from an external driver are not supported yet")
        item = self._rules.kind(id=new_id(self._rng), spec=spec)
        try:
            await self._store.update(lambda tx: tx.create(item))
        except NameConflict:
            raise AlreadyExists(f"{noun} {spec.annotations.name} already exists") from None
        return item

    async def update(self, request: Any) -> P:
        noun = self._rules.noun
        check_update(request, noun)
        id_, version, spec = getattr(request, f"{noun}_id"), getattr(request, f"{noun}_version"), request.spec

        def relabel(tx: Transaction) -> P:
            stored = known(tx, self._rules.kind, id_)
            renamed = stored.spec.annotations.name != spec.annotations.name
            if renamed or (spec.data and spec.data != stored.spec.data):
                raise InvalidArgument(f"only the labels of a {noun} can be changed")
            item = copy(stored)
            item.meta.version.index = version.index
            item.spec.annotations.labels.clear()
            item.spec.annotations.labels.update(spec.annotations.labels)
            tx.update(item)
            return item

        return await self._store.update(relabel)

    async def remove(self, id_: str) -> None:
        noun = self._rules.noun

        def delete(tx: Transaction) -> None:
            item = known(tx, self._rules.kind, id_)
            users = tx.find(objects_pb2.Service, self._rules.referenced_by(id_))
            if users:
                names = ", ".join(sorted(user.spec.annotations.name for user in users))
                raise InvalidArgument(
                    f"{noun} '{item.spec.annotations.name}' is in use by the following service"
                    f"{'s' if len(users) > 1 else ''}: {names}"
                )
            tx.delete(self._rules.kind, id_)

        await self._store.update(delete)
