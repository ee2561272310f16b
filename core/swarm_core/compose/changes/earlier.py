"""What a stack was at an earlier application: its services as they were asked for then, with what the cluster still holds of the rest
(docs/design/stacks.md 12.11).

The content of secrets and configs is in no state. What they refer to must still be there under its name.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from swarm_core.api.proto import specs_pb2
from swarm_core.compose.changes import binding, differences
from swarm_core.compose.changes.held import Held, stack_of
from swarm_core.compose.changes.state import State, name_of
from swarm_core.compose.convert.names import GENERATION, Namespace
from swarm_core.compose.convert.networks import used
from swarm_core.compose.convert.payloads import Check, Owned, Payloads
from swarm_core.compose.convert.stack import Desired, dependencies
from swarm_core.compose.reading.values import Map, Mark, marked

_LOST: Final = "{noun} {name} of application {number} is not there any more, and nobody can read its content: deploy the files"


def desired_of(then: State, now: State, held: Held) -> tuple[Desired, tuple[str, ...]]:
    """The stack as of `then`, with what keeps it from being so again; `now` is its last state."""
    space = Namespace(held.stack)
    document: Map = marked(then.document, Mark(name_of(space, then.number), 1, 1))
    services = document.get("services") or Map()
    specs = {space.descoped(name): spec for name, spec in then.service_specs().items()}
    secrets, lost_secrets = _payloads("secret", specs, held.secrets, held.stack, then)
    configs, lost_configs = _payloads("config", specs, held.configs, held.stack, then)
    desired = Desired(
        space,
        used(services, document.get("networks") or Map(), space),
        secrets,
        configs,
        specs,
        dependencies(services),
    )
    return desired, (*lost_secrets, *lost_configs, *_other_contents(secrets, then, now))


def _payloads(
    noun: str,
    specs: Mapping[str, specs_pb2.ServiceSpec],
    there: Mapping[str, Any],
    stack: str,
    then: State,
) -> tuple[Payloads[Any], list[str]]:
    """What services refer to, as it is held, and a sentence for each that is lost."""
    owned: dict[str, Owned[Any]] = {}
    external: dict[str, str] = {}
    lost = []
    for name in sorted({name for spec in specs.values() for name in _names(noun, spec)}):
        item = there.get(name)
        if item is None:
            lost.append(_LOST.format(noun=noun, name=name, number=then.number))
        elif stack_of(item) != stack:
            external[name] = name
        else:
            owned[name] = Owned(item.spec.annotations.labels.get(GENERATION, name), item.spec, Check.NAME)
    return Payloads(owned, external), lost


def _names(noun: str, spec: specs_pb2.ServiceSpec) -> Iterator[str]:
    for reference in getattr(binding.body_of(spec), f"{noun}s"):
        yield getattr(reference, f"{noun}_name")
    credentials = spec.task.container.privileges.credential_spec
    if noun == "config" and credentials.WhichOneof("source") == "config":
        yield credentials.config


def _other_contents(secrets: Payloads[Any], then: State, now: State) -> Iterator[str]:
    """Secrets of a fixed name that were made anew since."""
    for owned in secrets.owned.values():
        was, is_ = then.secrets.get(owned.name), now.secrets.get(owned.name)
        if was is not None and is_ is not None and was != is_:
            yield f"secret {owned.name} has another content now than at application {then.number}: deploy the files"


def changes(old: State | None, new: State) -> tuple[str, ...]:
    """What one application changed of the services, a line each."""
    before = old.service_specs() if old is not None else {}
    after = new.service_specs()
    found = [f"+ {name}" for name in sorted(after.keys() - before.keys())]
    found += [f"- {name}" for name in sorted(before.keys() - after.keys())]
    for name in sorted(after.keys() & before.keys()):
        found += [f"{name}: {one}" for one in differences.services(before[name], after[name], {})]
    return tuple(found)
