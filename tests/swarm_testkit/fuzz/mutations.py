"""Changes that turn good inputs into bad ones: of bytes, and of values as JSON, YAML and TOML have them."""

import random
from collections.abc import Sequence
from typing import Any, Final

_SECTOR_BYTES: Final = 512
_BYTES: Final = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, 0x0A, 0x22, 0x24, 0x2D, 0x3A, 0x5B, 0x7B, 0x30)
TEXTS: Final = (
    "", " ", "a", "0", "-1", "00", "1e400", "-0", "0x", "0o9", "1.5.3", "NaN", "99999999999999999999999", "null", "true", "~",
    "${", "${A:-", "${A:?}", "$$", "$(x)", "a:b:c:d", ":", "::", "0:0", "65536:1", "[::1]:80:80/tcp", "80-70:80", "1-65535:1-65535", "/", "//",
    "../..", "~/x", "\x00", "\ud7ff\ue000", "ü", "\u202e", "a\nb", "a b", "a=b=c", "=", "-", "--", "-5s", "1h1m1µs", "1y", "10gb", "1.5kb",
    "sha256:zz", "name@sha256:" + "a" * 64, "A" * 300, "node.role==", "==", "type=bind,source=", "source=,target=a,,", "{{", "{{.Node", "{{.Service.Name}}", "!reset",
    "2001-01-01", "256.0.0.1", "10.0.0.0/33", "fe80::1%eth0", "::/0", "0.0.0.0",
)  # fmt: skip
NUMBERS: Final = (0, 1, -1, 2, 255, 65_536, 2**31, 2**32, 2**53, 2**63, 2**64, -(2**63) - 1, 10**30, 0.5, -0.0, 1e308, float("inf"), float("nan"))  # fmt: skip
_DEPTH: Final = 20_000


def bent_bytes(rng: random.Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """The data with one to four changes; `others` are good inputs, of which pieces may come in."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        _bend(rng, found, others)
    return bytes(found)


def _bend(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    size = min(rng.choice((1, 1, 2, 4, 8, 40, 500)), len(data) - at)
    match rng.randrange(10):
        case 0 | 1 if at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        case 2 if at < len(data):
            data[at] = rng.choice(_BYTES)
        case 3:
            del data[at : at + size]
        case 4:
            data[at:at] = data[at : at + size]
        case 5:
            del data[at:]
        case 6:
            data[at : at + size] = bytes(size)
        case 7:
            start = at - at % _SECTOR_BYTES
            data[start : start + _SECTOR_BYTES] = bytes(len(data[start : start + _SECTOR_BYTES]))
        case 8 if others:
            other = rng.choice(others)
            begin = rng.randrange(len(other) + 1)
            data[at : at + size] = other[begin : begin + rng.choice((1, 8, 60, 1000))]
        case _:
            data[at:at] = rng.choice(
                (rng.randbytes(rng.randrange(1, 9)), rng.choice(TEXTS).encode("utf-8", "surrogatepass"))
            )


def odd(rng: random.Random, depth: int = 0) -> Any:
    """A value that may not belong where it stands."""
    match rng.randrange(9 if depth < 3 else 6):
        case 0:
            return None
        case 1:
            return rng.random() < 0.5
        case 2:
            return rng.choice(NUMBERS)
        case 3 | 4 | 5:
            return rng.choice(TEXTS)
        case 6:
            return [odd(rng, depth + 1) for _ in range(rng.randrange(4))]
        case 7:
            return {str(rng.choice(TEXTS)): odd(rng, depth + 1) for _ in range(rng.randrange(4))}
        case _:
            return {} if rng.random() < 0.5 else []


def deep(rng: random.Random, before: str, opening: str, closing: str) -> bytes:
    """A text that is nested deeper than a reader that calls itself can follow, now and then without its end."""
    return (before + opening * _DEPTH + "1" + closing * rng.choice((_DEPTH, _DEPTH, 0))).encode()


def bent(rng: random.Random, value: Any, others: Sequence[Any] = ()) -> Any:
    """A copy of the value with one change somewhere inside; `others` are parts that may come in."""
    places = list(_places(value, ()))
    return _changed(rng, value, rng.choice(places), others)


def _places(value: Any, path: tuple[Any, ...]) -> Any:
    yield path
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in entries:
        yield from _places(inner, (*path, key))


def _changed(rng: random.Random, value: Any, path: tuple[Any, ...], others: Sequence[Any]) -> Any:
    if not path:
        return _other(rng, value, others)
    key, *rest = path
    if isinstance(value, list):
        found = list(value)
        if not rest and rng.random() < 0.3:
            match rng.randrange(3):
                case 0:
                    del found[key]
                case 1:
                    found.insert(key, found[key])
                case _:
                    rng.shuffle(found)
            return found
        found[key] = _changed(rng, value[key], tuple(rest), others)
        return found
    kept = dict(value)
    if not rest and rng.random() < 0.3:
        inner = kept.pop(key)
        if rng.random() < 0.6:
            kept[rng.choice((*value, *TEXTS[:20]))] = inner
        return kept
    kept[key] = _changed(rng, value[key], tuple(rest), others)
    return kept


def _other(rng: random.Random, value: Any, others: Sequence[Any]) -> Any:
    match rng.randrange(6):
        case 0 if others:
            return rng.choice(others)
        case 1 if isinstance(value, str) and value:
            at = rng.randrange(len(value) + 1)
            return value[:at] + rng.choice(TEXTS) + value[at:]
        case 2 if isinstance(value, str) and value:
            return value[: rng.randrange(len(value))]
        case 3 if isinstance(value, dict):
            return {**value, rng.choice(TEXTS): odd(rng)}
        case 3 if isinstance(value, list):
            return [*value, odd(rng)]
        case 4:
            return [value] if rng.random() < 0.5 else {"a": value}
        case _:
            return odd(rng)
