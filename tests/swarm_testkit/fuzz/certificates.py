"""What strangers show when they connect and join: certificates, chains, requests for certificates, keys and tokens.

What must hold: each is taken, or refused with one of `swarm_core.ca.errors`. And a certificate that was not signed by the cluster's root, or of which a byte
is another one, is never believed.
"""

import base64
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.names import MANAGER_ROLE
from swarm_core.ca import certificates, csr, keys, pem, tokens
from swarm_core.ca.errors import CaError
from swarm_core.ca.root_ca import RootCa

from swarm_testkit.fuzz.frame import Kind, Player, must
from swarm_testkit.fuzz.mutations import bent_bytes

_NOW_NS: Final = 1_760_000_000 * 10**9
_NAME: Final = "swarm-manager"


@dataclass(frozen=True, slots=True)
class _Authority:
    root: RootCa
    other: RootCa
    chain: bytes
    request: bytes
    key: bytes
    token: str


def _made() -> _Authority:
    """Always the same one: an input can be played again."""
    chance = random.Random(_NAME).randbytes
    root, other = RootCa.create(_NOW_NS, chance), RootCa.create(_NOW_NS, chance)
    key = keys.generate(chance)
    request = csr.create(key)
    chain = root.sign(
        request, node_id="node", role=MANAGER_ROLE, organization="cluster", wall_ns=_NOW_NS, chance=chance
    )
    token = tokens.generate(root.certificate, chance=chance)
    return _Authority(root, other, chain, request, keys.pkcs8(key), token)


@contextmanager
def _opened() -> Iterator[Player]:
    made = _made()
    yield lambda seed: _play(made, random.Random(seed))


def _play(made: _Authority, rng: random.Random) -> str:
    name, work = rng.choice(_WAYS)
    try:
        work(made, rng)
    except CaError as error:
        must(str(error).strip(), "a refusal says why")
        return f"{name}: {type(error).__name__}"
    return f"{name}: taken"


def _bent_der(data: bytes, rng: random.Random) -> bytes:
    """A PEM text of which the text, or what it stands for, is another one."""
    if rng.random() < 0.2:
        return bent_bytes(rng, data)
    (block, *_) = pem.decode(data)
    body = bytearray(block.body)
    if rng.random() < 0.6:
        for _ in range(rng.choice((1, 1, 2, 4))):
            body[rng.randrange(len(body))] = rng.choice(
                (0, 1, 2, 3, 6, 0x30, 0x7F, 0x80, 0x84, 0xFF, rng.randrange(256))
            )
    else:
        body = bytearray(bent_bytes(rng, bytes(body)))
    return pem.encode(pem.Block(block.kind, bytes(body), block.headers))


def _chain(made: _Authority, rng: random.Random) -> None:
    shown = _bent_der(made.chain, rng)
    roots = rng.choice((made.root.certificate, made.root.certificate + made.other.certificate))
    certificates.identity(shown)
    certificates.not_after_ns(shown)
    _is_original(
        shown,
        made,
        lambda: certificates.verify_chain(shown, roots, _NOW_NS, allow_expired=rng.random() < 0.5),
    )
    _is_original(shown, made, lambda: certificates.issuer(shown, roots))


def _server(made: _Authority, rng: random.Random) -> None:
    shown = [block.body for block in pem.decode(_bent(made.chain, rng))]
    certificates.verify_server(shown, made.root.certificate, rng.choice((None, _NOW_NS)), _NAME)
    must(shown[0] == pem.decode(made.chain)[0].body, "a changed certificate is not believed")


def _bent(data: bytes, rng: random.Random) -> bytes:
    changed = _bent_der(data, rng)
    try:
        pem.decode(changed)
    except ValueError:
        return data
    return changed


def _is_original(shown: bytes, made: _Authority, judge: Callable[[], Any]) -> None:
    """Whoever is believed shows the certificate that was signed."""
    judge()
    first, signed = certificates.parse(shown)[0], certificates.parse(made.chain)[0]
    must(first.tbs_certificate_bytes == signed.tbs_certificate_bytes, "a changed certificate is not believed")


def _root(made: _Authority, rng: random.Random) -> None:
    shown = _bent_der(made.root.certificate, rng)
    certificates.verify_roots(shown, _NOW_NS)
    RootCa.load(shown, rng.choice((None, made.root.key)))
    made.root.cross_sign(shown)
    tokens.root_hash(shown)


def _foreign(made: _Authority, rng: random.Random) -> None:
    foreign = made.other.sign(
        made.request,
        node_id="node",
        role=MANAGER_ROLE,
        organization="cluster",
        wall_ns=_NOW_NS,
        chance=rng.randbytes,
    )
    shown = rng.choice(
        (foreign, foreign + made.root.certificate, foreign + made.chain, made.other.certificate)
    )
    certificates.verify_chain(shown, made.root.certificate, _NOW_NS)
    must(False, "a foreign certificate is not believed")


def _request(made: _Authority, rng: random.Random) -> None:
    request = _bent_der(made.request, rng)
    csr.public_key(request)
    made.root.sign(
        request,
        node_id="node",
        role=MANAGER_ROLE,
        organization="cluster",
        wall_ns=_NOW_NS,
        chance=rng.randbytes,
    )


def _key(made: _Authority, rng: random.Random) -> None:
    keys.load(_bent_der(made.key, rng), rng.choice((None, bytes(32))))


def _token(made: _Authority, rng: random.Random) -> None:
    given = bent_bytes(rng, made.token.encode()).decode("utf-8", "surrogateescape")
    parsed = tokens.parse(given)
    if parsed.trusts(made.root.certificate):
        must(tokens.parse(made.token).trusts(made.root.certificate), "the token's own root is trusted")
    tokens.matches(given, made.token)


def _unlock_key(made: _Authority, rng: random.Random) -> None:
    tokens.parse_unlock_key(
        bent_bytes(rng, base64.b64encode(made.root.certificate[:32])).decode("utf-8", "surrogateescape")
    )


_WAYS: Final = (
    ("chain", _chain), ("chain", _chain), ("server", _server), ("root", _root), ("foreign", _foreign), ("request", _request), ("key", _key), ("token", _token),
    ("unlock key", _unlock_key),
)  # fmt: skip

KIND = Kind(
    "certificates",
    "certificates, requests for them, keys and tokens of whoever connects or joins",
    _opened,
    (
        "swarm_core.ca.certificates",
        "swarm_core.ca.csr",
        "swarm_core.ca.keys",
        "swarm_core.ca.pem",
        "swarm_core.ca.root_ca",
        "swarm_core.ca.tokens",
    ),
)
