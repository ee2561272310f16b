"""One service in its normal form (docs/design/stacks.md 12.5). Keys that need no change stay as they are."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.compose.forms import environment, mounts, ports, scalars, words
from swarm_core.compose.forms.environment import World
from swarm_core.compose.reading.errors import WrongShape
from swarm_core.compose.reading.scalars import as_text
from swarm_core.compose.reading.values import Map, Mark, Reset, Seq


@dataclass(frozen=True, slots=True)
class Context:
    """Where a value stands, and what it can refer to."""

    world: World
    declared_volumes: Collection[str]


Form = Callable[[Any, Context, Mark], Any]


def normal(service: Map, context: Context) -> Map:
    """The service with every value in its long form. Raises ComposeError."""
    found = service.like()
    for key, value in service.items():
        if key == "env_file":
            continue
        form = _FORMS.get(key)
        is_kept = form is None or isinstance(value, Reset) or value is None
        found[key] = value if is_kept else form(value, context, service.at(key))  # type: ignore[misc]
    variables = environment.environment(service, context.world)
    if isinstance(service.get("environment"), Reset):
        found["environment"] = service["environment"]
    elif variables or "environment" in service:
        found["environment"] = variables
    return found


def _words(value: Any, context: Context, mark: Mark) -> Any:
    if isinstance(value, Seq):
        return value
    found = Seq(mark)
    for word in words.split(value, mark):
        found.add(word)
    return found


def _texts(value: Any, context: Context, mark: Mark) -> Any:
    return scalars.texts(value, mark)


def _pairs(value: Any, context: Context, mark: Mark) -> Any:
    return scalars.pairs(value, context.world.notes)


def _duration(value: Any, context: Context, mark: Mark) -> Any:
    return scalars.duration(value)


def _size(value: Any, context: Context, mark: Mark) -> Any:
    return scalars.size(value, mark)


def _within(**forms: Form) -> Form:
    """The form of a mapping, from the forms of its entries."""

    def form(value: Any, context: Context, mark: Mark) -> Any:
        if not isinstance(value, Map):
            return value
        found = value.like()
        for key, entry in value.items():
            below = forms.get(key)
            is_kept = below is None or entry is None or isinstance(entry, Reset)
            found[key] = entry if is_kept else below(entry, context, value.at(key))  # type: ignore[misc]
        return found

    return form


def _health_test(value: Any, context: Context, mark: Mark) -> Any:
    if isinstance(value, Seq):
        return value
    found = Seq(mark)
    found.add("CMD-SHELL")
    found.add(value)
    return found


def _payloads(value: Any, context: Context, mark: Mark) -> Any:
    found = value.like()
    for item, at in value.marked():
        if isinstance(item, str):
            entry = Map(at)
            entry.put("source", item)
            item = entry
        found.add(item, at)
    return found


def _networks(value: Any, context: Context, mark: Mark) -> Any:
    if isinstance(value, Map):
        network = _within(driver_opts=_pairs)
        found = value.like()
        for name, entry in value.items():
            found[name] = network(entry, context, value.at(name))
        return found
    found = Map(mark)
    found.is_override = value.is_override
    for item, at in value.marked():
        found.put(item, None, at)
    return found


CONDITIONS: Final = ("service_started", "service_healthy", "service_completed_successfully")


def _dependencies(value: Any, context: Context, mark: Mark) -> Any:
    found = Map(mark)
    found.is_override = value.is_override
    entries = value.items() if isinstance(value, Map) else ((name, Map(mark)) for name in value)
    for number, (name, given) in enumerate(entries):
        at = value.at(name) if isinstance(value, Map) else value.at(number)
        if isinstance(given, Reset):
            found.put(name, given, at)
            continue
        condition = given.get("condition", CONDITIONS[0])
        if condition not in CONDITIONS:
            raise WrongShape(
                f"condition {condition!r} is none of {', '.join(CONDITIONS)}", given.at("condition")
            )
        entry = Map(at)
        entry.put("condition", condition)
        for key, default in (("required", True), ("restart", False)):
            if given.get(key, default) != default:
                entry.put(key, not default)
        found.put(name, entry, at)
    return found


def _hosts(value: Any, context: Context, mark: Mark) -> Any:
    """`name:address`, in the order given; of a mapping in the order of names."""
    found = Seq(mark)
    found.is_override = value.is_override
    if isinstance(value, Map):
        given = sorted(
            (name, as_text(address), value.at(name)) for name, address in value.items() if address is not None
        )
        for name, address, at in given:
            found.add(f"{name}:{_bare(address)}", at)
        return found
    for item, at in value.marked():
        separator = "=" if "=" in item else ":"
        name, there, address = item.partition(separator)
        if there:
            found.add(f"{name}:{_bare(address)}", at)
        else:
            context.world.notes.ignored(f"{item!r} names no address", at)
    return found


def _bare(address: str) -> str:
    return address[1:-1] if len(address) > 2 and address[0] == "[" and address[-1] == "]" else address


def _ports(value: Any, context: Context, mark: Mark) -> Any:
    return ports.ports(value, context.world.notes)


def _mounts(value: Any, context: Context, mark: Mark) -> Any:
    world = context.world
    return mounts.mounts(value, world.places, context.declared_volumes, world.notes)


def _number_texts(value: Any, context: Context, mark: Mark) -> Any:
    found = value.like()
    for item, at in value.marked():
        found.add(as_text(item), at)
    return found


def _build(value: Any, context: Context, mark: Mark) -> Any:
    if isinstance(value, Map):
        return value
    found = Map(mark)
    found.put("context", value)
    return found


_UPDATE: Final = _within(delay=_duration, monitor=_duration)
_RESOURCE: Final = _within(memory=_size)
_FORMS: Final[dict[str, Form]] = {
    "build": _build,
    "command": _words,
    "entrypoint": _words,
    "labels": _pairs,
    "sysctls": _pairs,
    "ports": _ports,
    "volumes": _mounts,
    "secrets": _payloads,
    "configs": _payloads,
    "networks": _networks,
    "depends_on": _dependencies,
    "extra_hosts": _hosts,
    "dns": _texts,
    "dns_search": _texts,
    "tmpfs": _texts,
    "group_add": _number_texts,
    "expose": _number_texts,
    "stop_grace_period": _duration,
    "logging": _within(options=_pairs),
    "healthcheck": _within(
        test=_health_test,
        interval=_duration,
        timeout=_duration,
        start_period=_duration,
        start_interval=_duration,
    ),
    "deploy": _within(
        labels=_pairs,
        update_config=_UPDATE,
        rollback_config=_UPDATE,
        restart_policy=_within(delay=_duration, window=_duration),
        resources=_within(limits=_RESOURCE, reservations=_RESOURCE),
    ),
    "x-process": _within(command=_words),
}
