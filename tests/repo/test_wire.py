"""The wire contract: our descriptors say what the table of facts says, row by row, and nothing else."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from swarm_core.rpc.authorization import roles_for
from swarm_testkit.host import SHARED, shared_text

FACTS = Path(__file__).parents[1] / "data" / "wire" / "swarmkit-v1.txt"

FILES = {
    "types": "types_pb2",
    "specs": "specs_pb2",
    "objects": "objects_pb2",
    "control": "control_pb2",
    "health": "health_pb2",
    "dispatcher": "dispatcher_pb2",
    "raft": "raft_pb2",
    "raftpb": "raftpb_pb2",
    "snapshot": "snapshot_pb2",
    "watch": "watch_pb2",
    "ca": "ca_pb2",
    "logbroker": "logbroker_pb2",
    "resource": "resource_pb2",
}
_TYPES = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}
_SECTION = re.compile(r"== (?:etcd )?(\w+)(?: \(.*\))?\s+package (\S+)\s+syntax (\S+)")
_METHOD = re.compile(r"(\w+)\((stream )?([\w.]+)\) -> (stream )?([\w.]+)\s*(.*)")
Row = tuple[str, ...]


def rows_of_facts(text: str) -> dict[str, set[Row]]:
    """File name to rows; each row begins with the path of messages it stands in."""
    files: dict[str, set[Row]] = {}
    rows: set[Row] = set()
    path: list[str] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        if line.startswith("=="):
            match = _SECTION.fullmatch(line)
            assert match is not None, line
            name, package, syntax = match.groups()
            rows = files.setdefault(name, set())
            rows.add(("file", package, syntax))
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        words = line.split()
        path = path[:depth]
        if words[0] in ("message", "enum", "service"):
            path.append(words[1])
            rows.add((words[0], ".".join(path)))
        elif method := _METHOD.fullmatch(line.strip()):
            name, in_stream, request, out_stream, response, roles = method.groups()
            streams = (in_stream or "", request, out_stream or "", response)
            rows.add((".".join(path), name, *streams, roles.strip()))
        else:
            rows.add((".".join(path), *words))
    return files


def rows_of_file(file: FileDescriptor) -> set[Row]:
    """The same rows, from a generated module's descriptor."""
    syntax = "proto2" if file.package == "raftpb" else "proto3"
    rows: set[Row] = {("file", file.package, syntax)}
    for enum in file.enum_types_by_name.values():
        rows |= rows_of_enum(enum, enum.name)
    for message in file.message_types_by_name.values():
        rows |= rows_of_message(message, message.name, file.package)
    for service in file.services_by_name.values():
        rows.add(("service", service.full_name))
        for method in service.methods:
            roles = roles_for(service.name, method.name)
            rows.add(
                (
                    service.full_name,
                    method.name,
                    "stream " if method.client_streaming else "",
                    short(method.input_type.full_name, file.package),
                    "stream " if method.server_streaming else "",
                    short(method.output_type.full_name, file.package),
                    role_words(roles),
                )
            )
    return rows


def role_words(roles: frozenset[str]) -> str:
    return "roles=" + ",".join(sorted(roles, reverse=True)) if roles else "insecure-allowed"


def rows_of_message(message: Descriptor, path: str, package: str) -> set[Row]:
    rows: set[Row] = {("message", path)}
    for enum in message.enum_types:
        rows |= rows_of_enum(enum, f"{path}.{enum.name}")
    for nested in message.nested_types:
        if not nested.GetOptions().map_entry:
            rows |= rows_of_message(nested, f"{path}.{nested.name}", package)
    for field in message.fields:
        rows.add((path, *field_words(field, package)))
    return rows


def rows_of_enum(enum: EnumDescriptor, path: str) -> set[Row]:
    return {("enum", path)} | {
        (path, str(value.number), value.name, *deprecated(value)) for value in enum.values
    }


def field_words(field: FieldDescriptor, package: str) -> Iterator[str]:
    yield str(field.number)
    yield field.name
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        yield f"map<{type_word(key, package)},{type_word(value, package)}>"
    else:
        if field.is_repeated:
            yield "repeated"
        elif field.is_required:
            yield "required"
        yield type_word(field, package)
    if field.containing_oneof is not None:
        yield from ("oneof", field.containing_oneof.name)
    yield from deprecated(field)


def type_word(field: FieldDescriptor, package: str) -> str:
    if field.message_type is not None:
        return short(field.message_type.full_name, package)
    if field.enum_type is not None:
        return short(field.enum_type.full_name, package)
    return _TYPES[field.type]


def deprecated(item: object) -> tuple[str, ...]:
    return ("deprecated",) if item.GetOptions().deprecated else ()  # type: ignore[attr-defined]


def short(name: str, package: str) -> str:
    return name.removeprefix(f"{package}.")


@pytest.mark.parametrize("name", sorted(FILES))
def test_descriptors_match_the_facts(name: str) -> None:
    """Fields (number, name, type, label, oneof, deprecation), enum values, methods, streams and roles are the same."""
    facts = rows_of_facts(FACTS.read_text())[name]
    ours = rows_of_file(import_module(f"swarm_core.api.proto.{FILES[name]}").DESCRIPTOR)
    assert ours - facts == set()
    assert facts - ours == set()


def test_every_file_of_facts_is_compared() -> None:
    """No section of the table is left out."""
    assert set(rows_of_facts(FACTS.read_text())) == set(FILES)


def test_both_tables_of_facts_are_equal() -> None:
    """The table in this repository and the one beside it say the same, so that neither drifts from the other."""
    beside = rows_of_facts(shared_text(SHARED / "wire" / "swarmkit-v1.txt"))
    assert rows_of_facts(FACTS.read_text()) == beside
