"""Published ports in their short forms: `[ip:][published:]target[/protocol]`, each part perhaps a range (docs/design/stacks.md 12.5)."""

from typing import Any, Final

from swarm_core.compose.reading.errors import WrongShape
from swarm_core.compose.reading.notes import Notes
from swarm_core.compose.reading.scalars import as_text
from swarm_core.compose.reading.values import Map, Mark, Reset, Seq
from swarm_core.specs.parts import PORT_MAX

_PROTOCOLS: Final = ("tcp", "udp", "sctp")
Range = tuple[int, int]


def ports(value: Seq, notes: Notes) -> Seq:
    """All entries in their long form. Raises WrongShape."""
    found = value.like()
    for item, at in value.marked():
        if isinstance(item, Map | Reset):
            found.add(item, at)
            continue
        for entry in _short(as_text(item), notes, at):
            found.add(entry, at)
    return found


def _short(text: str, notes: Notes, mark: Mark) -> list[Map]:
    rest, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise WrongShape(f"invalid proto: {protocol}", mark)
    before, _, target_text = rest.rpartition(":")
    address, separator, published_text = before.rpartition(":")
    target = _range(target_text, text, mark)
    if separator:
        notes.warning(
            f"ignoring IP-address ({text if '/' in text else text + '/' + protocol}) service will listen on '0.0.0.0'",
            mark,
        )
        if not address:
            raise WrongShape(f"invalid IP address in {text!r}", mark)
    if not published_text:
        entries = [_entry(number, 0, protocol, mark) for number in _numbers(target)]
    else:
        entries = _paired(
            target, _range(published_text, text, mark), protocol, (target_text, published_text), mark
        )
    return sorted(entries, key=lambda entry: f"{entry['target']}/{protocol}")


def _paired(target: Range, published: Range, protocol: str, texts: tuple[str, str], mark: Mark) -> list[Map]:
    """A port for each published one: both ranges side by side, or one target behind all of them."""
    targets, numbers = _numbers(target), _numbers(published)
    if len(targets) == 1:
        return [_entry(targets[0], number, protocol, mark) for number in numbers]
    if len(targets) != len(numbers):
        raise WrongShape(
            f"invalid ranges specified for container and host Ports: {texts[0]} and {texts[1]}", mark
        )
    return [_entry(one, number, protocol, mark) for one, number in zip(targets, numbers, strict=True)]


def _numbers(given: Range) -> range:
    return range(given[0], given[1] + 1)


def _range(text: str, whole: str, mark: Mark) -> Range:
    first, separator, last = text.partition("-")
    numbers = (_number(first, whole, mark), _number(last if separator else first, whole, mark))
    if numbers[1] < numbers[0]:
        raise WrongShape(f"invalid range {text!r} in the port {whole!r}", mark)
    return numbers


def _number(text: str, whole: str, mark: Mark) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= PORT_MAX):
        raise WrongShape(f"{text!r} in {whole!r} is no port", mark)
    return int(text)


def _entry(target: int, published: int, protocol: str, mark: Mark) -> Map:
    entry = Map(mark)
    values: dict[str, Any] = {
        "mode": "ingress",
        "target": target,
        "published": published,
        "protocol": protocol,
    }
    for key, value in values.items():
        if key != "published" or value:
            entry.put(key, value)
    return entry
