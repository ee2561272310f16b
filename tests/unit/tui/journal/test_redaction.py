"""What must not be written down is not (docs/design/journal.md 2)."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from swarm_core.api.kinds import NOUNS
from swarm_core.api.proto import objects_pb2
from swarm_testkit.factories import make_service, make_task
from swarm_tui.journal.redaction import MASK, without_contents, without_environment, without_secrets

_CANARY = b"CANARY-7f3a"
_SECRET_NAMES = {
    "ca_key",
    "signing_ca_key",
    "join_tokens",
    "registry_auth",
    "network_bootstrap_keys",
    "unlock_keys",
}


def _paths(
    descriptor: Descriptor, before: tuple[FieldDescriptor, ...] = ()
) -> Iterator[tuple[FieldDescriptor, ...]]:
    """Every way to a field of texts or bytes, each message once on a way."""
    for field in descriptor.fields:
        if field.message_type is None:
            yield (*before, field)
        elif field.message_type not in {one.message_type for one in before} and len(before) < 6:
            yield from _paths(field.message_type, (*before, field))


def _is_secret(kind: type[Message], path: tuple[FieldDescriptor, ...]) -> bool:
    names = [field.name for field in path]
    return bool(_SECRET_NAMES & set(names)) or (kind is objects_pb2.Secret and names == ["spec", "data"])


def _filled(kind: type[Message], path: tuple[FieldDescriptor, ...]) -> Any:
    item = kind()
    at: Any = item
    for field in path[:-1]:
        at = getattr(at, field.name)
        if field.is_repeated:
            at = at.add()
        else:
            at.SetInParent()
    last = path[-1]
    value: Any = _CANARY if last.type == FieldDescriptor.TYPE_BYTES else _CANARY.decode()
    if last.is_repeated:
        getattr(at, last.name).append(value)
    else:
        setattr(at, last.name, value)
    return item


_TEXTS = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
_SECRETS = [
    (kind, path)
    for kind in NOUNS
    for path in _paths(kind.DESCRIPTOR)
    if path[-1].type in _TEXTS
    and _is_secret(kind, path)
    and not any(f.message_type is not None and f.message_type.GetOptions().map_entry for f in path)
]


def test_there_are_secrets_to_look_for() -> None:
    """The walk through the messages finds every kind that holds a secret."""
    assert {NOUNS[kind] for kind, _ in _SECRETS} == {"cluster", "secret", "service", "task"}
    assert len(_SECRETS) >= 10


@pytest.mark.parametrize(
    ("kind", "path"), _SECRETS, ids=[f"{NOUNS[k]}-{'.'.join(f.name for f in p)}" for k, p in _SECRETS]
)
def test_no_secret_is_written(kind: type[Message], path: tuple[FieldDescriptor, ...]) -> None:
    """Wherever a message can hold a key, a token or a secret's data, the copy has none, and the object is left alone."""
    item = _filled(kind, path)
    assert _CANARY in item.SerializeToString()
    assert _CANARY not in without_secrets(item).SerializeToString()
    assert _CANARY in item.SerializeToString()


def test_all_else_is_passed_on() -> None:
    """An object without a secret is not copied, and one with a secret keeps the rest."""
    task = make_task("t", service=make_service("s", name="web"))
    assert without_secrets(task) is task
    secret = objects_pb2.Secret(id="x")
    secret.spec.annotations.name, secret.spec.data = "key", _CANARY
    assert without_secrets(secret).spec.annotations.name == "key"


def test_variables_lose_their_values_for_other_people() -> None:
    """In a file for others a variable keeps its name alone, in the old spec too, and payloads are left out."""
    service = make_service("s", name="web")
    service.spec.task.container.env[:] = ["PASSWORD=hunter2", "BARE"]
    service.previous_spec.CopyFrom(service.spec)
    task = make_task("t", service=service)
    task.spec.generic.payload.value = b"PASSWORD=hunter2"
    for item in (service, task):
        raw = without_environment(item).SerializeToString()
        assert b"hunter2" not in raw
    shown = without_environment(service).spec.task.container.env
    assert list(shown) == [f"PASSWORD={MASK}", "BARE"]


def test_configs_lose_what_is_in_them_for_other_people() -> None:
    """In a file for others a config keeps its name and labels; nothing else is changed, and what was given stays whole."""
    config = objects_pb2.Config(id="c")
    config.spec.annotations.name, config.spec.data = "site", _CANARY
    shown = without_contents(config)
    assert (shown.id, shown.spec.annotations.name, shown.spec.data) == ("c", "site", b"")
    assert config.spec.data == _CANARY
    task = make_task("t", service=make_service("s", name="web"))
    assert without_contents(task) is task
