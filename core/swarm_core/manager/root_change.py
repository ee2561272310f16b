"""What an update of the cluster does to its root CA: the decision table of docs/design/certificates.md 3.13.

`decide` takes the cluster as stored and the CA settings that are wished for, and gives the RootCA to store, without
touching the store. The order of the rules is the specification's. A rotation begins with the new root signed by the old
one, so that nodes that know only the old one believe certificates of the new.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.ca import certificates, external_ca, keys
from swarm_core.ca.chance import SYSTEM, Chance
from swarm_core.ca.errors import CaError, ExternalCaUnavailable
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.root_ca import RootCa
from swarm_core.rpc.errors import Internal, InvalidArgument, Unknown

VALIDITY_LEFT_NS = 8760 * 3600 * 1_000_000_000
_NO_KEY = b""


@dataclass(frozen=True, slots=True)
class _Wish:
    """The settings with their certificate in normal form (empty: none given)."""

    certificate: bytes
    key: bytes
    force_rotate: int
    external_cas: Sequence[types_pb2.ExternalCA]


async def decide(
    cluster: objects_pb2.Cluster,
    config: types_pb2.CAConfig,
    external: ExternalCas,
    wall_ns: int,
    chance: Chance = SYSTEM,
) -> types_pb2.RootCA:
    """The root CA that follows from `config`. Raises InvalidArgument, Internal, Unknown."""
    if config.signing_ca_key and not config.signing_ca_cert:
        raise InvalidArgument("if a signing CA key is provided, the signing CA cert must also be provided")
    wish = _Wish(
        _normal(config.signing_ca_cert) if config.signing_ca_cert else b"",
        config.signing_ca_key,
        config.force_rotate,
        config.external_cas,
    )
    return await _Decision(cluster.root_ca, wish, external, wall_ns, chance).made()


class _Decision:
    def __init__(
        self, stored: types_pb2.RootCA, wish: _Wish, external: ExternalCas, wall_ns: int, chance: Chance
    ) -> None:
        self._chance = chance
        self._stored = stored
        self._wish = wish
        self._external = external
        self._wall_ns = wall_ns
        try:
            self._current = certificates.normalise(stored.ca_cert)
        except CaError as error:
            raise Internal(f"the cluster's root CA cannot be used: {error}") from None

    async def made(self) -> types_pb2.RootCA:
        wish, stored = self._wish, self._stored
        if not stored.ca_key:
            if wish.certificate == self._current and wish.key:
                return self._with_key(_pair_or_unknown(wish))
            await self._need_external(self._current, "current")
        if not wish.certificate:
            if wish.force_rotate != stored.last_forced_rotation:
                root = RootCa.create(self._wall_ns, self._chance)
                return await self._start(root.certificate, root.key or _NO_KEY)
            if stored.HasField("root_rotation") and not stored.root_rotation.ca_key:
                await self._need_external(certificates.normalise(stored.root_rotation.ca_cert), "next")
            return stored
        await self._check_wish()
        if wish.certificate == self._current:
            return self._with_key(wish.key)
        if wish.key and stored.ca_key and _same_key(wish.key, stored.ca_key):
            raise InvalidArgument(
                "the root CA's key is to change: the new signing key is the same as the old"
            )
        if stored.HasField("root_rotation") and wish.certificate == certificates.normalise(
            stored.root_rotation.ca_cert
        ):
            changed = self._changed()
            changed.root_rotation.ca_key = wish.key
            return changed
        return await self._start(wish.certificate, wish.key)

    async def _check_wish(self) -> None:
        wish = self._wish
        try:
            RootCa.load(wish.certificate, wish.key or None)
            if len(certificates.parse(wish.certificate)) != 1:
                raise InvalidArgument("the signing CA certificate must be exactly one certificate")
        except CaError as error:
            raise InvalidArgument(f"the signing CA certificate cannot be used: {error}") from None
        if certificates.not_after_ns(wish.certificate) < self._wall_ns + VALIDITY_LEFT_NS:
            raise InvalidArgument("the signing CA certificate must be valid for at least one year more")
        if not wish.key:
            await self._need_external(wish.certificate, "desired")

    async def _start(self, certificate: bytes, key: bytes) -> types_pb2.RootCA:
        """A rotation to this root, in the place of one that may be running."""
        stored = self._stored
        if not stored.ca_key and not key:
            raise InvalidArgument("rotating from one external CA to another external CA is not supported")
        try:
            cross_signed = await self._cross_signed(certificate, key)
        except CaError as error:
            raise Internal(f"the new root CA could not be cross-signed: {error}") from None
        changed = self._changed()
        changed.root_rotation.CopyFrom(
            types_pb2.RootRotation(ca_cert=certificate, ca_key=key, cross_signed_ca_cert=cross_signed)
        )
        return changed

    async def _cross_signed(self, certificate: bytes, key: bytes) -> bytes:
        if self._stored.ca_key:
            return RootCa.load(self._current, self._stored.ca_key).cross_sign(certificate, self._chance)
        request = external_ca.cross_signing_request(certificate, key)
        signed = await self._external.sign(self._urls(self._current), request, roots=self._current)
        certificates.verify_chain(signed, self._current, self._wall_ns)
        RootCa.load(self._current, key, signed)
        return signed

    async def _need_external(self, root: bytes, which: str) -> None:
        try:
            await self._external.check_reachable(self._urls(root), roots=root)
        except ExternalCaUnavailable as error:
            raise InvalidArgument(
                f"there must be at least one valid, reachable external CA for the {which} CA certificate: {error}"
            ) from None

    def _urls(self, root: bytes) -> list[str]:
        return external_ca.urls_for(self._wish.external_cas, root, current=self._current)

    def _with_key(self, key: bytes) -> types_pb2.RootCA:
        """The current root stays, with this key or none; a running rotation is off."""
        changed = self._changed()
        changed.ca_key = key
        changed.ClearField("root_rotation")
        return changed

    def _changed(self) -> types_pb2.RootCA:
        changed = types_pb2.RootCA()
        changed.CopyFrom(self._stored)
        changed.last_forced_rotation = self._wish.force_rotate
        return changed


def _normal(certificate: bytes) -> bytes:
    try:
        return certificates.normalise(certificate)
    except CaError as error:
        raise InvalidArgument(f"the signing CA certificate cannot be used: {error}") from None


def _pair_or_unknown(wish: _Wish) -> bytes:
    try:
        RootCa.load(wish.certificate, wish.key)
    except CaError as error:
        raise Unknown(str(error)) from None
    return wish.key


def _same_key(one: bytes, other: bytes) -> bool:
    try:
        return keys.public_der(keys.load(one)) == keys.public_der(keys.load(other))
    except CaError:
        return False
